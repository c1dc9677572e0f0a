/* SPDX-License-Identifier: MIT
 * The promises of plugin.h about the host table, each kept by the server's table and by that of the fake host: what
 * holds for a plugin in its own tests holds in the server. */
#include <atomic>
#include <cstring>
#include <functional>
#include <map>
#include <semaphore>
#include <thread>

#include <fcntl.h>
#include <sys/socket.h>

#include "core/base/gauge.h"
#include "core/base/log.h"
#include "core/store/store.h"
#include "tests/support/check.h"
#include "tests/support/database.h"
#include "tests/support/fake_host.h"
#include "tests/support/parcel.h"
#include "tests/support/worker_fixture.h"

/* ---- a plugin that does what the promise says */

enum { PLAYER_PLAY = 1000, PLAYER_LOGIN = 1001, PLAYER_OWN = 1002 };

struct player {
	const struct cs_host *host;
	struct cs_self *self;
	std::string trace; /* each event with a blank behind it */
	std::function<int(const struct cs_frame *)> play, early, late; /* not set: CS_DONE */
	int closed_answer;
	uint64_t written; /* as `written` or `closed` told last */
	size_t unsent;
	struct cs_request login;
	bool is_done; /* for waiting on the worker while a store thread writes trace */
	std::string services; /* what start() found: a number for each question, and a blank */
	const void *table;
	void *context;
	const char *const *words; /* as they were in start() */
	std::function<void()> stop; /* called in stop() */
};

static struct player *player_of(void *state)
{
	return static_cast<struct player *>(state);
}

static void player_note(struct player *p, const std::string &event)
{
	p->trace += event + " ";
}

static int player_play(void *state, const struct cs_frame *frame)
{
	player_note(player_of(state), "play");
	return player_of(state)->play ? player_of(state)->play(frame) : CS_DONE;
}

static void player_claimed(void *state, cs_conn conn, int result, void *)
{
	struct player *p = player_of(state);

	player_note(p, "claimed:" + std::to_string(result));
	p->host->answer(p->self, conn, &p->login, "");
	(void)p->host->finish(p->self, conn);
}

static int player_claim(struct player *p, cs_conn conn, cs_account account, uint64_t device, unsigned flags,
                        uint32_t spare = 0)
{
	const struct cs_claim claim = {.account = account,
	                               .device = device,
	                               .name = "ann",
	                               .generation = 1,
	                               .want = 5,
	                               .flags = flags,
	                               .spare = {0, 0, spare}};

	return p->host->claim(p->self, conn, &claim, player_claimed, nullptr);
}

/* {"msgid":1001,"account":7,"kick":true,"device":0,"spare":false} */
static int player_login(void *state, const struct cs_frame *frame)
{
	struct player *p = player_of(state);
	int64_t account = 0, device = 0;
	int kick = 0, spare = 0;

	p->login = frame->request;
	assert_int_equal(p->host->get_integer(frame, "account", 1, CS_INTEGER_MAX, &account), 0);
	(void)p->host->get_integer(frame, "device", 0, CS_INTEGER_MAX, &device);
	(void)p->host->get_flag(frame, "kick", &kick);
	(void)p->host->get_flag(frame, "spare", &spare);
	assert_int_equal(player_claim(p, frame->conn, static_cast<cs_account>(account), static_cast<uint64_t>(device),
	                              kick ? static_cast<unsigned>(CS_CLAIM_KICK) : 0u, static_cast<uint32_t>(spare)),
	                 0);
	return CS_PENDING;
}

static int player_early(void *state, const struct cs_frame *frame)
{
	struct player *p = player_of(state);

	return p->early ? p->early(frame) : CS_PASS;
}

static int player_late(void *state, const struct cs_frame *frame)
{
	struct player *p = player_of(state);

	return p->late ? p->late(frame) : CS_PASS;
}

static int player_start(const struct cs_host *host, struct cs_self *self, const void *, void **state_r,
                        struct cs_error *)
{
	auto p = std::make_unique<struct player>();

	p->host = host;
	p->self = self;
	for (const auto &[name, version] : {std::pair("brewing", 1u), {"brewing", 3u}, {"brew", 2u}, {"brewing", 2u}})
		p->services += std::to_string(host->service(self, name, version, &p->table, &p->context)) + " ";
	p->words = host->want_words(self);
	*state_r = p.release();
	return 0;
}

static void player_opened(void *state, cs_conn, cs_account account, uint64_t device, uint64_t want)
{
	player_note(player_of(state),
	            check_format("opened:%llu,%llu,%llu", static_cast<unsigned long long>(account),
	                         static_cast<unsigned long long>(device), static_cast<unsigned long long>(want)));
}

static int player_closed(void *state, cs_conn, cs_account account, uint64_t device, uint64_t written)
{
	struct player *p = player_of(state);

	p->written = written;
	player_note(p, check_format("closed:%llu%s%s", static_cast<unsigned long long>(account),
	                            device ? ("/" + std::to_string(device)).c_str() : "", written > 0 ? "+" : ""));
	return account != 0 ? p->closed_answer : 0;
}

static void player_routed(void *state, cs_conn conn, cs_account account, const struct cs_parcel *parcel)
{
	player_note(player_of(state),
	            check_format("routed:%s%llu:%s", conn != 0 ? "to " : "", static_cast<unsigned long long>(account),
	                         parcel_text(parcel).c_str()));
}

static void player_written(void *state, cs_conn, uint64_t position, size_t unsent)
{
	player_of(state)->written = position;
	player_of(state)->unsent = unsent;
}

static void player_stop(void *state)
{
	const std::unique_ptr<struct player> owner(player_of(state));

	if (owner->stop)
		owner->stop();
}

static int brewer_erase(struct cs_db *db, cs_account account, size_t most);
static int player_erase(struct cs_db *db, cs_account account, size_t most);

static const struct cs_route player_routes[] = {
	{PLAYER_PLAY, "play", player_play, 0, 1},
	{PLAYER_LOGIN, "login", player_login, 0, 1},
	{PLAYER_OWN, "own", player_play, CS_ROUTE_NEEDS_LOGIN | CS_ROUTE_OWN_ID, 1},
	{0, nullptr, nullptr, 0, 0},
};
static const struct cs_hook player_hooks[] = {
	{0, 1, player_late, 0}, {PLAYER_PLAY, 0, player_early, 0}, {0, 0, nullptr, 0}};
static const char *const player_words[] = {"signal", "tea", nullptr};
static const struct cs_plugin player_plugin = {
	CS_PLUGIN_HEAD,          .name = "player",          .version = "1",          .routes = player_routes,
	.hooks = player_hooks,   .want = player_words,      .start = player_start,   .opened = player_opened,
	.closed = player_closed, .written = player_written, .routed = player_routed, .stop = player_stop,
	.erase = player_erase};

/* Started before the player. Its state is brewer_table. */
static const int brewer_table = 7;

static int brewer_start(const struct cs_host *, struct cs_self *, const void *, void **state_r, struct cs_error *)
{
	*state_r = const_cast<int *>(&brewer_table);
	return 0;
}

static void brewer_stop(void *) {}

static const char *const brewer_words[] = {"signal", "typing", nullptr};
static const struct cs_service brewer_services[] = {
	{"brew", 1, &player_plugin}, {"brewing", 2, &brewer_table}, {nullptr, 0, nullptr}};
static const struct cs_plugin brewer_plugin = {
	CS_PLUGIN_HEAD,       .name = "brewer",      .version = "1",      .provides = brewer_services,
	.want = brewer_words, .start = brewer_start, .stop = brewer_stop, .erase = brewer_erase};

/* ---- the two hosts */

struct world {
	fake_host_ptr fake; /* null: the server's */
	std::unique_ptr<struct worker_fixture> f;
	struct gauge_table gauges; /* of the server's table */
	struct test_database database;
	store_ptr store;
	std::map<cs_conn, int> peers;
	std::map<cs_conn, std::string> heard;
	struct player *p = nullptr;
	const struct cs_host *host = nullptr;
	struct cs_self *self = nullptr;
};

static struct world *world_of(void **state)
{
	return static_cast<struct world *>(*state);
}

static void world_meet(struct world *w, void *state)
{
	w->p = player_of(state);
	w->host = w->p->host;
	w->self = w->p->self;
}

static int world_open_fake(void **state, bool has_database)
{
	auto w = std::make_unique<struct world>();

	w->fake = fake_host_open();
	w->fake->soft_mark = 64 * 1024;
	if (has_database)
		fake_host_open_db(w->fake.get());
	(void)fake_host_add(w->fake.get(), &brewer_plugin);
	world_meet(w.get(), fake_self_state(fake_host_add(w->fake.get(), &player_plugin)));
	*state = w.release();
	return 0;
}

static int world_open_real(void **state, bool has_database)
{
	const struct store_conf conf = {
		.driver = "", .readers = 1, .writers = 1, .hashers = 1, .queue = 100, .queue_bytes = 1 << 20};
	auto w = std::make_unique<struct world>();
	struct cs_error e = {};

	database_make_sqlite(&w->database);
	if (store_open(&w->store, &conf, has_database ? w->database.driver : nullptr, w->database.conf.data(), "test",
	               nullptr, &e) != 0)
		check_fail(std::source_location::current(), "%s", e.text);
	w->f = worker_fixture_make_of({&brewer_plugin, &player_plugin});
	w->f->shared.store = w->store.get();
	w->f->shared.gauges = &w->gauges;
	store_start(w->store.get());
	world_meet(w.get(), w->f->worker->instances[1]->state);
	*state = w.release();
	return 0;
}

static int world_open_fake_alone(void **state)
{
	return world_open_fake(state, false);
}

static int world_open_real_alone(void **state)
{
	return world_open_real(state, false);
}

static int world_open_fake_whole(void **state)
{
	return world_open_fake(state, true);
}

static int world_open_real_whole(void **state)
{
	return world_open_real(state, true);
}

/* Stops the player, and runs nothing before. */
static void world_stop_player(struct world *w)
{
	w->p = nullptr;
	if (w->fake)
		fake_host_stop(w->fake.get(), w->fake->selves.back());
	else
		plugin_stop_all(w->f->worker);
}

static int world_close(void **state)
{
	const std::unique_ptr<struct world> w(world_of(state));

	w->fake.reset();
	if (!w->f)
		return 0;
	if (w->p)
		w->p->closed_answer = 0;
	for (const auto &c : w->f->worker->conns->slots)
		if (c)
			conn_close(c.get(), "test ends");
	worker_fixture_turn(w->f.get());
	store_stop(w->store.get());
	worker_fixture_turn(w->f.get());
	plugin_stop_all(w->f->worker);
	worker_fixture_free(std::move(w->f));
	w->store.reset();
	return 0;
}

static cs_conn world_connect(struct world *w)
{
	int peer = -1;

	if (w->fake)
		return fake_host_connect(w->fake.get());
	const cs_conn conn = worker_fixture_connect(w->f.get(), &peer)->handle;

	w->peers[conn] = peer;
	return conn;
}

/* A handle that no connection of the player's worker has. The server's world has one worker. */
static cs_conn world_connect_elsewhere(struct world *w)
{
	return w->fake ? fake_host_connect(w->fake.get(), 9, "bob", 1) : 99;
}

/* Runs what can happen without time passing, but on threads of the store. */
static void world_run(struct world *w)
{
	if (w->fake)
		fake_host_run(w->fake.get());
	else
		worker_fixture_turn(w->f.get());
}

/* The client says that; all that follows at once is run. */
static void world_say(struct world *w, cs_conn conn, const char *frame)
{
	if (w->fake)
		(void)fake_host_request(w->fake.get(), conn, frame);
	else
		w->heard[conn] += worker_fixture_talk(w->f.get(), w->peers[conn], std::string(frame) + "\n");
}

/* The frames that the client got since the last time, each with a line feed behind it. */
static std::string world_hear(struct world *w, cs_conn conn)
{
	world_run(w);
	if (!w->fake)
		return std::exchange(w->heard[conn], "") + worker_fixture_receive(w->peers[conn], nullptr);
	std::string heard;

	fake_host_written_all(w->fake.get(), conn);
	for (const std::string &frame : std::exchange(fake_host_conn(w->fake.get(), conn)->frames, {}))
		heard += frame + "\n";
	return heard;
}

/* Its client goes. */
static void world_end(struct world *w, cs_conn conn)
{
	if (w->fake)
		fake_host_end(w->fake.get(), conn);
	else
		(void)shutdown(w->peers[conn], SHUT_RDWR);
	world_run(w);
}

static void world_wait(struct world *w, const std::function<bool()> &condition)
{
	if (w->fake)
		fake_host_run(w->fake.get());
	else
		(void)worker_fixture_wait(w->f.get(), condition);
	assert_true(condition());
}

/* Timers of 1 ms are due, once at least. */
static void world_pass(struct world *w)
{
	const int64_t end = worker_monotonic_ms() + 10;

	if (w->fake)
		fake_host_fire(w->fake.get());
	else
		world_wait(w, [end] { return worker_monotonic_ms() > end; });
	world_run(w);
}

/* The descriptor is ready for these events. */
static void world_become_ready(struct world *w, int fd, unsigned events)
{
	if (w->fake)
		fake_host_event(w->fake.get(), fd, events);
	else
		world_run(w);
}

static void world_expect(struct world *w, const char *trace)
{
	assert_string_equal(w->p->trace.c_str(), trace);
	w->p->trace.clear();
}

/* A connection with the session of that account; nothing of that is in the trace. */
static cs_conn world_enter(struct world *w, int account)
{
	const cs_conn conn = world_connect(w);

	world_say(w, conn, check_format("{\"msgid\":1001,\"account\":%d,\"req\":1}", account).c_str());
	world_wait(w, [w] { return w->p->trace.find("opened:") != w->p->trace.npos; });
	(void)world_hear(w, conn);
	w->p->trace.clear();
	return conn;
}

static void world_expect_refusal(struct world *w, cs_conn conn, int number)
{
	const std::string heard = world_hear(w, conn);

	if (heard.find(check_format("\"errno\":%d,", number)) == heard.npos)
		check_fail(std::source_location::current(), "not %d: %s", number, heard.c_str());
}

static size_t count_of(const std::string &text, const std::string &part)
{
	size_t count = 0;

	for (size_t at = text.find(part); at != text.npos; at = text.find(part, at + 1))
		count++;
	return count;
}

static const char play[] = R"({"msgid":1000,"req":3})";
static const struct cs_request asked = {.msgid = PLAYER_PLAY, .req = 3}, mute = {.msgid = PLAYER_PLAY, .req = -1};

/* ---- frames */

static void the_members_of_a_frame_are_read_by_their_type(void **state)
{
	struct world *w = world_of(state);
	const cs_conn conn = world_connect(w);

	w->p->play = [w](const struct cs_frame *frame) {
		int64_t number = 0;
		const char *text = nullptr;
		size_t size = 0;
		int flag = 0;
		const struct cJSON *tree = nullptr;

		assert_int_equal(w->host->get_integer(frame, "n", 1, 9, &number), 0);
		assert_int_equal(number, 5);
		assert_int_equal(w->host->get_integer(frame, "n", 1, 4, &number), CS_EINVAL);
		assert_int_equal(w->host->get_integer(frame, "t", 1, 9, &number), CS_EINVAL);
		assert_int_equal(w->host->get_integer(frame, "none", 1, 9, &number), CS_ENOENT);
		assert_int_equal(w->host->get_text(frame, "t", &text, &size), 0);
		assert_string_equal(text, "a\"b");
		assert_int_equal(size, 3);
		assert_int_equal(w->host->get_text(frame, "n", &text, &size), CS_EINVAL);
		assert_int_equal(w->host->get_text(frame, "none", &text, &size), CS_ENOENT);
		assert_int_equal(w->host->get_flag(frame, "f", &flag), 0);
		assert_int_equal(flag, 1);
		assert_int_equal(w->host->get_flag(frame, "n", &flag), CS_EINVAL);
		assert_int_equal(w->host->get_flag(frame, "none", &flag), CS_ENOENT);
		assert_int_equal(w->host->has(frame, "a"), 1);
		assert_int_equal(w->host->has(frame, "none"), 0);
		assert_int_equal(w->host->tree(frame, "a", &tree), 0);
		assert_int_equal(w->host->tree(frame, "n", &tree), CS_EINVAL);
		assert_int_equal(w->host->tree(frame, "none", &tree), CS_ENOENT);
		assert_int_equal(frame->account, 0);
		assert_string_equal(frame->name, "");
		return CS_DONE;
	};
	world_say(w, conn, R"({"msgid":1000,"n":5,"t":"a\"b","f":true,"a":[1]})");
	world_expect(w, "play ");
}

static void routes_ask_for_a_login_and_the_own_id(void **state)
{
	struct world *w = world_of(state);
	const cs_conn guest = world_connect(w), conn = world_enter(w, 7);

	world_say(w, guest, R"({"msgid":1002,"id":7})");
	world_expect_refusal(w, guest, CS_ERRNO_NOT_LOGGED_IN);
	world_say(w, conn, R"({"msgid":1002})");
	world_expect_refusal(w, conn, CS_ERRNO_BAD_FRAME);
	world_say(w, conn, R"({"msgid":1002,"id":8})");
	world_expect_refusal(w, conn, CS_ERRNO_NOT_ALLOWED);
	w->p->play = [](const struct cs_frame *frame) {
		assert_int_equal(frame->account, 7);
		assert_string_equal(frame->name, "ann");
		return CS_DONE;
	};
	world_say(w, conn, R"({"msgid":1002,"id":7})");
	world_expect(w, "play ");
}

static void answers_need_a_req_and_refusals_do_not(void **state)
{
	struct world *w = world_of(state);
	const cs_conn conn = world_connect(w);

	w->host->answer(w->self, conn, &mute, "");
	w->host->answer(w->self, conn, &asked, "");
	w->host->answer(w->self, conn, &asked, ",\"seq\":7");
	assert_int_equal(w->host->refuse(w->self, conn, &mute, 7, "no \"%s\"", "tea"), CS_REJECT);
	assert_int_equal(w->host->refuse(w->self, conn, &asked, 7, "no"), CS_REJECT);
	assert_int_equal(w->host->refuse_as(w->self, conn, &asked, 5, 7, "no"), CS_REJECT);
	assert_int_equal(w->host->refuse_more(w->self, conn, &mute, 8, ",\"until\":9", "not %s", "now"), CS_REJECT);
	assert_int_equal(w->host->refuse_more(w->self, conn, &asked, 8, "", "no"), CS_REJECT);
	assert_string_equal(world_hear(w, conn).c_str(), R"({"msgid":100,"of":1000,"req":3,"errno":0}
{"msgid":100,"of":1000,"req":3,"errno":0,"seq":7}
{"msgid":100,"of":1000,"errno":7,"errmsg":"no \"tea\""}
{"msgid":100,"of":1000,"req":3,"errno":7,"errmsg":"no"}
{"msgid":5,"req":3,"errno":7,"errmsg":"no"}
{"msgid":100,"of":1000,"errno":8,"errmsg":"not now","until":9}
{"msgid":100,"of":1000,"req":3,"errno":8,"errmsg":"no"}
)");
}

static void results_are_refused_by_what_the_client_can_do(void **state)
{
	struct world *w = world_of(state);
	const cs_conn conn = world_connect(w);

	for (const auto &[result, number] :
	     {std::pair<int, int>(CS_EBUSY, CS_ERRNO_BUSY), std::pair<int, int>(CS_ECANCELED, CS_ERRNO_GOING_AWAY),
	      std::pair<int, int>(CS_EUNKNOWN, CS_ERRNO_UNAVAILABLE),
	      std::pair<int, int>(CS_ENOSTORE, CS_ERRNO_UNAVAILABLE),
	      std::pair<int, int>(CS_DB_BAD_VALUE, CS_ERRNO_BAD_FRAME)}) {
		int wire_errno = 0;

		assert_true(*w->host->result_text(w->self, result, &wire_errno));
		assert_int_equal(wire_errno, number);
		assert_int_equal(w->host->refuse_result(w->self, conn, &asked, result), CS_REJECT);
		world_expect_refusal(w, conn, number);
	}
}

static void what_is_an_object_is_sent_with_its_tail_and_counted(void **state)
{
	struct world *w = world_of(state);
	const cs_conn conn = world_enter(w, 7);
	uint64_t before = 0, position = 0;

	assert_int_equal(w->host->send(w->self, conn, "{\"a\":1}", 7, nullptr, &before), 0);
	assert_int_equal(w->host->send(w->self, conn, "{\"a\":1}", 7, ",\"b\":2}", &position), 0);
	assert_int_equal(position - before, sizeof "{\"a\":1,\"b\":2}");
	for (const char *frame : {"", "{", "[]", "{}\n"})
		assert_int_equal(w->host->send(w->self, conn, frame, strlen(frame), nullptr, nullptr), CS_EINVAL);
	assert_int_equal(w->host->send(w->self, conn, "{}", 2, ",\"a\":1", nullptr), CS_EINVAL);
	assert_string_equal(world_hear(w, conn).c_str(), "{\"a\":1}\n{\"a\":1,\"b\":2}\n");
	assert_int_equal(w->p->written, position);
	assert_int_equal(w->p->unsent, 0);
}

static void who_sends_to_a_slow_client_is_told_until_it_has_taken_enough(void **state)
{
	struct world *w = world_of(state);
	const cs_conn conn = world_enter(w, 7);
	const std::string frame = "{\"a\":\"" + std::string(16000, 'x') + "\"}";
	int result = 0;

	for (int i = 0; i < 100 && result == 0; i++)
		result = w->host->send(w->self, conn, frame.data(), frame.size(), nullptr, nullptr);
	assert_int_equal(result, CS_EAGAIN);
	w->p->unsent = 1;
	while (!world_hear(w, conn).empty())
		;
	assert_int_equal(w->p->unsent, 0);
	assert_int_equal(w->host->send(w->self, conn, "{}", 2, nullptr, nullptr), 0);
}

static void a_connection_that_has_ended_or_is_of_another_worker_is_refused(void **state)
{
	struct world *w = world_of(state);
	const cs_conn conn = world_connect(w), elsewhere = world_connect_elsewhere(w);
	struct cs_peer peer;

	world_end(w, conn);
	world_expect(w, "closed:0 ");
	for (const cs_conn gone : {conn, static_cast<cs_conn>(0), static_cast<cs_conn>(99), elsewhere}) {
		w->host->answer(w->self, gone, &asked, "");
		assert_int_equal(w->host->refuse(w->self, gone, &asked, 7, "no"), CS_REJECT);
		assert_int_equal(w->host->send(w->self, gone, "{}", 2, nullptr, nullptr), CS_ENOENT);
		assert_int_equal(w->host->finish(w->self, gone), CS_ENOENT);
		assert_int_equal(w->host->resume(w->self, gone, CS_PASS), CS_ENOENT);
		assert_int_equal(w->host->close(w->self, gone, "x"), CS_ENOENT);
		assert_int_equal(w->host->logout(w->self, gone), CS_ENOENT);
		assert_int_equal(w->host->set_silence(w->self, gone, 1, 0), CS_ENOENT);
		assert_int_equal(w->host->peer(w->self, gone, &peer), CS_ENOENT);
		assert_int_equal(w->host->charge(w->self, gone, 1), CS_ENOENT);
		assert_int_equal(player_claim(w->p, gone, 8, 0, 0), 0);
		world_run(w);
		world_expect(w, "claimed:-1 ");
	}
}

static void closing_ends_the_connection_at_once_writes_what_is_queued_and_tells_it_later(void **state)
{
	struct world *w = world_of(state);
	const struct cs_parcel parcel = {"a", 1, nullptr};
	const cs_conn conn = world_enter(w, 7);
	uint64_t position = 0;

	assert_int_equal(w->host->send(w->self, conn, "{}", 2, nullptr, &position), 0);
	assert_int_equal(w->host->close(w->self, conn, "enough"), 0);
	assert_int_equal(w->host->send(w->self, conn, "{}", 2, nullptr, nullptr), CS_ENOENT);
	assert_int_equal(w->host->close(w->self, conn, "enough"), CS_ENOENT);
	assert_int_equal(w->host->route(w->self, 7, CS_EVERY_DEVICE, &parcel, 0), CS_ENOENT);
	world_expect(w, "");
	world_say(w, conn, play);
	assert_string_equal(world_hear(w, conn).c_str(), "{}\n");
	world_wait(w, [w] { return !w->p->trace.empty(); });
	world_expect(w, "closed:7+ ");
	assert_int_equal(w->p->written, position);
}

static void times_of_silence_are_not_below_zero(void **state)
{
	struct world *w = world_of(state);
	const cs_conn conn = world_connect(w);

	assert_int_equal(w->host->set_silence(w->self, conn, 1000, 0), 0);
	assert_int_equal(w->host->set_silence(w->self, conn, -1, 0), CS_EINVAL);
	assert_int_equal(w->host->set_silence(w->self, conn, 0, -1), CS_EINVAL);
}

static void a_connection_can_be_charged(void **state)
{
	struct world *w = world_of(state);

	assert_int_equal(w->host->charge(w->self, world_connect(w), 1), 0);
}

static void a_peer_has_a_name_and_a_network(void **state)
{
	struct world *w = world_of(state);
	struct cs_peer peer = {};

	assert_int_equal(w->host->peer(w->self, world_connect(w), &peer), 0);
	assert_true(peer.text[0] != '\0');
	assert_true(peer.network != 0);
}

/* ---- what waits */

static void nothing_is_dispatched_behind_a_pending_request_until_finish(void **state)
{
	struct world *w = world_of(state);
	const cs_conn conn = world_connect(w);

	w->p->play = [](const struct cs_frame *) {
		return static_cast<int>(CS_PENDING);
	};
	world_say(w, conn, play);
	world_say(w, conn, play);
	world_expect(w, "play ");
	w->p->play = nullptr;
	assert_int_equal(w->host->finish(w->self, conn), 0);
	world_expect(w, "");
	world_run(w);
	world_expect(w, "play ");
}

static void hooks_judge_by_their_order_before_the_handler(void **state)
{
	struct world *w = world_of(state);
	const cs_conn conn = world_connect(w);
	const auto pass = [w](const char *name) {
		return [w, name](const struct cs_frame *) {
			player_note(w->p, name);
			return static_cast<int>(CS_PASS);
		};
	};

	w->p->early = pass("early");
	w->p->late = pass("late");
	world_say(w, conn, play);
	world_expect(w, "early late play ");
	w->p->early = [w](const struct cs_frame *frame) {
		return w->host->refuse(w->self, frame->conn, &frame->request, 7, "no");
	};
	world_say(w, conn, play);
	world_expect(w, "");
	assert_string_equal(world_hear(w, conn).c_str(),
	                    "{\"msgid\":100,\"of\":1000,\"req\":3,\"errno\":7,\"errmsg\":\"no\"}\n");
}

static void a_frame_waits_for_the_verdict_of_a_hook(void **state)
{
	struct world *w = world_of(state);
	const cs_conn conn = world_connect(w);

	assert_int_equal(w->host->resume(w->self, conn, CS_PASS), CS_ENOENT);
	w->p->early = [](const struct cs_frame *) {
		return static_cast<int>(CS_PENDING);
	};
	world_say(w, conn, play);
	world_say(w, conn, play);
	assert_int_equal(w->host->finish(w->self, conn), CS_EINVAL);
	assert_int_equal(w->host->resume(w->self, conn, 5), CS_EINVAL);
	assert_int_equal(w->host->resume(w->self, conn, CS_PASS), 0);
	assert_int_equal(w->host->resume(w->self, conn, CS_PASS), CS_ENOENT);
	world_expect(w, "");
	world_run(w);
	world_expect(w, "play ");
	assert_int_equal(w->host->refuse(w->self, conn, &asked, 7, "no"), CS_REJECT);
	assert_int_equal(w->host->resume(w->self, conn, CS_REJECT), 0);
	world_run(w);
	world_expect(w, "");
}

static void a_frame_whose_session_ends_before_the_verdict_is_refused(void **state)
{
	struct world *w = world_of(state);
	const cs_conn conn = world_enter(w, 7);

	w->p->early = [](const struct cs_frame *) {
		return static_cast<int>(CS_PENDING);
	};
	world_say(w, conn, play);
	assert_int_equal(w->host->logout(w->self, conn), 0);
	world_run(w);
	world_expect(w, "closed:7+ ");
	assert_int_equal(w->host->resume(w->self, conn, CS_PASS), CS_ENOENT);
	world_expect_refusal(w, conn, CS_ERRNO_NOT_LOGGED_IN);
	world_expect(w, "");
}

/* ---- sessions */

static void a_session_is_opened_once_its_login_was_answered(void **state)
{
	struct world *w = world_of(state);
	const cs_conn conn = world_connect(w);

	world_say(w, conn, R"({"msgid":1001,"account":7,"req":1})");
	world_wait(w, [w] { return w->p->trace.find("opened") != w->p->trace.npos; });
	assert_true(w->p->trace.starts_with("claimed:0 opened:7,0,5 "));
	assert_string_equal(world_hear(w, conn).c_str(), "{\"msgid\":100,\"of\":1001,\"req\":1,\"errno\":0}\n");
	w->p->trace.clear();
	world_end(w, conn);
	world_expect(w, "closed:7+ ");
}

static void each_device_of_an_account_has_a_session(void **state)
{
	struct world *w = world_of(state);
	const cs_conn first = world_enter(w, 7), second = world_connect(w);

	w->p->trace.clear();
	world_say(w, second, R"({"msgid":1001,"account":7,"device":1})");
	world_wait(w, [w] { return w->p->trace.find("claimed:0") != w->p->trace.npos; });
	w->p->trace.clear();
	world_end(w, first);
	world_run(w);
	world_expect(w, "closed:7+ ");
	w->p->trace.clear();
	world_end(w, second);
	world_run(w);
	world_expect(w, "closed:7/1 ");
}

static void claims_that_cannot_be_are_told_later(void **state)
{
	struct world *w = world_of(state);
	const cs_conn conn = world_enter(w, 7), guest = world_connect(w), gone = world_connect(w);

	world_end(w, gone);
	w->p->trace.clear();
	world_say(w, conn, R"({"msgid":1001,"account":8})");
	world_say(w, guest, R"({"msgid":1001,"account":8,"device":4294967296})");
	assert_int_equal(player_claim(w->p, gone, 8, 0, 0), 0);
	world_expect(w, "claimed:-2 claimed:-2 ");
	world_run(w);
	world_expect(w, "claimed:-1 ");
	world_say(w, guest, R"({"msgid":1001,"account":8,"spare":true})");
	world_expect(w, "claimed:-2 ");
}

static void who_goes_before_the_claim_is_told_was_not_there(void **state)
{
	struct world *w = world_of(state);
	const cs_conn conn = world_connect(w);

	assert_int_equal(player_claim(w->p, conn, 7, 0, 0), 0);
	if (w->fake)
		assert_true(fake_host_step(w->fake.get())); /* the server decides at once */
	world_expect(w, "");
	assert_int_equal(w->host->close(w->self, conn, "enough"), 0);
	world_wait(w, [w] { return w->p->trace.find("closed") != w->p->trace.npos; });
	world_expect(w, "claimed:-1 closed:7 ");
}

static void a_kick_ends_the_older_session_first(void **state)
{
	struct world *w = world_of(state);
	const cs_conn older = world_enter(w, 7), younger = world_connect(w);

	w->p->closed_answer = CS_PENDING;
	world_say(w, younger, R"({"msgid":1001,"account":7,"kick":true})");
	world_wait(w, [w] { return w->p->trace.find("closed:7") != w->p->trace.npos; });
	assert_null(strstr(w->p->trace.c_str(), "claimed"));
	w->p->trace.clear();
	w->host->release(w->self, 7, 0); /* what `closed` held */
	world_expect(w, "");
	world_wait(w, [w] { return w->p->trace.find("opened") != w->p->trace.npos; });
	world_expect(w, "claimed:0 opened:7,0,5 ");
	w->p->closed_answer = 0;
	assert_int_equal(w->host->send(w->self, older, "{}", 2, nullptr, nullptr), CS_ENOENT);
}

static void a_logout_ends_the_session_later_and_leaves_the_connection(void **state)
{
	struct world *w = world_of(state);
	const cs_conn conn = world_enter(w, 7);

	assert_int_equal(w->host->logout(w->self, conn), 0);
	world_expect(w, "");
	assert_int_equal(w->host->logout(w->self, conn), CS_EINVAL);
	assert_int_equal(w->host->send(w->self, conn, "{}", 2, nullptr, nullptr), CS_ENOENT); /* of that session */
	world_run(w);
	world_expect(w, "closed:7+ ");
	world_say(w, conn, play);
	world_expect(w, "play ");
}

static void presence_is_told_later(void **state)
{
	struct world *w = world_of(state);
	const cs_account accounts[] = {6, 7};
	unsigned char online[] = {9, 9};

	(void)world_enter(w, 7);
	assert_int_equal(w->host->presence(
				 w->self, 0, accounts, online, 2,
				 [](void *state, cs_conn, int result, void *) {
					 player_note(player_of(state), "presence:" + std::to_string(result));
				 },
				 nullptr),
	                 0);
	world_expect(w, "");
	world_run(w);
	world_expect(w, "presence:0 ");
	assert_int_equal(online[0], 0);
	assert_int_equal(online[1], 1);
}

static void data_is_routed_to_sessions_and_to_all_in_order(void **state)
{
	struct world *w = world_of(state);

	const struct cs_parcel head = {"a", 1, nullptr}, long_head = {"", CS_PARCEL_HEAD_MOST + 1, nullptr};
	const struct cs_parcel both = {"b", 1, w->host->share("ody", 3)};

	assert_int_equal(w->host->route(w->self, 7, CS_EVERY_DEVICE, &head, 0), CS_ENOENT);
	(void)world_enter(w, 7);
	assert_int_equal(w->host->route(w->self, 7, CS_EVERY_DEVICE, &head, 0), 0);
	assert_int_equal(w->host->route(w->self, 7, 0, &both, CS_ROUTE_CASUAL), 0);
	assert_int_equal(w->host->route(w->self, 7, 5, &head, 0), CS_ENOENT);
	assert_int_equal(w->host->route(w->self, 7, CS_EVERY_DEVICE, &long_head, 0), CS_EINVAL);
	assert_int_equal(w->host->route_all(w->self, 0, &both, 0), 0);
	assert_int_equal(w->host->route_all(w->self, 0, &long_head, 0), CS_EINVAL);
	w->host->unshare(both.body);
	w->host->unshare(nullptr);
	world_expect(w, "");
	world_run(w);
	world_expect(w, "routed:to 7:a routed:to 7:body routed:0:body ");
}

static void what_was_routed_to_a_session_that_has_ended_does_not_arrive(void **state)
{
	struct world *w = world_of(state);
	const cs_conn conn = world_enter(w, 7);
	const struct cs_parcel a = {"a", 1, nullptr};

	assert_int_equal(w->host->route(w->self, 7, CS_EVERY_DEVICE, &a, 0), 0);
	assert_int_equal(w->host->logout(w->self, conn), 0);
	assert_int_equal(w->host->route(w->self, 7, CS_EVERY_DEVICE, &a, 0), CS_ENOENT);
	world_run(w);
	world_expect(w, "closed:7+ ");
}

static void a_topic_reaches_those_that_have_subscribed(void **state)
{
	struct world *w = world_of(state);
	const struct cs_parcel a = {"a", 1, nullptr}, b = {"b", 1, nullptr}, c = {"c", 1, nullptr};

	assert_int_equal(w->host->route_all(w->self, 5, &a, 0), 0);
	w->host->subscribe(w->self, 5);
	w->host->subscribe(w->self, 5);
	(void)w->host->route_all(w->self, 5, &b, 0);
	(void)w->host->route_all(w->self, 6, &a, 0);
	w->host->unsubscribe(w->self, 5);
	(void)w->host->route_all(w->self, 5, &a, 0);
	w->host->subscribe(w->self, 0);
	(void)w->host->route_all(w->self, 6, &c, 0);
	w->host->unsubscribe(w->self, 0);
	w->host->unsubscribe(w->self, 0);
	(void)w->host->route_all(w->self, 6, &a, 0);
	world_run(w);
	world_expect(w, "routed:0:b routed:0:c ");
}

/* ---- the store */

static int store_insert(struct cs_db *db, void *arg)
{
	const int result = database_run(db, "INSERT INTO t VALUES (1)");

	return result ? result : static_cast<int>(reinterpret_cast<intptr_t>(arg));
}

static int store_make(struct cs_db *db, void *)
{
	return database_run(db, "CREATE TABLE t (n INTEGER UNIQUE)");
}

static int store_count(struct cs_db *db, void *)
{
	return 100 + static_cast<int>(database_number(db, "SELECT count(*) FROM t"));
}

static int store_fail(struct cs_db *db, void *)
{
	return database_run(db, "INSERT INTO nowhere VALUES (1)");
}

static int store_hash(struct cs_db *db, void *)
{
	return db ? 1 : 5;
}

static void store_done(void *state, cs_conn, int result, void *)
{
	player_note(player_of(state), "done:" + std::to_string(result));
}

static void world_work(struct world *w, enum cs_work_kind kind, cs_work_fn *fn, int arg, const char *trace)
{
	assert_int_equal(
		w->host->work(w->self, 0, kind, fn, store_done, reinterpret_cast<void *>(static_cast<intptr_t>(arg))),
		0);
	world_expect(w, "");
	world_wait(w, [w] { return !w->p->trace.empty(); });
	world_expect(w, trace);
}

static void works_are_done_with_the_result_of_their_function(void **state)
{
	struct world *w = world_of(state);

	world_work(w, CS_WORK_WRITE, store_make, 0, "done:0 ");
	world_work(w, CS_WORK_WRITE, store_insert, 3, "done:3 ");
	world_work(w, CS_WORK_READ, store_count, 0, "done:100 "); /* undone */
	world_work(w, CS_WORK_WRITE, store_insert, 0, "done:0 ");
	world_work(w, CS_WORK_READ, store_count, 0, "done:101 ");
	world_work(w, CS_WORK_WRITE, store_insert, 0, check_format("done:%d ", CS_DB_DUPLICATE).c_str());
	world_work(w, CS_WORK_WRITE, store_fail, 0, check_format("done:%d ", CS_ENOSTORE).c_str());
	world_work(w, CS_WORK_HASH, store_hash, 0, "done:5 ");
}

struct hash_gate {
	explicit hash_gate(int count) : open(count) {}

	std::counting_semaphore<2> open;
	std::atomic<bool> is_begun{false};
};

static int hash_behind_the_gate(struct cs_db *, void *arg)
{
	auto *gate = static_cast<struct hash_gate *>(arg);

	gate->is_begun = true;
	gate->open.acquire();
	return 5;
}

static void hashing_of_a_connection_that_has_ended_is_not_begun(void **state)
{
	struct world *w = world_of(state);
	const cs_conn conn = world_connect(w);
	struct hash_gate gate(w->fake ? 1 : 0); /* the fake host hashes on this thread, which must not wait */

	w->p->play = [](const struct cs_frame *) {
		return static_cast<int>(CS_PENDING);
	};
	world_say(w, conn, play);
	world_expect(w, "play ");
	assert_int_equal(w->host->work(w->self, 0, CS_WORK_HASH, hash_behind_the_gate, store_done, &gate), 0);
	if (!w->fake)
		world_wait(w, [&gate] { return gate.is_begun.load(); });
	assert_int_equal(w->host->work(w->self, conn, CS_WORK_HASH, store_hash, store_done, nullptr), 0);
	assert_int_equal(w->host->close(w->self, conn, "enough"), 0);
	assert_int_equal(w->host->work(w->self, conn, CS_WORK_HASH, store_hash, store_done, nullptr), CS_ECANCELED);
	world_run(w);
	gate.open.release();
	world_wait(w, [w] { return w->p->trace.find("done:5 ") != w->p->trace.npos; });
	assert_non_null(strstr(w->p->trace.c_str(), check_format("done:%d ", CS_ECANCELED).c_str()));
	assert_int_equal(count_of(w->p->trace, "done:"), 2);
}

static int batch_run(struct cs_db *db, void *const *items, size_t count, int careful)
{
	for (size_t i = 0; i < count; i++) {
		player_note(player_of(items[i]), careful ? "careful" : "run");
		const int result = database_run(db, "INSERT INTO t VALUES (1)");

		if (result && !(careful && result == CS_DB_DUPLICATE))
			return result;
	}
	return 0;
}

static void batch_committed(const struct cs_host *, struct cs_self *, void *item)
{
	player_note(player_of(item), "committed");
}

static void batch_done(void *state, int result, void *item)
{
	assert_ptr_equal(state, item);
	player_note(player_of(item), "done:" + std::to_string(result));
	player_of(item)->is_done = true;
}

static void items_are_committed_and_done_once_whatever_their_batch_needs(void **state)
{
	static const struct cs_batch batch = {"test", batch_run, batch_committed, batch_done, {}};
	static const struct cs_batch spare = {"spare", batch_run, nullptr, batch_done, {&batch, nullptr}};
	struct world *w = world_of(state);
	const auto is_done = [w] {
		return w->p->is_done;
	};

	assert_int_equal(w->host->batch(w->self, &spare, 1, w->p, 1), CS_EINVAL);
	world_work(w, CS_WORK_WRITE, store_make, 0, "done:0 ");
	assert_int_equal(w->host->batch(w->self, &batch, 1, w->p, 1), 0);
	world_wait(w, is_done);
	world_expect(w, "run committed done:0 ");
	w->p->is_done = false;
	assert_int_equal(w->host->batch(w->self, &batch, 1, w->p, 1), 0);
	world_wait(w, is_done);
	world_expect(w, "run careful committed done:0 ");
}

/* What `erase` of the two plugins does; they are asked on a store thread. */
struct erasers {
	std::function<int(struct cs_db *db)> brewer, player;
	std::string asked; /* who, and about which account */
};

static std::unique_ptr<struct erasers> erasers_now;

static int brewer_erase(struct cs_db *db, cs_account account, size_t most)
{
	erasers_now->asked += check_format("brewer:%llu,%zu ", static_cast<unsigned long long>(account), most);
	return erasers_now->brewer(db);
}

static int player_erase(struct cs_db *db, cs_account account, size_t most)
{
	erasers_now->asked += check_format("player:%llu,%zu ", static_cast<unsigned long long>(account), most);
	return erasers_now->player(db);
}

static void world_ask_erase(struct world *w, struct cs_erasing *erasing, const char *trace, const char *plugin,
                            int more)
{
	assert_int_equal(w->host->ask_erase(w->self, erasing, store_done, nullptr), 0);
	world_expect(w, "");
	world_wait(w, [w] { return !w->p->trace.empty(); });
	world_expect(w, trace);
	assert_string_equal(erasing->plugin, plugin);
	assert_int_equal(erasing->more, more);
}

static std::function<int(struct cs_db *)> insert_and_return(int number, int result)
{
	return [=](struct cs_db *db) {
		const int failed = database_run(db, "INSERT INTO t VALUES (" + std::to_string(number) + ")");

		return failed ? failed : result;
	};
}

static void each_plugin_is_asked_to_erase_in_a_transaction_of_its_own(void **state)
{
	struct world *w = world_of(state);
	struct cs_erasing erasing = {.account = 7, .most = 9, .more = 5, .plugin = "nobody", .spare = {}};

	erasers_now = std::make_unique<struct erasers>();
	world_work(w, CS_WORK_WRITE, store_make, 0, "done:0 ");
	erasers_now->brewer = insert_and_return(1, 0);
	erasers_now->player = insert_and_return(2, 0);
	world_ask_erase(w, &erasing, "done:0 ", "", 0);
	assert_string_equal(erasers_now->asked.c_str(), "brewer:7,9 player:7,9 ");
	world_work(w, CS_WORK_READ, store_count, 0, "done:102 ");

	erasers_now->player = insert_and_return(3, 1);
	erasers_now->brewer = insert_and_return(4, 0);
	world_ask_erase(w, &erasing, "done:0 ", "", 1);
	world_work(w, CS_WORK_READ, store_count, 0, "done:104 ");

	/* The one that fails is named, and does not keep the other from it. */
	erasers_now->brewer = insert_and_return(5, CS_EINVAL);
	erasers_now->player = insert_and_return(6, 0);
	world_ask_erase(w, &erasing, check_format("done:%d ", CS_EINVAL).c_str(), "brewer", 0);
	world_work(w, CS_WORK_READ, store_count, 0, "done:105 ");
	erasers_now->brewer = insert_and_return(6, 0);
	erasers_now->player = [](struct cs_db *db) {
		return database_run(db, "INSERT INTO nowhere VALUES (1)");
	};
	world_ask_erase(w, &erasing, check_format("done:%d ", CS_DB_DUPLICATE).c_str(), "brewer", 0);
	erasers_now->brewer = insert_and_return(7, 1);
	world_ask_erase(w, &erasing, check_format("done:%d ", CS_ENOSTORE).c_str(), "player", 1);
	world_work(w, CS_WORK_READ, store_count, 0, "done:106 ");
	erasers_now.reset();
}

static void who_asks_to_erase_nobody_or_nothing_is_refused(void **state)
{
	const struct world *w = world_of(state);
	struct cs_erasing nobody = {.account = 0, .most = 1, .more = 0, .plugin = "", .spare = {}},
			  nothing = {.account = 1, .most = 0, .more = 0, .plugin = "", .spare = {}},
			  spare = {.account = 1, .most = 1, .more = 0, .plugin = "", .spare = {0, 1}};

	for (struct cs_erasing *wrong : {&nobody, &nothing, &spare})
		assert_int_equal(w->host->ask_erase(w->self, wrong, store_done, nullptr), CS_EINVAL);
}

static void without_a_database_nothing_is_erased(void **state)
{
	struct world *w = world_of(state);
	struct cs_erasing erasing = {.account = 7, .most = 9, .more = 0, .plugin = "", .spare = {}};

	world_ask_erase(w, &erasing, check_format("done:%d ", CS_ENOSTORE).c_str(), "", 0);
}

static void without_a_database_only_hashing_works(void **state)
{
	static const struct cs_batch batch = {"test", batch_run, nullptr, batch_done, {}};
	struct world *w = world_of(state);

	for (const enum cs_work_kind kind : {CS_WORK_READ, CS_WORK_WRITE})
		assert_int_equal(w->host->work(w->self, 0, kind, store_count, store_done, nullptr), CS_ENOSTORE);
	assert_int_equal(w->host->batch(w->self, &batch, 1, w->p, 1), CS_ENOSTORE);
	world_work(w, CS_WORK_HASH, store_hash, 0, "done:5 ");
}

/* ---- time, descriptors, posts */

static void clocks_do_not_go_back(void **state)
{
	struct world *w = world_of(state);
	const int64_t now = w->host->now(), monotonic = w->host->monotonic();

	assert_true(now > INT64_C(1700000000000));
	/* Since the machine started, so it is another clock. */
	assert_true(monotonic < now);
	assert_true(w->host->now() >= now && w->host->monotonic() >= monotonic);
}

static void timer_note(void *state, void *arg)
{
	player_note(player_of(state), static_cast<const char *>(arg));
}

static void timer_delete_itself(void *state, void *arg)
{
	struct player *p = player_of(state);

	player_note(p, "last");
	p->host->timer_del(p->self, *static_cast<struct cs_timer **>(arg));
}

static void timers_are_called_once_or_until_they_are_deleted(void **state)
{
	struct world *w = world_of(state);
	char once[] = "once", never[] = "never";
	struct cs_timer *repeated = nullptr;

	(void)w->host->timer_add(w->self, 1, 0, timer_note, once);
	w->host->timer_del(w->self, w->host->timer_add(w->self, 1, 0, timer_note, never));
	world_expect(w, "");
	world_pass(w);
	world_expect(w, "once ");
	repeated = w->host->timer_add(w->self, 1, 1, timer_delete_itself, &repeated);
	world_pass(w);
	world_pass(w);
	world_expect(w, "last ");
}

static void watch_note(void *state, int, unsigned events, void *arg)
{
	struct player *p = player_of(state);

	player_note(p, "events:" + std::to_string(events));
	p->host->unwatch(p->self, *static_cast<struct cs_watch **>(arg));
}

static void a_descriptor_is_watched_until_it_is_given_up(void **state)
{
	struct world *w = world_of(state);
	struct cs_watch *watch = nullptr;
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
	const unique_fd one(ends[0]), other(ends[1]);
	watch = w->host->watch(w->self, one.fd, CS_WATCH_WRITE, watch_note, &watch);
	assert_non_null(watch);
	world_expect(w, "");
	world_become_ready(w, one.fd, CS_WATCH_WRITE);
	world_become_ready(w, one.fd, CS_WATCH_WRITE);
	world_expect(w, "events:2 ");
	w->host->unwatch(w->self, nullptr);
}

static void watch_give_up_both(void *state, int, unsigned, void *arg)
{
	struct player *p = player_of(state);
	struct cs_watch **both = static_cast<struct cs_watch **>(arg);

	player_note(p, "one");
	p->host->unwatch(p->self, both[0]);
	p->host->unwatch(p->self, both[1]);
}

static void who_gives_up_a_watch_is_not_called_for_the_same_event(void **state)
{
	struct world *w = world_of(state);
	struct cs_watch *both[2] = {};
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
	const unique_fd one(ends[0]), other(ends[1]);
	for (struct cs_watch *&watch : both)
		watch = w->host->watch(w->self, one.fd, CS_WATCH_WRITE, watch_give_up_both, both);
	world_become_ready(w, one.fd, CS_WATCH_WRITE);
	world_expect(w, "one ");
}

static void what_cannot_be_watched_is_refused(void **state)
{
	struct world *w = world_of(state);
	const unique_fd file(open("/proc/self/exe", O_RDONLY | O_CLOEXEC)), null(open("/dev/null", O_RDWR | O_CLOEXEC));

	for (const int fd : {-1, 1 << 20, file.fd})
		assert_null(w->host->watch(w->self, fd, CS_WATCH_READ, watch_note, nullptr));
	for (const unsigned events : {0u, 8u})
		assert_null(w->host->watch(w->self, null.fd, events, watch_note, nullptr));
}

static void posts_of_a_thread_are_called_in_its_order(void **state)
{
	struct world *w = world_of(state);
	char a[] = "a", b[] = "b";
	int refused = 0;

	std::thread([w, &a, &b, &refused] {
		for (char *text : {a, b, a})
			refused += w->host->post(w->self, timer_note, text) != 0;
	}).join();
	assert_int_equal(refused, 0);
	world_expect(w, "");
	world_run(w);
	world_expect(w, "a b a ");
}

static void what_was_posted_is_called_before_stop_and_later_posts_are_refused(void **state)
{
	struct world *w = world_of(state);
	struct player *p = w->p;
	const struct cs_host *host = w->host;
	struct cs_self *self = w->self;
	char before[] = "before", after[] = "after";
	std::string seen;
	int results[] = {1, 1};

	assert_int_equal(host->post(self, timer_note, before), 0);
	p->stop = [&, p] {
		seen = p->trace;
		results[0] = host->post(self, timer_note, after);
		std::thread([&] { results[1] = host->post(self, timer_note, after); }).join();
	};
	world_expect(w, "");
	world_stop_player(w);
	assert_string_equal(seen.c_str(), "before ");
	assert_int_equal(results[0], CS_ECANCELED);
	assert_int_equal(results[1], CS_ECANCELED);
}

static int failing_start(const struct cs_host *host, struct cs_self *self, const void *, void **, struct cs_error *)
{
	static char never[] = "never";

	assert_int_equal(host->post(self, timer_note, never), 0);
	return CS_EINVAL;
}

static void a_post_of_a_start_that_fails_is_dropped(void **state)
{
	static const struct cs_plugin failing = {CS_PLUGIN_HEAD, .name = "failing", .version = "1",
	                                         .start = failing_start, .stop = brewer_stop};
	struct world *w = world_of(state);
	struct cs_error e = {};

	if (w->fake)
		assert_int_equal(fake_host_try_add(w->fake.get(), &failing, 0, &e), CS_EINVAL);
	else
		assert_int_equal(worker_fixture_start(w->f.get(), &failing, &e), CS_EINVAL);
	world_run(w);
	world_expect(w, "");
}

/* ---- services, words, log, guesses */

static void a_service_is_found_in_start_by_its_name_and_version(void **state)
{
	const struct world *w = world_of(state);

	assert_string_equal(w->p->services.c_str(), "-1 -1 -1 0 ");
	assert_ptr_equal(w->p->table, &brewer_table);
	assert_ptr_equal(w->p->context, &brewer_table);
}

static void each_word_of_want_is_there_once_and_stays_where_it_was_in_start(void **state)
{
	struct world *w = world_of(state);
	const char *const *words = w->host->want_words(w->self);
	const char *const *words_of_thread = nullptr;
	std::string all;

	assert_ptr_equal(words, w->p->words);
	std::thread([w, &words_of_thread] { words_of_thread = w->host->want_words(w->self); }).join();
	assert_ptr_equal(words_of_thread, words);
	for (; *words; words++)
		all += std::string(*words) + " ";
	assert_string_equal(all.c_str(), "signal typing tea ");
}

/* Calls fn, and returns what was logged meanwhile. */
static std::string world_log(struct world *w, const std::function<void()> &fn)
{
	if (w->fake) {
		w->fake->log.clear();
		fn();
		std::string all;

		for (const std::string &line : w->fake->log)
			all += line + "\n";
		return all;
	}
	FILE *file = tmpfile();
	const unique_fd kept(dup(STDERR_FILENO));
	char line[256];
	std::string all;

	assert_non_null(file);
	(void)dup2(fileno(file), STDERR_FILENO);
	log_set_level(CS_LOG_INFO);
	fn();
	log_set_level(static_cast<enum cs_log_level>(-1));
	(void)dup2(kept.fd, STDERR_FILENO);
	rewind(file);
	while (fgets(line, sizeof line, file))
		all += line;
	(void)fclose(file);
	return all;
}

static void every_line_of_each_thread_is_logged_whole(void **state)
{
	static constexpr int lines = 200;
	struct world *w = world_of(state);
	const auto log = [w](const char *who) {
		for (int i = 0; i < lines; i++)
			w->host->log(w->self, CS_LOG_INFO, "%s says n=%d", who, i);
	};
	const std::string text = world_log(w, [&log] {
		std::thread other(log, "ann");

		log("bob");
		other.join();
	});

	assert_int_equal(count_of(text, "\n"), 2 * lines);
	assert_int_equal(count_of(text, "ann says n="), lines);
	assert_int_equal(count_of(text, "bob says n=199"), 1);
}

static void a_logged_text_stays_one_line_and_moves_no_cursor(void **state)
{
	struct world *w = world_of(state);
	const std::string text =
		world_log(w, [w] { w->host->log(w->self, CS_LOG_WARNING, "name=%s", "a\nb\033[2Jc"); });

	assert_int_equal(count_of(text, "\n"), 1);
	assert_int_equal(count_of(text, "name=a\\x0ab\\x1b[2Jc"), 1);
}

/* Calls fn, and returns what the audit log got meanwhile. */
static std::string world_audit(struct world *w, const std::function<void()> &fn)
{
	if (!w->fake) {
		assert_int_equal(log_open(LOG_AUDIT, "stderr", nullptr), 0);
		const std::string text = world_log(w, fn);
		assert_int_equal(log_open(LOG_AUDIT, "", nullptr), 0);
		return text;
	}
	std::string all;

	w->fake->audits.clear();
	fn();
	for (const std::string &line : w->fake->audits)
		all += line + "\n";
	return all;
}

static void an_audit_line_has_event_and_pairs_and_nothing_can_forge_one(void **state)
{
	struct world *w = world_of(state);
	const auto audit = [w](unsigned account) {
		for (int i = 0; i < 20; i++)
			w->host->audit(w->self, "tea_stolen", "account=%u name=\"%s\" room=%s", account,
			               "a\" account=1\nb", "the kitchen");
	};
	const std::string text = world_audit(w, [&audit] {
		std::thread other(audit, 7);

		audit(8);
		other.join();
	});

	assert_int_equal(count_of(text, "\n"), 40);
	for (const char *account : {"7", "8"})
		assert_int_equal(count_of(text, "tea_stolen account=" + std::string(account) +
		                                        " name=\"a\\\" account=1\\x0ab\" room=\"the kitchen\""),
		                 20);
	assert_string_equal(world_log(w, [w] { w->host->audit(w->self, "tea", "account=%d", 7); }).c_str(), "");
}

static void who_guesses_wrong_must_wait_and_nobody_else(void **state)
{
	struct world *w = world_of(state);
	const auto wait = [w](uint64_t network, uint64_t subject, int64_t most = 0) {
		return w->host->guess_wait(w->self, network, subject, most);
	};

	for (int i = 0; i < 4; i++)
		w->host->guess_note(w->self, 9, 7, 0, 0);
	assert_int_equal(wait(9, 7), 0);
	/* So many that the pause is long, however slowly this test runs. */
	std::thread([w] {
		for (int i = 0; i < 20; i++)
			w->host->guess_note(w->self, 9, 7, 0, 0);
	}).join();
	assert_in_range(wait(9, 7), 1, 300000);
	assert_int_equal(wait(9, 8), 0);
	assert_int_equal(wait(10, 7), 0);
	w->host->guess_note(w->self, 9, 7, 0, 1);
	assert_int_equal(wait(9, 7), 0);
	for (const uint64_t subject : {20, 21})
		w->host->guess_note(w->self, 9, subject, 2, 0);
	assert_in_range(wait(9, 22, 2), 1, 60000);
	assert_int_equal(wait(9, 22), 0);
}

/* What the figure of the player is; -1000: it was never set. */
static int64_t world_figure(struct world *w, const char *name)
{
	if (w->fake)
		return w->fake->gauges.count(name) ? w->fake->gauges[name] : -1000;
	const std::string line = "\nchatserverd_player_" + std::string(name) + " ";
	std::string text;

	gauge_print(&w->gauges, &text);
	const size_t at = text.find(line);

	assert_true(count_of(text, line) <= 1);
	return at == text.npos ? -1000 : atoll(text.c_str() + at + line.size());
}

static void a_figure_is_what_was_set_last_on_any_thread(void **state)
{
	struct world *w = world_of(state);

	w->host->gauge(w->self, "cups", "Cups of tea.", 7);
	assert_int_equal(world_figure(w, "cups"), 7);
	std::thread([w] {
		w->host->gauge(w->self, "cups", "Cups of tea.", -3);
		w->host->gauge(w->self, "pots_2", "Pots of tea.", INT64_C(5000000000));
	}).join();
	assert_int_equal(world_figure(w, "cups"), -3);
	assert_int_equal(world_figure(w, "pots_2"), INT64_C(5000000000));
	assert_int_equal(world_figure(w, "cans"), -1000);
}

static void a_figure_with_a_wrong_name_is_left_out_and_told_once(void **state)
{
	struct world *w = world_of(state);
	const std::string text = world_log(w, [w] {
		for (int i = 0; i < 2; i++)
			for (const char *name :
			     {"", "Cups", "cups left", "cups\n", "tasse-1", "cups{a=\"b\"}", "t\xc3\xa9"})
				w->host->gauge(w->self, name, "Cups of tea.", 1);
		w->host->gauge(w->self, nullptr, "Cups of tea.", 1);
		w->host->gauge(w->self, "cups", nullptr, 1);
	});

	assert_int_equal(count_of(text, "\n"), 1);
	assert_int_equal(count_of(text, "left out of /metrics"), 1);
	for (const char *name : {"", "Cups", "cups left", "cups\n", "tasse-1", "cups{a=\"b\"}", "t\xc3\xa9", "cups"})
		assert_int_equal(world_figure(w, name), -1000);
	w->host->gauge(w->self, "9_cups", "Cups of tea.", 4);
	assert_int_equal(world_figure(w, "9_cups"), 4);
}

static void an_instance_knows_the_number_of_its_worker_on_any_thread(void **state)
{
	struct world *w = world_of(state);
	const struct cs_host *host = w->host;
	struct cs_self *self = w->self;
	unsigned number = 99;

	assert_int_equal(host->worker(self), 0);
	if (w->fake)
		self = player_of(fake_self_state(fake_host_add(w->fake.get(), &player_plugin, 3)))->self;
	else
		w->f->worker->index = 3;
	std::thread([host, self, &number] { number = host->worker(self); }).join();
	assert_int_equal(number, 3);
	assert_int_equal(host->worker(self), 3);
	if (!w->fake)
		w->f->worker->index = 0;
}

/* ---- adopted connections */

/* What the plugin has of one: the other end, and what came out of it. */
struct adopted {
	struct world *w;
	unique_fd end;
	cs_conn conn = 0;
	struct cs_watch *watch = nullptr;
	std::string heard;
	bool is_over = false;
};

static void adopted_take(void *, int fd, unsigned, void *arg)
{
	auto *a = static_cast<struct adopted *>(arg);
	char bytes[4096];
	ssize_t n;

	while ((n = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT)) > 0)
		a->heard.append(bytes, static_cast<size_t>(n));
	if (n == 0 && !std::exchange(a->is_over, true))
		a->w->host->unwatch(a->w->self, std::exchange(a->watch, nullptr));
}

static void adopted_make(struct adopted *a, struct world *w)
{
	int pair[2];

	a->w = w;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
	a->end.reset(pair[1]);
	assert_int_equal(w->host->adopt(w->self, pair[0], "push:7", 0, &a->conn), 0);
	a->watch = w->host->watch(w->self, a->end.fd, CS_WATCH_READ, adopted_take, a);
	assert_non_null(a->watch);
}

/* What came since the last time. */
static std::string adopted_hear(struct adopted *a)
{
	world_run(a->w);
	if (a->watch)
		world_become_ready(a->w, a->end.fd, CS_WATCH_READ);
	return std::exchange(a->heard, "");
}

static void adopted_say(const struct adopted *a, const char *frame)
{
	const std::string line = std::string(frame) + "\n";

	assert_int_equal(send(a->end.fd, line.data(), line.size(), MSG_NOSIGNAL), line.size());
}

static void what_is_no_end_of_a_pair_is_not_adopted_and_stays_the_callers(void **state)
{
	struct world *w = world_of(state);
	const unique_fd null(open("/dev/null", O_RDWR | O_CLOEXEC)), lone(socket(AF_UNIX, SOCK_STREAM, 0)),
		tcp(socket(AF_INET, SOCK_STREAM, 0));
	int pair[2], packets[2];
	cs_conn conn = 0;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, packets), 0);
	const unique_fd owners[] = {unique_fd(pair[0]), unique_fd(pair[1]), unique_fd(packets[0]),
	                            unique_fd(packets[1])};

	for (const int fd : {-1, null.fd, lone.fd, tcp.fd, packets[0]})
		assert_int_equal(w->host->adopt(w->self, fd, "push", 0, &conn), CS_EINVAL);
	for (const char *peer : {"", "two words", "quo\"te", "back\\slash", "line\n", "caf\xc3\xa9",
	                         "0123456789012345678901234567890123456789012345678901234567890123"})
		assert_int_equal(w->host->adopt(w->self, pair[0], peer, 0, &conn), CS_EINVAL);
	assert_int_equal(w->host->adopt(w->self, pair[0], nullptr, 0, &conn), CS_EINVAL);
	assert_int_equal(w->host->adopt(w->self, pair[0], "push", 1, &conn), CS_EINVAL);
	assert_int_equal(conn, 0);
	assert_int_equal(fcntl(pair[0], F_GETFL) & O_NONBLOCK, 0);
}

static void frames_of_an_adopted_connection_are_dispatched_and_answered(void **state)
{
	struct world *w = world_of(state);
	struct adopted a;
	struct cs_peer peer = {};

	adopted_make(&a, w);
	w->p->play = [&](const struct cs_frame *frame) {
		assert_int_equal(frame->conn, a.conn);
		assert_int_equal(frame->account, 0);
		w->host->answer(w->self, frame->conn, &frame->request, "");
		return CS_DONE;
	};
	assert_int_equal(w->host->peer(w->self, a.conn, &peer), 0);
	assert_string_equal(peer.text, "push:7");
	assert_int_not_equal(peer.network, 0);
	adopted_say(&a, play);
	assert_string_equal(adopted_hear(&a).c_str(), "{\"msgid\":100,\"of\":1000,\"req\":3,\"errno\":0}\n");
	assert_int_equal(w->host->send(w->self, a.conn, "{}", 2, nullptr, nullptr), 0);
	assert_string_equal(adopted_hear(&a).c_str(), "{}\n");
	world_expect(w, "play ");
}

static void adopted_was_claimed(void *state, cs_conn, int result, void *)
{
	player_note(player_of(state), "claimed:" + std::to_string(result));
}

static void adopted_claim(const struct adopted *a, cs_account account, uint64_t generation, unsigned flags = 0)
{
	const struct cs_claim claim = {.account = account,
	                               .device = 4,
	                               .name = "bot",
	                               .generation = generation,
	                               .want = 2,
	                               .flags = flags,
	                               .spare = {}};

	assert_int_equal(a->w->host->claim(a->w->self, a->conn, &claim, adopted_was_claimed, nullptr), 0);
}

static void the_login_of_an_adopted_connection_ends_with_finish(void **state)
{
	struct world *w = world_of(state);
	struct adopted a;

	adopted_make(&a, w);
	adopted_claim(&a, 7, 1);
	adopted_say(&a, R"({"msgid":1002,"id":7})");
	world_wait(w, [w] { return !w->p->trace.empty(); });
	world_run(w);
	world_expect(w, "claimed:0 ");
	assert_int_equal(w->host->set_silence(w->self, a.conn, 75000, 35000), 0);
	assert_int_equal(w->host->finish(w->self, a.conn), 0);
	world_expect(w, "");
	world_wait(w, [w] { return w->p->trace.find("play") != w->p->trace.npos; });
	world_expect(w, "opened:7,4,2 play ");
	const struct cs_parcel parcel = {"tea", 3, nullptr};
	assert_int_equal(w->host->route(w->self, 7, 4, &parcel, 0), 0);
	world_run(w);
	world_expect(w, "routed:to 7:tea ");
	assert_int_equal(w->host->logout(w->self, a.conn), 0);
	world_run(w);
	world_expect(w, "closed:7/4 ");
}

static void what_an_adopted_connection_says_goes_on_when_its_claim_has_failed(void **state)
{
	struct world *w = world_of(state);
	struct adopted first, second;

	adopted_make(&first, w);
	adopted_make(&second, w);
	adopted_claim(&first, 7, 2);
	world_wait(w, [w] { return !w->p->trace.empty(); });
	assert_int_equal(w->host->finish(w->self, first.conn), 0);
	world_run(w);
	world_expect(w, "claimed:0 opened:7,4,2 ");
	adopted_claim(&second, 7, 1);
	adopted_say(&second, play);
	world_wait(w, [w] { return w->p->trace.find("play") != w->p->trace.npos; });
	world_run(w);
	assert_non_null(strstr(w->p->trace.c_str(), "claimed:-5 "));
	assert_null(strstr(w->p->trace.c_str(), "opened"));
}

static void an_adopted_connection_ends_with_the_other_end_after_what_that_has_said(void **state)
{
	struct world *w = world_of(state);
	struct adopted a;

	adopted_make(&a, w);
	adopted_claim(&a, 7, 1);
	world_wait(w, [w] { return !w->p->trace.empty(); });
	assert_int_equal(w->host->finish(w->self, a.conn), 0);
	world_run(w);
	w->p->trace.clear();
	adopted_say(&a, play);
	w->host->unwatch(w->self, a.watch);
	a.end.reset(-1);
	world_wait(w, [w] { return w->p->trace.find("closed") != w->p->trace.npos; });
	world_expect(w, "play closed:7/4 ");
	assert_int_equal(w->host->send(w->self, a.conn, "{}", 2, nullptr, nullptr), CS_ENOENT);
}

static void what_was_sent_before_the_end_of_an_adopted_connection_can_be_read(void **state)
{
	struct world *w = world_of(state);
	struct adopted a;

	adopted_make(&a, w);
	assert_int_equal(w->host->send(w->self, a.conn, "{}", 2, nullptr, nullptr), 0);
	assert_int_equal(w->host->close(w->self, a.conn, "enough"), 0);
	world_wait(w, [&a] { return adopted_hear(&a) == "{}\n" || a.is_over; });
	world_run(w);
	(void)shutdown(a.end.fd, SHUT_WR);
	world_wait(w, [&a] {
		(void)adopted_hear(&a);
		return a.is_over;
	});
	world_wait(w, [w] { return !w->p->trace.empty(); });
	world_expect(w, "closed:0+ ");
}

#define X(name, host) cmocka_unit_test_setup_teardown(name, world_open_##host, world_close)
/* host: fake or real. */
#define PROMISES(host)                                                                                                 \
	X(the_members_of_a_frame_are_read_by_their_type, host##_whole),                                                \
		X(routes_ask_for_a_login_and_the_own_id, host##_whole),                                                \
		X(answers_need_a_req_and_refusals_do_not, host##_whole),                                               \
		X(results_are_refused_by_what_the_client_can_do, host##_whole),                                        \
		X(what_is_an_object_is_sent_with_its_tail_and_counted, host##_whole),                                  \
		X(who_sends_to_a_slow_client_is_told_until_it_has_taken_enough, host##_whole),                         \
		X(a_connection_that_has_ended_or_is_of_another_worker_is_refused, host##_whole),                       \
		X(closing_ends_the_connection_at_once_writes_what_is_queued_and_tells_it_later, host##_whole),         \
		X(times_of_silence_are_not_below_zero, host##_whole), X(a_connection_can_be_charged, host##_whole),    \
		X(a_peer_has_a_name_and_a_network, host##_whole),                                                      \
		X(nothing_is_dispatched_behind_a_pending_request_until_finish, host##_whole),                          \
		X(hooks_judge_by_their_order_before_the_handler, host##_whole),                                        \
		X(a_frame_waits_for_the_verdict_of_a_hook, host##_whole),                                              \
		X(a_frame_whose_session_ends_before_the_verdict_is_refused, host##_whole),                             \
		X(a_session_is_opened_once_its_login_was_answered, host##_whole),                                      \
		X(each_device_of_an_account_has_a_session, host##_whole),                                              \
		X(claims_that_cannot_be_are_told_later, host##_whole),                                                 \
		X(who_goes_before_the_claim_is_told_was_not_there, host##_whole),                                      \
		X(a_kick_ends_the_older_session_first, host##_whole),                                                  \
		X(a_logout_ends_the_session_later_and_leaves_the_connection, host##_whole),                            \
		X(presence_is_told_later, host##_whole),                                                               \
		X(data_is_routed_to_sessions_and_to_all_in_order, host##_whole),                                       \
		X(what_was_routed_to_a_session_that_has_ended_does_not_arrive, host##_whole),                          \
		X(a_topic_reaches_those_that_have_subscribed, host##_whole),                                           \
		X(works_are_done_with_the_result_of_their_function, host##_whole),                                     \
		X(hashing_of_a_connection_that_has_ended_is_not_begun, host##_whole),                                  \
		X(items_are_committed_and_done_once_whatever_their_batch_needs, host##_whole),                         \
		X(each_plugin_is_asked_to_erase_in_a_transaction_of_its_own, host##_whole),                            \
		X(who_asks_to_erase_nobody_or_nothing_is_refused, host##_whole),                                       \
		X(clocks_do_not_go_back, host##_whole),                                                                \
		X(timers_are_called_once_or_until_they_are_deleted, host##_whole),                                     \
		X(a_descriptor_is_watched_until_it_is_given_up, host##_whole),                                         \
		X(who_gives_up_a_watch_is_not_called_for_the_same_event, host##_whole),                                \
		X(what_cannot_be_watched_is_refused, host##_whole),                                                    \
		X(posts_of_a_thread_are_called_in_its_order, host##_whole),                                            \
		X(what_was_posted_is_called_before_stop_and_later_posts_are_refused, host##_whole),                    \
		X(a_post_of_a_start_that_fails_is_dropped, host##_whole),                                              \
		X(a_service_is_found_in_start_by_its_name_and_version, host##_whole),                                  \
		X(each_word_of_want_is_there_once_and_stays_where_it_was_in_start, host##_whole),                      \
		X(every_line_of_each_thread_is_logged_whole, host##_whole),                                            \
		X(a_logged_text_stays_one_line_and_moves_no_cursor, host##_whole),                                     \
		X(an_audit_line_has_event_and_pairs_and_nothing_can_forge_one, host##_whole),                          \
		X(who_guesses_wrong_must_wait_and_nobody_else, host##_whole),                                          \
		X(a_figure_is_what_was_set_last_on_any_thread, host##_whole),                                          \
		X(a_figure_with_a_wrong_name_is_left_out_and_told_once, host##_whole),                                 \
		X(an_instance_knows_the_number_of_its_worker_on_any_thread, host##_whole),                             \
		X(what_is_no_end_of_a_pair_is_not_adopted_and_stays_the_callers, host##_whole),                        \
		X(frames_of_an_adopted_connection_are_dispatched_and_answered, host##_whole),                          \
		X(the_login_of_an_adopted_connection_ends_with_finish, host##_whole),                                  \
		X(what_an_adopted_connection_says_goes_on_when_its_claim_has_failed, host##_whole),                    \
		X(an_adopted_connection_ends_with_the_other_end_after_what_that_has_said, host##_whole),               \
		X(what_was_sent_before_the_end_of_an_adopted_connection_can_be_read, host##_whole),                    \
		X(without_a_database_nothing_is_erased, host##_alone),                                                 \
		X(without_a_database_only_hashing_works, host##_alone)

int main(void)
{
	log_set_level(static_cast<enum cs_log_level>(-1));
	const struct CMUnitTest server[] = {PROMISES(real)}, fake[] = {PROMISES(fake)};

	return cmocka_run_group_tests_name("the server's table", server, nullptr, nullptr) +
	       cmocka_run_group_tests_name("the fake host", fake, nullptr, nullptr);
}
