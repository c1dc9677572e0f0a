/* SPDX-License-Identifier: MIT
 * An adapter of the bus for tests of the core, which plays all other nodes of a cluster. */
#include "fake_bus.h"

#include <cstdio>
#include <future>

#include "core/bus/bus_parcel.h"

static struct fake_bus *fake_of(void *bus)
{
	return static_cast<struct fake_bus *>(bus);
}

static void note(struct fake_bus *f, const char *what, uint64_t number, uint64_t device = 0)
{
	f->trace += std::string(what) + ":" + std::to_string(number);
	if (device != 0 && device != CS_EVERY_DEVICE)
		f->trace += "/" + std::to_string(device);
	f->trace += " ";
}

/* ---- wishes of the test, looked for every millisecond */

static void on_tick(void *arg)
{
	struct fake_bus *f = fake_of(arg);
	std::vector<std::function<void()>> wishes;

	{
		std::scoped_lock lock(f->mutex);
		wishes.swap(f->wishes);
	}
	for (const std::function<void()> &wish : wishes)
		wish();
	f->timer = f->host->timer_add(f->core, 1, on_tick, f);
}

static void on_begin(void *arg)
{
	struct fake_bus *f = fake_of(arg);

	f->host->address(f->core, fake_bus_address);
	on_tick(f);
}

/* ---- the adapter */

static int fake_open(const void *conf, const struct cs_bus_host *host, void *core, void **bus_r, struct cs_error *)
{
	struct fake_bus *f = static_cast<struct fake_bus *>(const_cast<void *>(conf));

	f->host = host;
	f->core = core;
	*bus_r = f;
	f->timer = host->timer_add(core, 0, on_begin, f);
	return 0;
}

static void fake_close(void *bus)
{
	fake_of(bus)->host->timer_del(fake_of(bus)->timer);
}

/* What is due is completed before the goodbye, as it would be without a bus. */
static void fake_leave(void *bus, cs_bus_done_fn *done, void *arg)
{
	struct fake_bus *f = fake_of(bus);
	std::deque<struct fake_bus_call> kept;

	{
		std::scoped_lock lock(f->mutex);
		f->trace += "leave ";
		kept.swap(f->kept);
	}
	for (const struct fake_bus_call &call : kept)
		call.done(call.arg, 0);
	done(arg, 0);
}

static void prove(struct fake_bus *f, cs_account account, uint64_t device)
{
	const struct bus_parcel proof {
		.kind = BUS_PARCEL_PROOF, .to = account, .device = device
	};
	const std::string bytes = bus_parcel_encode(&proof);

	f->host->arrived(f->core, bytes.data(), bytes.size());
}

static void answer(struct fake_bus *f, const struct fake_bus_call *call, int result)
{
	if (result == CS_EEXIST && f->proves)
		prove(f, call->session.account, call->session.device);
	if (result == 0 && f->tells)
		f->host->alone(f->core, call->session.account, call->session.device, call->session.conn, f->alone);
	call->done(call->arg, result);
}

/* true: it is to be answered at once, with *result_r. */
static bool take_claim(struct fake_bus *f, const struct cs_bus_session *session, unsigned flags,
                       const struct fake_bus_call *call, int *result_r)
{
	std::scoped_lock lock(f->mutex);

	note(f, flags & CS_CLAIM_KICK ? "kick" : "claim", session->account, session->device);
	f->generation = session->generation;
	f->conn = session->conn;
	*result_r = f->claim_answer;
	if (f->keeps) {
		f->kept.push_back(*call);
	} else if (!f->claim_answers.empty()) {
		*result_r = f->claim_answers.front();
		f->claim_answers.pop_front();
	}
	return !f->keeps;
}

static void fake_claim(void *bus, const struct cs_bus_session *session, unsigned flags, cs_bus_done_fn *done, void *arg)
{
	const struct fake_bus_call call = {*session, done, arg};
	int result;

	if (take_claim(fake_of(bus), session, flags, &call, &result))
		answer(fake_of(bus), &call, result);
}

static void fake_ending(void *bus, cs_account account, uint64_t device, cs_conn conn)
{
	std::scoped_lock lock(fake_of(bus)->mutex);

	fake_of(bus)->conn = conn;
	note(fake_of(bus), "ending", account, device);
}

static void fake_release(void *bus, cs_account account, uint64_t device, cs_conn conn)
{
	std::scoped_lock lock(fake_of(bus)->mutex);

	fake_of(bus)->conn = conn;
	note(fake_of(bus), "release", account, device);
}

static int look_up(struct fake_bus *f, const cs_account *accounts, unsigned char *online, size_t count)
{
	std::scoped_lock lock(f->mutex);

	note(f, "presence", count);
	for (size_t i = 0; i < count; i++)
		online[i] = !f->is_away && f->online.contains(accounts[i]);
	return f->is_away ? CS_ENOENT : 0;
}

static void fake_presence(void *bus, const cs_account *accounts, const uint64_t *, unsigned char *online, size_t count,
                          cs_bus_done_fn *done, void *arg)
{
	done(arg, look_up(fake_of(bus), accounts, online, count));
}

static void note_sent(struct fake_bus *f, const char *what, uint64_t to, const void *data, size_t size,
                      uint64_t device = 0)
{
	std::scoped_lock lock(f->mutex);

	note(f, what, to, device);
	f->sent.assign(static_cast<const char *>(data), size);
}

static void fake_send(void *bus, cs_account to, uint64_t device, const void *data, size_t size, unsigned)
{
	note_sent(fake_of(bus), "send", to, data, size, device);
}

static void fake_send_to(void *bus, cs_bus_address to, const void *data, size_t size)
{
	note_sent(fake_of(bus), "send_to", to, data, size);
}

static void fake_send_all(void *bus, const void *data, size_t size, unsigned)
{
	note_sent(fake_of(bus), "send_all", 0, data, size);
}

static void fake_flush(void *) {}

static void fake_missed(void *) {}

static const struct cs_bus_driver fake_driver = {
	.abi = CS_ABI,
	.size = sizeof fake_driver,
	.open = fake_open,
	.close = fake_close,
	.leave = fake_leave,
	.claim = fake_claim,
	.ending = fake_ending,
	.release = fake_release,
	.presence = fake_presence,
	.send = fake_send,
	.send_to = fake_send_to,
	.send_all = fake_send_all,
	.flush = fake_flush,
	.missed = fake_missed,
};

/* ---- the test's side */

std::unique_ptr<struct fake_bus> fake_bus_start(struct worker_shared *shared)
{
	auto f = std::make_unique<struct fake_bus>();
	struct cs_error e;

	if (bus_open(&f->bus, shared, &fake_driver, f.get(), &e) != 0)
		return nullptr;
	shared->bus = f->bus.get();
	bus_start(f->bus.get());
	fake_bus_run(f.get(), [] {});
	return f;
}

void fake_bus_stop(struct fake_bus *f)
{
	bus_stop(f->bus.get(), 1000);
}

/* Twice: calls that were posted while the first was on its way are run before the second. */
void fake_bus_run(struct fake_bus *f, const std::function<void()> &fn)
{
	for (int i = 0; i < 2; i++) {
		std::promise<void> done;

		{
			std::scoped_lock lock(f->mutex);
			f->wishes.emplace_back([&] {
				if (i == 1)
					fn();
				done.set_value();
			});
		}
		done.get_future().wait();
	}
}

void fake_bus_answer(struct fake_bus *f, int result)
{
	fake_bus_run(f, [&] {
		struct fake_bus_call call;

		{
			std::scoped_lock lock(f->mutex);
			call = f->kept.front();
			f->kept.pop_front();
		}
		answer(f, &call, result);
	});
}

size_t fake_bus_kept(struct fake_bus *f)
{
	std::scoped_lock lock(f->mutex);

	return f->kept.size();
}

std::string fake_bus_trace(struct fake_bus *f)
{
	fake_bus_run(f, [] {});
	std::scoped_lock lock(f->mutex);
	return f->trace;
}

void fake_bus_set_address(struct fake_bus *f, cs_bus_address address)
{
	fake_bus_run(f, [&] { f->host->address(f->core, address); });
}

void fake_bus_arrive(struct fake_bus *f, const std::string &bytes)
{
	fake_bus_run(f, [&] { f->host->arrived(f->core, bytes.data(), bytes.size()); });
}

void fake_bus_close_session(struct fake_bus *f, cs_account account, cs_conn conn, uint64_t device)
{
	fake_bus_run(f, [&] { f->host->close_session(f->core, account, device, conn); });
}

void fake_bus_tell_alone(struct fake_bus *f, cs_account account, uint64_t device, cs_conn conn, bool alone)
{
	fake_bus_run(f, [&] { f->host->alone(f->core, account, device, conn, alone); });
}
