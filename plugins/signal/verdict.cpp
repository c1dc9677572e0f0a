/* SPDX-License-Identifier: MIT
 * Whether a session gets what a sender signals: nothing from those whom its account blocks, and perhaps nothing from
 * strangers. The store is asked once; a change of the contacts is told. */
#include <memory>

#include "../model/contacts.h"
#include "signal.h"

/* ms. A verdict is good for so long. After half of it the store is asked again in the background, so that signals that
 * go on never wait. */
static constexpr int64_t signal_verdict_good_ms = 60000;
/* ms. The same while other nodes may not be heard, and for a refusal: a stranger is none any more once it is written
 * to, which nobody tells. */
static constexpr int64_t signal_verdict_doubtful_ms = 900;
static constexpr size_t signal_verdict_most_senders = 64; /* per session */
static constexpr size_t signal_verdict_most_waiting = 256; /* frames per verdict */
static constexpr size_t signal_verdict_most_bytes = 64 * 1024; /* of them, but one frame at least */

struct verdict_read {
	cs_conn conn = 0;
	uint64_t session = 0;
	cs_account account = 0, sender = 0;
	int64_t asked_ms = 0;
	bool is_old = false; /* contacts may have changed since the store was asked */
	bool strangers_may = true;
	std::vector<std::string> waiting; /* frames that came meanwhile */
	size_t waiting_bytes = 0;
};

static int signal_verdict_read(cs_db *db, void *arg)
{
	const verdict_read *read = static_cast<const verdict_read *>(arg);

	return pair_judge(db, read->sender, read->account, read->strangers_may);
}

/* If the store cannot say it, the signals that wait are dropped. After a change they are judged anew. */
static void signal_verdict_known(void *state, cs_conn, int result, void *arg)
{
	const std::unique_ptr<verdict_read> read(static_cast<verdict_read *>(arg));
	signal_plugin *p = static_cast<signal_plugin *>(state);
	const auto at = p->sessions.find(read->conn);

	p->waiting_bytes -= read->waiting_bytes;
	if (at == p->sessions.end() || at->second.number != read->session)
		return;
	signal_session *s = &at->second;
	signal_verdict *verdict = &s->verdicts[read->sender];

	verdict->reading = nullptr;
	if (!read->is_old && (result == 0 || result == MODEL_UNWANTED)) {
		verdict->lets = result == 0;
		verdict->asked_ms = read->asked_ms;
	}
	for (const std::string &frame : read->waiting) {
		if (read->is_old)
			signal_judge(p, read->conn, s, read->sender, frame);
		else if (result == 0)
			signal_deliver(p, read->conn, s, frame);
	}
}

static void signal_verdict_ask(signal_plugin *p, cs_conn conn, const signal_session &s, cs_account sender,
                               signal_verdict *verdict, int64_t now)
{
	const plugin_context &c = p->context;
	auto read = std::make_unique<verdict_read>();

	read->conn = conn;
	read->session = s.number;
	read->account = s.account;
	read->sender = sender;
	read->asked_ms = now;
	read->strangers_may = !p->mailbox || !p->mailbox->refuses_strangers(p->mailbox_context);
	if (c.host->work(c.self, 0, CS_WORK_READ, signal_verdict_read, signal_verdict_known, read.get()) == 0)
		verdict->reading = read.release(); /* signal_verdict_known owns it now */
}

/* One sender must not take the room of all. */
static void signal_verdict_wait(signal_plugin *p, verdict_read *read, std::string_view frame)
{
	if (read->waiting.size() >= signal_verdict_most_waiting ||
	    (read->waiting_bytes > 0 && read->waiting_bytes + frame.size() > signal_verdict_most_bytes) ||
	    p->waiting_bytes + frame.size() > signal_most_waiting)
		return;
	read->waiting.emplace_back(frame);
	read->waiting_bytes += frame.size();
	p->waiting_bytes += frame.size();
}

/* If there are too many, those who were silent longest are forgotten, but for those about whom the store is asked: what
 * waits for its answer stays in order. */
static void signal_verdict_make_room(signal_session *s)
{
	while (s->verdicts.size() >= signal_verdict_most_senders) {
		auto oldest = s->verdicts.end();

		for (auto at = s->verdicts.begin(); at != s->verdicts.end(); ++at)
			if (!at->second.reading &&
			    (oldest == s->verdicts.end() || at->second.used_ms < oldest->second.used_ms))
				oldest = at;
		if (oldest == s->verdicts.end())
			return;
		s->verdicts.erase(oldest);
	}
}

static signal_verdict *signal_verdict_of(signal_session *s, cs_account sender)
{
	const auto at = s->verdicts.find(sender);

	if (at != s->verdicts.end())
		return &at->second;
	signal_verdict_make_room(s);
	return &s->verdicts[sender];
}

std::vector<std::string> signal_verdict_take_waiting(signal_plugin *p, const signal_verdict &verdict)
{
	std::vector<std::string> waiting;

	if (!verdict.reading)
		return waiting;
	waiting.swap(verdict.reading->waiting);
	p->waiting_bytes -= verdict.reading->waiting_bytes;
	verdict.reading->waiting_bytes = 0;
	return waiting;
}

static void signal_verdict_doubt(signal_verdict *verdict)
{
	verdict->asked_ms = 0;
	if (verdict->reading)
		verdict->reading->is_old = true;
}

void signal_verdict_forget(signal_session *s, cs_account sender)
{
	for (auto &[of, verdict] : s->verdicts)
		if (!sender || of == sender)
			signal_verdict_doubt(&verdict);
}

/* Whether it is good; part 2: for half of the time. */
static bool signal_verdict_is_good(const signal_plugin *p, const signal_verdict &verdict, int64_t now, int64_t part)
{
	const bool is_doubtful = p->is_degraded || !verdict.lets;

	return verdict.asked_ms &&
	       now - verdict.asked_ms <= (is_doubtful ? signal_verdict_doubtful_ms : signal_verdict_good_ms) / part;
}

void signal_judge(signal_plugin *p, cs_conn conn, signal_session *s, cs_account sender, std::string_view frame)
{
	const int64_t now = p->context.host->monotonic();
	signal_verdict *verdict = signal_verdict_of(s, sender);

	verdict->used_ms = now;
	if (!verdict->reading && !signal_verdict_is_good(p, *verdict, now, verdict->lets ? 2 : 1))
		signal_verdict_ask(p, conn, *s, sender, verdict, now);
	if (!signal_verdict_is_good(p, *verdict, now, 1)) {
		if (verdict->reading)
			signal_verdict_wait(p, verdict->reading, frame);
	} else if (verdict->lets) {
		signal_deliver(p, conn, s, frame);
	}
}
