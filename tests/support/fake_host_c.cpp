/* SPDX-License-Identifier: MIT
 * The C interface of the fake host for plugins of others: <chatserverd/fake_host.h>. */
#include <chatserverd/fake_host.h>

#include "fake_host_internal.h"

struct cs_fake_host {
	fake_host_ptr host;
	std::string text; /* what was returned last */
};

static fake_conn *fake_c_conn(struct cs_fake_host *host, cs_conn handle)
{
	fake_conn *conn = fake_host_conn(host->host.get(), handle);

	if (!conn)
		fake_fail("no such connection", std::to_string(handle).c_str());
	return conn;
}

static const char *fake_c_text(struct cs_fake_host *host, std::string text)
{
	host->text = std::move(text);
	return host->text.c_str();
}

struct cs_fake_host *cs_fake_host_open(void)
{
	auto host = std::make_unique<struct cs_fake_host>();

	host->host = fake_host_open();
	return host.release();
}

void cs_fake_host_close(struct cs_fake_host *host)
{
	const std::unique_ptr<struct cs_fake_host> owner(host);
}

void cs_fake_host_set(struct cs_fake_host *host, const char *key, const char *value)
{
	fake_host_set(host->host.get(), key, value);
}

void cs_fake_host_offer(struct cs_fake_host *host, const char *name, uint32_t version, const void *table, void *context)
{
	fake_host_offer(host->host.get(), name, version, table, context);
}

int cs_fake_host_load(struct cs_fake_host *host, const char *path, struct cs_error *e)
{
	return fake_host_try_load(host->host.get(), path, 0, e);
}

cs_conn cs_fake_host_connect(struct cs_fake_host *host, cs_account account, const char *name)
{
	return fake_host_connect(host->host.get(), account, name);
}

void cs_fake_host_end(struct cs_fake_host *host, cs_conn conn)
{
	(void)fake_c_conn(host, conn);
	fake_host_end(host->host.get(), conn);
}

int cs_fake_host_frame(struct cs_fake_host *host, cs_conn conn, const char *json)
{
	if (!fake_c_conn(host, conn)->open)
		fake_fail("the connection has ended", std::to_string(conn).c_str());
	return fake_host_request(host->host.get(), conn, json);
}

int cs_fake_host_is_pending(struct cs_fake_host *host, cs_conn conn)
{
	const fake_conn *c = fake_c_conn(host, conn);

	return c->pending || c->hooked;
}

size_t cs_fake_host_count(struct cs_fake_host *host, cs_conn conn)
{
	return fake_c_conn(host, conn)->frames.size();
}

const char *cs_fake_host_last(struct cs_fake_host *host, cs_conn conn)
{
	(void)fake_c_conn(host, conn);
	return fake_c_text(host, fake_host_last(host->host.get(), conn));
}

const char *cs_fake_host_log(struct cs_fake_host *host)
{
	std::scoped_lock lock(host->host->mutex);

	return fake_c_text(host, host->host->log.empty() ? std::string() : host->host->log.back());
}

void cs_fake_host_fire(struct cs_fake_host *host)
{
	fake_host_fire(host->host.get());
	fake_host_run(host->host.get());
}

void cs_fake_host_event(struct cs_fake_host *host, int fd, unsigned events)
{
	fake_host_event(host->host.get(), fd, events);
	fake_host_run(host->host.get());
}

void cs_fake_host_run(struct cs_fake_host *host)
{
	fake_host_run(host->host.get());
}
