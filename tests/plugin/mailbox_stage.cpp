/* SPDX-License-Identifier: MIT
 * The fixture of the mailbox's tests. */
#include "mailbox_stage.h"

#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <utility>

std::string stage_body(uint64_t from, uint64_t n, size_t padding)
{
	char text[96];

	snprintf(text, sizeof(text), "{\"msgid\":6,\"id\":%" PRIu64 ",\"n\":%" PRIu64 ",\"msg\":\"", from, n);
	return text + std::string(padding, 'x') + "\"}";
}

static uint64_t number_after(const std::string &frame, const char *name)
{
	const size_t at = frame.rfind(name);

	return at == std::string::npos ? 0 : strtoull(frame.c_str() + at + strlen(name), nullptr, 10);
}

stage_frame stage_parse(const std::string &frame)
{
	return {number_after(frame, "\"n\":"), number_after(frame, "\"id\":"), number_after(frame, ",\"seq\":"),
	        static_cast<int64_t>(number_after(frame, ",\"ts\":")), frame};
}

std::string stage_up_to(uint64_t last, uint64_t first)
{
	std::string text;

	for (uint64_t n = first; n <= last; n++)
		text += (text.empty() ? "" : " ") + std::to_string(n);
	return text;
}

void stage_keep(stage *st, uint64_t count, size_t padding)
{
	for (uint64_t n = 1; n <= count; n++)
		memory_log_append_pair(&st->log, 1, 2, stage_body(1, n, padding), ++fake_clock);
}

void stage_begin(stage *st, unsigned nodes, unsigned workers, const mailbox_conf &conf)
{
	fake_host *host = st->w.host.get();

	fake_host_set(host, "mailbox.sweep", std::to_string(conf.sweep).c_str());
	fake_host_set(host, "mailbox.sweep_away", std::to_string(conf.sweep_away).c_str());
	fake_host_set(host, "mailbox.cursor_flush", std::to_string(conf.cursor_flush).c_str());
	host->soft_mark = 64 * 1024;
	memory_log_open(&st->log, 9);
	world_open(&st->w, &cs_plugin, &st->log.db, nodes, workers);
	st->w.on_frame = [st](world_conn &c, const std::string &frame) {
		st->seen[c.id].push_back(stage_parse(frame));
	};
}

void stage_close(stage *st)
{
	world_close(&st->w);
}

stage *stage_open_nodes(void **state, unsigned nodes, unsigned workers, const mailbox_conf &conf)
{
	auto st = std::make_unique<stage>();

	stage_begin(st.get(), nodes, workers, conf);
	*state = st.get();
	return st.release();
}

stage *stage_open(void **state, unsigned workers, const mailbox_conf &conf)
{
	return stage_open_nodes(state, 1, workers, conf);
}

stage *stage_open_exclusive(void **state, unsigned workers)
{
	auto st = std::make_unique<stage>();

	st->w.host->exclusive_store = true;
	stage_begin(st.get(), 1, workers);
	*state = st.get();
	return st.release();
}

int stage_teardown(void **state)
{
	const std::unique_ptr<stage> st(static_cast<stage *>(std::exchange(*state, nullptr)));

	if (st && st->w.host)
		stage_close(st.get());
	return 0;
}

cs_conn stage_login(stage *st, unsigned worker, cs_account account, bool acknowledges)
{
	const cs_conn conn = world_connect(&st->w, worker);

	world_login(&st->w, conn, account, acknowledges);
	world_settle(&st->w);
	assert_int_equal(world_conn_of(&st->w, conn)->phase, WORLD_IN);
	return conn;
}

uint64_t stage_want(const stage *st, const char *words)
{
	const std::vector<const char *> &known = st->w.host->want_words;
	uint64_t want = 0;

	for (size_t i = 0; known[i]; i++)
		if (strstr(words, known[i]))
			want |= UINT64_C(1) << i;
	return want;
}

cs_conn stage_login_wanting(stage *st, unsigned worker, cs_account account, const char *want, bool acknowledges)
{
	const cs_conn conn = world_connect(&st->w, worker);

	world_conn_of(&st->w, conn)->want = stage_want(st, want);
	world_login(&st->w, conn, account, acknowledges);
	world_settle(&st->w);
	assert_int_equal(world_conn_of(&st->w, conn)->phase, WORLD_IN);
	return conn;
}

cs_conn stage_login_again(stage *st, cs_conn conn, unsigned worker)
{
	const cs_account account = world_conn_of(&st->w, conn)->at->account;
	const bool acknowledges = stage_session(st, conn)->acknowledges;

	world_kill(&st->w, conn);
	world_settle(&st->w);
	world_advance(&st->w, 1000);
	return stage_login(st, worker, account, acknowledges);
}

int64_t stage_chat_as(stage *st, cs_conn conn, cs_conversation_kind kind, uint64_t to, uint64_t n, const char *cid)
{
	const std::string body = stage_body(world_conn_of(&st->w, conn)->at->account, n);

	world_send(&st->w, conn, kind, to, body, cid ? std::optional<std::string>(cid) : std::nullopt, ++st->last_req);
	return st->last_req;
}

int64_t stage_chat(stage *st, cs_conn conn, uint64_t to, uint64_t n)
{
	return stage_chat_as(st, conn, CS_CONVERSATION_PAIR, to, n, nullptr);
}

int64_t stage_say(stage *st, cs_conn conn, uint64_t to, uint64_t n)
{
	return stage_say_as(st, conn, CS_CONVERSATION_PAIR, to, n, nullptr);
}

int64_t stage_say_as(stage *st, cs_conn conn, cs_conversation_kind kind, uint64_t to, uint64_t n, const char *cid)
{
	const int64_t req = stage_chat_as(st, conn, kind, to, n, cid);

	world_settle(&st->w);
	return req;
}

struct stage_change {
	stage_event what;
	cs_account account;
};

static int run_change(cs_db *db, cs_effect *effect, void *arg)
{
	memory_log *log = reinterpret_cast<memory_log *>(db);
	const stage_change *change = static_cast<stage_change *>(arg);
	const cs_account account = change->account;

	if (change->what == STAGE_NOTE)
		return 0;
	if (change->what == STAGE_IS_MADE) {
		effect->conversation = account;
		return CS_ERRNO_EXISTS;
	}
	if (!effect->conversation) {
		effect->errmsg = "no such group";
		return CS_ERRNO_NO_SUCH_GROUP;
	}
	if (memory_log_is_member(log, effect->conversation, account) == (change->what == STAGE_JOIN))
		return CS_EFFECT_IS_THERE;
	if (change->what == STAGE_JOIN) {
		memory_log_join(log, effect->conversation, account, effect->seq);
		effect->joins = account;
	} else {
		memory_log_leave(log, effect->conversation, account, effect->seq);
		effect->leaves = account;
	}
	return 0;
}

static void end_change(void *arg, cs_conn, int, const cs_effect *)
{
	delete static_cast<stage_change *>(arg);
}

int64_t stage_event_as(stage *st, cs_conn conn, stage_event what, cs_account account, cs_conversation_kind kind,
                       uint64_t to, uint64_t n)
{
	cs_outgoing entry = {};

	entry.kind = kind;
	entry.to = to;
	entry.effect = run_change;
	entry.done = end_change;
	entry.arg = new stage_change{what, account};
	world_send_event(&st->w, conn, entry, stage_body(world_conn_of(&st->w, conn)->at->account, n), ++st->last_req);
	return st->last_req;
}

int64_t stage_do(stage *st, cs_conn conn, stage_event what, cs_account account, uint64_t group, uint64_t n)
{
	const int64_t req = stage_event_as(st, conn, what, account, CS_CONVERSATION_GROUP, group, n);

	world_settle(&st->w);
	return req;
}

static const world_answer *answer_of(const stage *st, int64_t req)
{
	const world_answer *found = nullptr;

	for (const world_answer &answer : st->w.answers)
		if (answer.req == req) {
			assert_null(found); /* exactly one */
			found = &answer;
		}
	return found;
}

int stage_errno(const stage *st, int64_t req)
{
	const world_answer *answer = answer_of(st, req);

	return answer ? answer->wire_errno : -1;
}

std::string stage_answer(const stage *st, int64_t req)
{
	const world_answer *answer = answer_of(st, req);

	return answer ? answer->more : "";
}

static std::string joined(const stage *st, cs_conn conn, uint64_t stage_frame::*member)
{
	const auto at = st->seen.find(conn);
	std::string text;

	if (at == st->seen.end())
		return text;
	for (const stage_frame &frame : at->second)
		text += (text.empty() ? "" : " ") + std::to_string(frame.*member);
	return text;
}

std::string stage_seen(const stage *st, cs_conn conn)
{
	return joined(st, conn, &stage_frame::n);
}

std::string stage_seqs(const stage *st, cs_conn conn)
{
	return joined(st, conn, &stage_frame::seq);
}

size_t stage_reads(const stage *st)
{
	return fake_host_count(st->w.host.get(), "work read");
}

void stage_fail(stage *st, fake_fault_place place, std::initializer_list<int> results)
{
	for (const int result : results)
		st->w.host->faults.push_back({place, 0, false, result});
}

mailbox *stage_mailbox(stage *st, unsigned worker)
{
	return static_cast<mailbox *>(fake_self_state(st->w.workers[worker]));
}

mailbox_session *stage_session(stage *st, cs_conn conn)
{
	return mailbox_session_of(&stage_mailbox(st, world_conn_of(&st->w, conn)->at->worker)->sessions, conn);
}
