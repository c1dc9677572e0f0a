/* SPDX-License-Identifier: MIT
 * The fixture of the handlers' tests: a fake host with a database, a fake mailbox, people. */
#include "handler_fixture.h"

#include <cstdio>
#include <memory>

#include "check.h"
#include "plugins/model/users.h"

int handler_fixture_setup(void **state)
{
	auto f = std::make_unique<handler_fixture>();

	f->host = fake_host_open();
	fake_host_open_db(f->host.get());
	fake_mailbox_offer(&f->mailbox, f->host.get());
	fake_host_set(f->host.get(), "login.password_ops", "1");
	fake_host_set(f->host.get(), "login.password_memory", "8K");
	*state = f.release();
	return 0;
}

int handler_fixture_teardown(void **state)
{
	const std::unique_ptr<handler_fixture> f(handler_fixture_of(state));

	return 0;
}

handler_fixture *handler_fixture_of(void **state)
{
	return static_cast<handler_fixture *>(*state);
}

handler_fixture *handler_fixture_load(void **state, const char *plugin)
{
	handler_fixture *f = handler_fixture_of(state);

	f->plugin = f->mailbox.plugin = fake_host_load(f->host.get(), plugin);
	return f;
}

uint64_t fixture_account(handler_fixture *f, const char *name)
{
	uint64_t id = 0;

	if (user_insert(f->host->db, name, "no hash", 1, &id) != 0)
		check_fail(std::source_location::current(), "no account for %s", name);
	return id;
}

cs_conn fixture_session(handler_fixture *f, const char *name, uint64_t *id_r)
{
	const uint64_t id = fixture_account(f, name);

	if (id_r)
		*id_r = id;
	return fake_host_connect(f->host.get(), id, name);
}

std::string fixture_ask(handler_fixture *f, cs_conn conn, const std::string &frame)
{
	const fake_conn *c = fake_host_conn(f->host.get(), conn);
	const size_t before = c->frames.size();

	(void)fake_host_request(f->host.get(), conn, frame);
	if (c->frames.size() > before + 1)
		check_fail(std::source_location::current(), "more than one answer: %s", frame.c_str());
	return c->frames.size() == before ? std::string() : c->frames.back();
}

uint64_t fixture_registered(handler_fixture *f, const char *name)
{
	const cs_conn conn = fake_host_connect(f->host.get());
	const std::string ack =
		fixture_ask(f, conn, check_format("{\"msgid\":4,\"name\":\"%s\",\"password\":\"123456\"}", name));
	unsigned long long id = 0;

	if (sscanf(ack.c_str(), "{\"msgid\":5,\"errno\":0,\"id\":%llu}", &id) != 1)
		check_fail(std::source_location::current(), "no account for %s: %s", name, ack.c_str());
	fake_host_end(f->host.get(), conn);
	fake_host_forget(f->host.get());
	return id;
}

std::string fixture_login(uint64_t id, const char *password, const char *more)
{
	return check_format("{\"msgid\":1,\"id\":%llu,\"password\":\"%s\"%s}", static_cast<unsigned long long>(id),
	                    password, more);
}

std::string fixture_refusal(int of, int wire_errno, const char *text)
{
	return check_format("{\"msgid\":100,\"of\":%d,\"errno\":%d,\"errmsg\":\"%s\"}", of, wire_errno, text);
}

void fixture_expect_idle(handler_fixture *f, cs_conn conn)
{
	const fake_conn *c = fake_host_conn(f->host.get(), conn);

	if (!f->host->jobs.empty() || c->pending)
		check_fail(std::source_location::current(), "the connection waits for something");
}
