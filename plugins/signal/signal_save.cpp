/* SPDX-License-Identifier: MIT
 * Hands the sessions, and the signals that wait for a verdict, to the instance that replaces this one. Frames for
 * groups wait with their requests: those are finished here. */
#include "signal.h"

#include <memory>
#include <utility>

#include "../shared/saved.h"

static constexpr uint64_t signal_saved_form = 1;

/* It has no session any more, so nothing is delivered by it: another session may have the connection by then. */
static void signal_leave(signal_plugin *p)
{
	p->sessions.clear();
	p->by_account.clear();
}

static void signal_save_waiting(signal_plugin *p, const signal_session &s, std::string *bytes)
{
	saved_add(bytes, s.verdicts.size());
	for (const auto &[sender, verdict] : s.verdicts) {
		const std::vector<std::string> waiting = signal_verdict_take_waiting(p, verdict);

		saved_add(bytes, sender);
		saved_add(bytes, waiting.size());
		for (const std::string &frame : waiting)
			saved_add_text(bytes, frame);
	}
}

struct cs_shared *signal_save(void *state)
{
	signal_plugin *p = static_cast<signal_plugin *>(state);
	std::string bytes;

	saved_add(&bytes, signal_saved_form);
	saved_add(&bytes, p->sessions.size());
	for (const auto &[conn, session] : p->sessions) {
		saved_add(&bytes, conn);
		saved_add(&bytes, session.account);
		saved_add(&bytes, session.device);
		saved_add(&bytes, session.paused);
		signal_save_waiting(p, session, &bytes);
	}
	signal_leave(p);
	return p->context.host->share(bytes.data(), bytes.size());
}

struct signal_saved {
	cs_conn conn;
	cs_account account;
	uint64_t device;
	bool paused;
	std::vector<std::pair<cs_account, std::string_view>> waiting; /* sender and frame, in the saved bytes */
};

static signal_saved signal_restore_session(saved_reader *r)
{
	signal_saved s = {};

	s.conn = saved_take(r);
	s.account = saved_take(r);
	s.device = saved_take(r);
	s.paused = saved_take(r) != 0;
	for (uint64_t senders = saved_take_count(r); senders > 0 && !r->is_cut; senders--) {
		const cs_account sender = saved_take(r);

		for (uint64_t frames = saved_take_count(r); frames > 0 && !r->is_cut; frames--)
			s.waiting.emplace_back(sender, saved_take_text(r));
	}
	return s;
}

int signal_restore(void *state, const struct cs_shared *saved)
{
	signal_plugin *p = static_cast<signal_plugin *>(state);
	std::vector<signal_saved> sessions;
	saved_reader r(saved);

	if (saved_take(&r) != signal_saved_form)
		return CS_EINVAL;
	for (uint64_t count = saved_take_count(&r); count > 0 && !r.is_cut; count--)
		sessions.push_back(signal_restore_session(&r));
	if (!saved_is_whole(r))
		return CS_EINVAL;
	for (const signal_saved &s : sessions) {
		signal_add_session(p, s.conn, s.account, s.device);
		signal_session *session = &p->sessions[s.conn];

		session->paused = s.paused;
		for (const auto &[sender, frame] : s.waiting)
			signal_judge(p, s.conn, session, sender, frame);
	}
	return 0;
}

/* The contacts have a function of it until `stop`, and nothing else is out. */
int signal_busy(void *state)
{
	signal_leave(static_cast<signal_plugin *>(state));
	return 0;
}
