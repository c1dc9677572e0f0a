/* SPDX-License-Identifier: MIT
 * From a hint or a page of the store to the client, in the order of seq. */
#include "incoming.h"

#include <algorithm>
#include <utility>

#include "cursors.h"
#include "stash.h"

constexpr size_t mailbox_little_unsent = 16 * 1024; /* bytes; a client with less unsent is fast */

static void mailbox_incoming_want(mailbox *m, mailbox_session *s);

/* ---- views */

/* Sets what the store knows about the conversation. Only for a view that is not known yet. */
static void mailbox_incoming_learn(mailbox_view *view, uint64_t conversation, uint64_t delivered_seq)
{
	view->incoming.known = true;
	view->incoming.conversation = conversation;
	view->incoming.sent = delivered_seq;
	mailbox_cursor_learn(view, delivered_seq);
}

/* Puts the view into mailbox_views.behind, if it is behind. */
static void mailbox_incoming_list(mailbox_session *s, mailbox_key key, mailbox_view *view)
{
	if (view->incoming.listed || view->incoming.pulling || !mailbox_view_is_behind(view))
		return;
	view->incoming.listed = true;
	s->views->behind.push_back(key);
}

static void mailbox_incoming_learn_news(mailbox_view *view, const message_news &news)
{
	if (!view->incoming.known)
		mailbox_incoming_learn(view, news.conversation, news.delivered_seq);
	view->incoming.heard = std::max(view->incoming.heard, news.last_seq);
}

void mailbox_incoming_heard(mailbox *m, mailbox_session *s, mailbox_key key, uint64_t seq)
{
	mailbox_view *view = mailbox_view_get(s, key);

	view->incoming.heard = std::max(view->incoming.heard, seq);
	mailbox_incoming_list(s, key, view);
	mailbox_incoming_want(m, s);
}

/* Reads the conversation once, because nobody knows what its last seq is. */
static void mailbox_incoming_check(mailbox *m, mailbox_session *s, mailbox_key key, mailbox_view *view)
{
	view->incoming.check = true;
	mailbox_incoming_list(s, key, view);
	mailbox_incoming_want(m, s);
}

/* ---- entries that the session sent itself */

static void mailbox_incoming_note_mine(mailbox_session *s, mailbox_key key, const mailbox_view *view, uint64_t seq)
{
	if (s->want.echo && key != mailbox_key_of(CS_CONVERSATION_PAIR, s->account) &&
	    (!view->incoming.known || seq > view->incoming.sent) && s->views->mine.size() < mailbox_views_mine_at_most)
		s->views->mine.insert({key, seq});
}

/* true: this session sent it. Forgets that, and what came before it. */
static bool mailbox_incoming_take_mine(mailbox_session *s, mailbox_key key, uint64_t seq)
{
	std::set<std::pair<mailbox_key, uint64_t>> *mine = &s->views->mine;
	const bool is_mine = mine->contains({key, seq});

	if (!mine->empty())
		mine->erase(mine->lower_bound({key, 0}), mine->upper_bound({key, seq}));
	return is_mine;
}

/* ---- sending */

/* Queues one frame for the client. false: the connection is gone. */
static bool mailbox_incoming_send(mailbox *m, mailbox_session *s, mailbox_key key, mailbox_view *view, uint64_t seq,
                                  std::string_view frame, const char *tail)
{
	uint64_t position = 0;
	const int result = m->host->send(m->self, s->conn, frame.data(), frame.size(), tail, &position);

	if (result && result != CS_EAGAIN) {
		s->incoming.gone = true;
		return false;
	}
	if (result == CS_EAGAIN)
		s->incoming.paused = true;
	s->incoming.queued = position;
	view->incoming.sent = seq;
	mailbox_cursor_note_queued(s, key, view, seq, position);
	return true;
}

/* ---- hints */

/* The message is the next one, and it can be sent now. */
static bool mailbox_incoming_is_next(const mailbox_session *s, const mailbox_view *view, uint64_t seq)
{
	return s->catch_up.phase == MAILBOX_LIVE && !s->incoming.gone && view->incoming.known &&
	       !view->incoming.pulling && !mailbox_view_is_behind(view) && seq == view->incoming.sent + 1;
}

/* The hint came before the hints of earlier messages, which are still on their way. */
static bool mailbox_incoming_came_early(const mailbox_session *s, const mailbox_view *view, uint64_t seq)
{
	return seq > view->incoming.sent + 1 && mailbox_incoming_is_next(s, view, view->incoming.sent + 1);
}

/* The entry is not for this session: count it as sent, but do not send it. */
static void mailbox_incoming_pass_over(mailbox *m, mailbox_session *s, mailbox_view *view, uint64_t seq)
{
	view->incoming.sent = seq;
	mailbox_cursor_note_sent(m, s, view);
}

/* Delivers the entry if it is the next one. silent: to nobody. false: it must be read from the store. */
static bool mailbox_incoming_take_next(mailbox *m, mailbox_session *s, mailbox_key key, mailbox_view *view,
                                       uint64_t seq, bool silent, const std::string &tail, std::string_view body)
{
	if (!mailbox_incoming_is_next(s, view, seq) || (!silent && (s->incoming.paused || !mailbox_cursor_window(s))))
		return false;
	(void)mailbox_incoming_take_mine(s, key, seq);
	if (silent)
		mailbox_incoming_pass_over(m, s, view, seq);
	else
		(void)mailbox_incoming_send(m, s, key, view, seq, body, tail.c_str());
	return true;
}

/* Delivers the stashed hints that follow the message that was just delivered. */
static void mailbox_incoming_take_stashed(mailbox *m, mailbox_session *s, mailbox_key key, mailbox_view *view)
{
	mailbox_stashed next;

	while (mailbox_stash_take(m, s, key, view->incoming.sent + 1, &next)) {
		const uint64_t seq = view->incoming.sent + 1;

		if (!mailbox_incoming_take_next(m, s, key, view, seq, next.silent, mailbox_page_tail(seq, next.created),
		                                next.body)) {
			mailbox_incoming_heard(m, s, key, seq);
			return;
		}
	}
}

/* Whether the session has all entries before this one, of a conversation that it has no view of. Its first page, the
 * hints since then and each group that it joins made views of all that it lacks, and a view is dropped only when
 * nothing is lacking. So the answer is yes for an entry that was stored after new_from, if every entry has a hint,
 * in order; without such hints it is yes for the first entry of a pair. */
static bool mailbox_incoming_is_up_to(const mailbox *m, mailbox_session *s, const mailbox_hint &hint)
{
	if (std::exchange(s->views->dropped, false))
		s->new_from = m->host->now();
	return s->catch_up.phase == MAILBOX_LIVE && hint.process == mailbox_hint_process() &&
	       hint.created > s->new_from &&
	       (m->hints_are_complete || (hint.seq == 1 && hint.kind == CS_CONVERSATION_PAIR));
}

static mailbox_view *mailbox_incoming_view_of(const mailbox *m, mailbox_session *s, mailbox_key key,
                                              const mailbox_hint &hint)
{
	mailbox_view *view = mailbox_view_find(s, key);

	if (view)
		return view;
	view = mailbox_view_get(s, key);
	if (mailbox_incoming_is_up_to(m, s, hint))
		mailbox_incoming_learn(view, hint.conversation, hint.seq - 1);
	return view;
}

/* Another account may have sent it before it logged out on this connection. */
static bool mailbox_incoming_is_from_here(const mailbox_session *s, const mailbox_hint &hint)
{
	return hint.process == mailbox_hint_process() && hint.from == s->conn && hint.sender == s->account;
}

/* The entry of seq is the first that the account gets as a member. What was committed after it and before this worker
 * subscribed was hinted to nobody: read the store once. A hint that comes late is harmless, because the store says
 * whether the membership has ended since. */
void mailbox_incoming_join(mailbox *m, mailbox_session *s, uint64_t group, uint64_t seq, bool from_here)
{
	const mailbox_key key = mailbox_key_of(CS_CONVERSATION_GROUP, group);
	mailbox_view *view = mailbox_view_get(s, key);

	if (from_here)
		mailbox_incoming_note_mine(s, key, view, seq);
	if (!mailbox_session_join(&m->sessions, s, group) && view->incoming.known && view->incoming.sent + 1 >= seq)
		return;
	/* A view that is not known begins at the stored cursor, which can be above the join. */
	if (view->incoming.known)
		view->incoming.sent = std::max(view->incoming.sent, seq - 1);
	mailbox_incoming_check(m, s, key, view);
}

void mailbox_incoming_has_sent(mailbox_session *s, mailbox_key key, uint64_t seq)
{
	if (s->want.echo)
		mailbox_incoming_note_mine(s, key, mailbox_view_get(s, key), seq);
}

void mailbox_incoming_listen(mailbox *m, mailbox_session *s, uint64_t group)
{
	const mailbox_key key = mailbox_key_of(CS_CONVERSATION_GROUP, group);

	if (mailbox_session_join(&m->sessions, s, group))
		mailbox_incoming_check(m, s, key, mailbox_view_get(s, key));
}

/* The account's membership ended with this entry. The session may have the entry already, but be in the index still, or
 * a later membership may have begun: the store decides. */
static void mailbox_incoming_doubt(mailbox *m, mailbox_session *s, mailbox_key key, mailbox_view *view)
{
	if (mailbox_session_is_in(s, mailbox_key_other(key)))
		mailbox_incoming_check(m, s, key, view);
}

static void mailbox_incoming_take_stored(mailbox *m, mailbox_session *s, mailbox_key key, const mailbox_hint &hint,
                                         const std::string &tail, std::string_view body)
{
	const bool from_here = mailbox_incoming_is_from_here(s, hint);
	const bool silent = !mailbox_session_gets(s->want, s->account, key, hint.sender, hint.is_event != 0, from_here);
	const bool leaves = hint.leaves == s->account;
	mailbox_view *view = mailbox_incoming_view_of(m, s, key, hint);

	if (from_here)
		mailbox_incoming_note_mine(s, key, view, hint.seq);
	if (!mailbox_incoming_take_next(m, s, key, view, hint.seq, silent, tail, body)) {
		if (leaves)
			mailbox_incoming_doubt(m, s, key, view);
		if (leaves || !mailbox_incoming_came_early(s, view, hint.seq) ||
		    !mailbox_stash_put(m, s, key, hint.seq, silent, hint.created, silent ? std::string_view() : body))
			mailbox_incoming_heard(m, s, key, hint.seq);
	} else if (leaves) {
		mailbox_session_leave(&m->sessions, s, hint.of);
	} else {
		mailbox_incoming_take_stashed(m, s, key, view);
	}
}

/* A repeated send. If the session has the message already, nothing is read. */
static void mailbox_incoming_take_news(mailbox *m, mailbox_session *s, mailbox_key key, const mailbox_hint &hint)
{
	mailbox_view *view = mailbox_view_get(s, key);

	if (mailbox_incoming_is_from_here(s, hint))
		mailbox_incoming_note_mine(s, key, view, hint.seq);
	if (view->incoming.known)
		mailbox_incoming_heard(m, s, key, hint.seq);
	else
		mailbox_incoming_check(m, s, key, view);
}

static void mailbox_incoming_take(mailbox *m, mailbox_session *s, const mailbox_hint &hint, const std::string &tail,
                                  std::string_view body)
{
	const mailbox_key key = mailbox_key_of(hint.kind, hint.of);

	if (hint.type == MAILBOX_HINT_NEWS) {
		mailbox_incoming_take_news(m, s, key, hint);
		return;
	}
	if (hint.joins == s->account)
		mailbox_incoming_join(m, s, hint.of, hint.seq, false);
	mailbox_incoming_take_stored(m, s, key, hint, tail, body);
}

/* The end of the frame that the hint's receivers get; "": they get none. */
static std::string mailbox_incoming_tail(const mailbox_hint &hint)
{
	return hint.type == MAILBOX_HINT_STORED ? mailbox_page_tail(hint.seq, hint.created) : "";
}

void mailbox_incoming_hint(mailbox *m, mailbox_session *s, const mailbox_hint &hint, std::string_view body)
{
	mailbox_incoming_take(m, s, hint, mailbox_incoming_tail(hint), body);
}

void mailbox_incoming_group_hint(mailbox *m, const mailbox_hint &hint, std::string_view body)
{
	const auto group = m->sessions.by_group.find(hint.of);

	if (group == m->sessions.by_group.end())
		return;
	const std::string tail = mailbox_incoming_tail(hint);

	/* A send that fails does not end its session here, so the members stay as they are, but for one that leaves. */
	if (hint.leaves) {
		const std::vector<mailbox_session *> members = group->second;

		for (mailbox_session *s : members)
			mailbox_incoming_take(m, s, hint, tail, body);
		return;
	}
	for (mailbox_session *s : group->second)
		mailbox_incoming_take(m, s, hint, tail, body);
}

/* ---- pages: messages that a live session has missed are read, one read per session at a time */

constexpr unsigned mailbox_pulls_at_most = 64; /* under way; leaves room in the queue for logins */
constexpr int64_t mailbox_pull_again_after_busy = 20; /* ms */
constexpr int64_t mailbox_pull_again_after_failure = 500;

struct mailbox_pull {
	uint64_t session = 0;
	mailbox_page page;
};

/* The conversation does not exist, or the account is not a member. Forget it, but not if a hint came during the
 * read. */
static void mailbox_incoming_forget(mailbox *m, mailbox_session *s, const mailbox_source &source, mailbox_view *view)
{
	if (view->incoming.check || view->incoming.heard != source.heard)
		return;
	if (mailbox_key_kind(source.key) == CS_CONVERSATION_GROUP)
		mailbox_session_leave(&m->sessions, s, mailbox_key_other(source.key));
	view->incoming.heard = 0;
}

/* The index follows what the store said of the membership. A former member stays in it until it was sent all that it
 * gets, and while a hint that came during the read asks for another one. */
static void mailbox_incoming_close_group(mailbox *m, mailbox_session *s, const mailbox_source &source,
                                         mailbox_view *view, uint64_t heard)
{
	const uint64_t group = mailbox_key_other(source.key);

	if (source.is_member)
		view->incoming.check |= mailbox_session_join(&m->sessions, s, group);
	else if (view->incoming.sent >= source.last && !view->incoming.check &&
	         (heard <= source.last || heard == source.heard))
		mailbox_session_leave(&m->sessions, s, group);
}

/* The conversation was read up to source.after, and those messages are queued. */
static void mailbox_incoming_close(mailbox *m, mailbox_session *s, const mailbox_source &source)
{
	mailbox_view *view = mailbox_view_find(s, source.key);

	if (!view)
		return;
	view->incoming.pulling = false;
	if (source.outcome) {
		mailbox_incoming_forget(m, s, source, view);
		mailbox_incoming_list(s, source.key, view);
		return;
	}
	if (!view->incoming.known)
		mailbox_incoming_learn(view, source.conversation, source.delivered);
	const uint64_t heard = view->incoming.heard;
	view->incoming.sent = std::max(view->incoming.sent, source.after);
	if (mailbox_key_kind(source.key) == CS_CONVERSATION_GROUP)
		mailbox_incoming_close_group(m, s, source, view, heard);
	view->incoming.heard = std::max(heard, source.last);
	/* A hint named a seq that does not exist, or not for a former member: do not read again and again. */
	if (source.ended && view->incoming.heard == source.heard)
		view->incoming.heard = view->incoming.sent;
	/* The page was full: read on, because nobody knows how much follows. */
	if (source.check && !source.ended)
		view->incoming.check = true;
	mailbox_cursor_note_sent(m, s, view);
	mailbox_incoming_list(s, source.key, view);
}

static void mailbox_incoming_learn_sources(mailbox_session *s, const mailbox_page &page)
{
	for (const mailbox_source &source : page.sources) {
		mailbox_view *view = mailbox_view_find(s, source.key);

		if (view && !view->incoming.known && !source.outcome)
			mailbox_incoming_learn(view, source.conversation, source.delivered);
	}
}

/* false: the connection is gone. Then no message of the page counts as sent. */
static bool mailbox_incoming_send_page(mailbox *m, mailbox_session *s, const mailbox_page &page)
{
	for (const mailbox_page_message &message : page.messages) {
		mailbox_view *view = mailbox_view_find(s, message.key);

		/* DELIVERED may have confirmed it during the read. */
		if (view && message.seq > view->incoming.sent &&
		    !mailbox_incoming_take_mine(s, message.key, message.seq) &&
		    !mailbox_incoming_send(m, s, message.key, view, message.seq, message.frame, nullptr))
			return false;
	}
	return true;
}

static int mailbox_incoming_read_page(cs_db *db, void *arg)
{
	return mailbox_page_read(db, &static_cast<mailbox_pull *>(arg)->page);
}

static void mailbox_incoming_take_page(mailbox *m, mailbox_session *s, const mailbox_page &page)
{
	mailbox_incoming_learn_sources(s, page);
	if (!mailbox_incoming_send_page(m, s, page))
		return;
	for (const mailbox_source &source : page.sources)
		mailbox_incoming_close(m, s, source);
	mailbox_incoming_want(m, s);
}

static void mailbox_incoming_pull_later(mailbox *m, int64_t ms);

static void mailbox_incoming_put_back(mailbox *m, mailbox_session *s, const mailbox_page &page)
{
	for (const mailbox_source &source : page.sources) {
		mailbox_view *view = mailbox_view_find(s, source.key);

		if (view) {
			view->incoming.pulling = false;
			view->incoming.check |= source.check;
			mailbox_incoming_list(s, source.key, view);
		}
	}
	if (!s->incoming.waiting)
		m->incoming.pull_queue.push_back(s->id);
	s->incoming.waiting = true;
}

static void mailbox_incoming_pump(mailbox *m);

static void mailbox_incoming_page_was_read(void *state, cs_conn, int result, void *arg)
{
	mailbox *m = static_cast<mailbox *>(state);
	const std::unique_ptr<mailbox_pull> pull(static_cast<mailbox_pull *>(arg));
	mailbox_session *s = mailbox_session_find(&m->sessions, pull->session);

	m->incoming.pulls--;
	if (s) {
		s->incoming.reading = false;
		s->incoming.awaited = 0;
	}
	if (s && result == 0) {
		mailbox_incoming_take_page(m, s, pull->page);
	} else if (s && result != CS_ECANCELED) {
		mailbox_incoming_put_back(m, s, pull->page);
		mailbox_incoming_pull_later(m, mailbox_pull_again_after_failure);
		return;
	}
	mailbox_incoming_pump(m);
}

static void mailbox_incoming_take_sources(mailbox_session *s, mailbox_page *page)
{
	std::vector<mailbox_key> *behind = &s->views->behind;
	size_t taken = 0;

	while (taken < behind->size() && page->sources.size() < mailbox_page_sources) {
		const mailbox_key key = (*behind)[taken++];
		mailbox_view *view = mailbox_view_find(s, key);

		if (!view)
			continue;
		view->incoming.listed = false;
		if (!mailbox_view_is_behind(view))
			continue;
		view->incoming.pulling = true;
		mailbox_source source;
		source.key = key;
		source.known = view->incoming.known;
		source.conversation = view->incoming.conversation;
		source.from = view->incoming.sent;
		source.heard = view->incoming.heard;
		source.check = view->incoming.check;
		/* If it is set again during the read, the conversation is read once more. */
		view->incoming.check = false;
		page->sources.push_back(std::move(source));
	}
	behind->erase(behind->begin(), behind->begin() + static_cast<ptrdiff_t>(taken));
	if (behind->empty())
		behind->shrink_to_fit();
}

static bool mailbox_incoming_may_read(const mailbox_session *s)
{
	return s->catch_up.phase == MAILBOX_LIVE && !s->incoming.gone && !s->incoming.reading && !s->incoming.paused &&
	       s->views && !s->views->behind.empty() && s->incoming.unsent <= mailbox_little_unsent &&
	       s->incoming.queued <= s->incoming.written + mailbox_little_unsent && mailbox_cursor_window(s) > 0;
}

/* 0 also if there is nothing to read. */
static int mailbox_incoming_start_pull(mailbox *m, mailbox_session *s)
{
	auto pull = std::make_unique<mailbox_pull>();
	int result;

	mailbox_incoming_take_sources(s, &pull->page);
	if (pull->page.sources.empty())
		return 0;
	pull->session = s->id;
	pull->page.reader = mailbox_session_reader(s);
	pull->page.want = s->want;
	pull->page.most_messages = std::min(mailbox_page_messages, mailbox_cursor_window(s));
	result = m->host->work(m->self, s->conn, CS_WORK_READ, mailbox_incoming_read_page,
	                       mailbox_incoming_page_was_read, pull.get());
	if (result) {
		mailbox_incoming_put_back(m, s, pull->page);
		return result;
	}
	s->incoming.reading = true;
	s->incoming.awaited = static_cast<uint32_t>(pull->page.most_messages);
	m->incoming.pulls++;
	(void)pull.release(); /* mailbox_incoming_page_was_read frees it */
	return 0;
}

static void mailbox_incoming_pump(mailbox *m)
{
	while (!m->incoming.pull_timer && m->incoming.pulls < mailbox_pulls_at_most &&
	       !m->incoming.pull_queue.empty()) {
		mailbox_session *s = mailbox_session_find(&m->sessions, m->incoming.pull_queue.front());
		int result = 0;

		m->incoming.pull_queue.pop_front();
		if (s)
			s->incoming.waiting = false;
		if (s && mailbox_incoming_may_read(s))
			result = mailbox_incoming_start_pull(m, s);
		if (result == CS_EBUSY)
			mailbox_incoming_pull_later(m, mailbox_pull_again_after_busy);
		else if (result)
			return;
	}
}

static void mailbox_incoming_time_to_pull(void *state, void *)
{
	mailbox *m = static_cast<mailbox *>(state);

	m->incoming.pull_timer = nullptr;
	mailbox_incoming_pump(m);
}

static void mailbox_incoming_pull_later(mailbox *m, int64_t ms)
{
	if (!m->incoming.pull_timer)
		m->incoming.pull_timer = m->host->timer_add(m->self, ms, 0, mailbox_incoming_time_to_pull, nullptr);
}

/* Reads the missing messages of the session as soon as its output and its window have room. */
static void mailbox_incoming_want(mailbox *m, mailbox_session *s)
{
	if (s->incoming.waiting || !mailbox_incoming_may_read(s))
		return;
	s->incoming.waiting = true;
	m->incoming.pull_queue.push_back(s->id);
	mailbox_incoming_pump(m);
}

/* ---- the life of a session */

/* Hints that came during the read made views that are not known yet. They hold the seq that was heard. */
void mailbox_incoming_first_page(mailbox *m, mailbox_session *s, const mailbox_page &page,
                                 std::span<const message_news> news)
{
	for (const message_news &of : news)
		mailbox_incoming_learn_news(mailbox_view_get(s, mailbox_page_key_of(of)), of);
	for (const mailbox_page_message &message : page.messages) {
		mailbox_view *view = mailbox_view_get(s, message.key);

		view->incoming.sent = std::max(view->incoming.sent, message.seq);
		mailbox_cursor_note_queued(s, message.key, view, message.seq, mailbox_unplaced);
	}
	for (const mailbox_source &source : page.sources)
		mailbox_incoming_close(m, s, source);
	if (s->views)
		for (auto &[key, view] : s->views->by_key)
			mailbox_incoming_list(s, key, &view);
}

void mailbox_incoming_begin(mailbox *m, mailbox_session *s, uint64_t position)
{
	mailbox_cursor_place(s, position);
	s->incoming.queued = position;
	mailbox_incoming_written(m, s, s->incoming.written, s->incoming.unsent);
}

void mailbox_incoming_written(mailbox *m, mailbox_session *s, uint64_t position, size_t unsent)
{
	s->incoming.written = std::max(s->incoming.written, position);
	s->incoming.unsent = unsent;
	if (unsent <= mailbox_little_unsent)
		s->incoming.paused = false;
	mailbox_cursor_written(m, s, s->incoming.written);
	mailbox_incoming_want(m, s);
}

/* ---- DELIVERED */

bool mailbox_incoming_confirm(mailbox *m, mailbox_session *s, mailbox_key key, uint64_t seq)
{
	mailbox_view *view = mailbox_view_find(s, key);

	if (!view || !view->incoming.known || seq > view->incoming.sent)
		return false;
	mailbox_cursor_confirm(m, s, key, view, seq);
	mailbox_incoming_want(m, s);
	return true;
}

void mailbox_incoming_skip_to(mailbox *m, mailbox_session *s, mailbox_key key, const message_news &news, uint64_t seq)
{
	mailbox_view *view = mailbox_view_get(s, key);

	mailbox_incoming_learn_news(view, news);
	view->incoming.sent = std::max(view->incoming.sent, seq);
	if (!news.is_member)
		mailbox_incoming_doubt(m, s, key, view);
	mailbox_incoming_list(s, key, view);
	(void)mailbox_incoming_confirm(m, s, key, seq);
}
