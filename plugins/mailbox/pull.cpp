/* SPDX-License-Identifier: MIT
 * Reads messages that live sessions have missed: when, how many, and what the answer changes. */
#include "pull.h"

#include <algorithm>

#include "cursor.h"
#include "deliver.h"
#include "page.h"

constexpr unsigned mailbox_pulls_at_most = 64; /* under way; leaves room in the queue for logins */
constexpr int64_t mailbox_again_after_busy = 20; /* ms */
constexpr int64_t mailbox_pull_again_after_failure = 500;

struct mailbox_pull {
	uint64_t session = 0;
	mailbox_page page;
};

/* ---- what an answer changes */

/* The conversation does not exist, or the account is not a member. Forget it, but not if a hint came during the
 * read. */
static void mailbox_forget(mailbox *m, mailbox_session *s, const mailbox_source &source, mailbox_line *line)
{
	if (line->check || line->heard != source.heard)
		return;
	if (mailbox_key_kind(source.key) == CS_CONVERSATION_GROUP)
		mailbox_session_leave(&m->sessions, s, mailbox_key_other(source.key));
	line->heard = 0;
}

void mailbox_pull_close(mailbox *m, mailbox_session *s, const mailbox_source &source)
{
	mailbox_line *line = mailbox_line_find(s, source.key);

	if (!line)
		return;
	line->pulling = false;
	if (source.outcome) {
		mailbox_forget(m, s, source, line);
		mailbox_line_list(s, source.key, line);
		return;
	}
	if (!line->known)
		mailbox_line_learn(line, source.conversation, source.delivered);
	line->heard = std::max(line->heard, source.last);
	line->sent = std::max(line->sent, source.after);
	if (source.ended && line->heard == source.heard)
		line->heard = line->sent; /* a hint named a seq that does not exist: do not read again and again */
	if (source.check && !source.ended)
		line->check = true; /* the page was full: read on, because nobody knows how much follows */
	if (mailbox_line_settle(line))
		mailbox_cursor_dirty(m, s);
	mailbox_line_list(s, source.key, line);
}

static void mailbox_learn_sources(mailbox_session *s, const mailbox_page &page)
{
	for (const mailbox_source &source : page.sources) {
		mailbox_line *line = mailbox_line_find(s, source.key);

		if (line && !line->known && !source.outcome)
			mailbox_line_learn(line, source.conversation, source.delivered);
	}
}

/* false: the connection is gone. Then no message of the page counts as sent. */
static bool mailbox_send_page(mailbox *m, mailbox_session *s, const mailbox_page &page)
{
	for (const mailbox_page_message &message : page.messages) {
		mailbox_line *line = mailbox_line_find(s, message.key);

		/* DELIVERED may have confirmed it during the read. */
		if (line && message.seq > line->sent &&
		    !mailbox_deliver_frame(m, s, message.key, line, message.seq, message.frame, nullptr))
			return false;
	}
	return true;
}

/* ---- pulls of a live session */

static int mailbox_read_page(cs_db *db, void *arg)
{
	return mailbox_page_read(db, &static_cast<mailbox_pull *>(arg)->page);
}

static void mailbox_take_page(mailbox *m, mailbox_session *s, const mailbox_page &page)
{
	mailbox_learn_sources(s, page);
	if (!mailbox_send_page(m, s, page))
		return;
	for (const mailbox_source &source : page.sources)
		mailbox_pull_close(m, s, source);
	mailbox_pull_want(m, s);
}

static void mailbox_queue_later(mailbox *m, int64_t ms);

static void mailbox_put_back(mailbox *m, mailbox_session *s, const mailbox_page &page)
{
	for (const mailbox_source &source : page.sources) {
		mailbox_line *line = mailbox_line_find(s, source.key);

		if (line) {
			line->pulling = false;
			line->check |= source.check;
			mailbox_line_list(s, source.key, line);
		}
	}
	if (!s->waiting)
		m->pull_queue.push_back(s->id);
	s->waiting = true;
}

static void mailbox_pump(mailbox *m);

static void mailbox_page_was_read(void *state, cs_conn, int result, void *arg)
{
	mailbox *m = static_cast<mailbox *>(state);
	const std::unique_ptr<mailbox_pull> pull(static_cast<mailbox_pull *>(arg));
	mailbox_session *s = mailbox_session_find(&m->sessions, pull->session);

	m->pulls--;
	if (s) {
		s->reading = false;
		s->awaited = 0;
	}
	if (s && result == 0) {
		mailbox_take_page(m, s, pull->page);
	} else if (s && result != CS_ECANCELED) {
		mailbox_put_back(m, s, pull->page);
		mailbox_queue_later(m, mailbox_pull_again_after_failure);
		return;
	}
	mailbox_pump(m);
}

static void mailbox_take_sources(mailbox_session *s, mailbox_page *page)
{
	size_t taken = 0;

	while (taken < s->behind.size() && page->sources.size() < mailbox_page_sources) {
		const mailbox_key key = s->behind[taken++];
		mailbox_line *line = mailbox_line_find(s, key);

		if (!line)
			continue;
		line->listed = false;
		if (!mailbox_line_is_behind(line))
			continue;
		line->pulling = true;
		mailbox_source source;
		source.key = key;
		source.known = line->known;
		source.conversation = line->conversation;
		source.from = line->sent;
		source.heard = line->heard;
		source.check = line->check;
		line->check = false; /* if it is set again during the read, the conversation is read once more */
		page->sources.push_back(std::move(source));
	}
	s->behind.erase(s->behind.begin(), s->behind.begin() + static_cast<ptrdiff_t>(taken));
	if (s->behind.empty())
		s->behind.shrink_to_fit();
}

static bool mailbox_may_read(const mailbox_session *s)
{
	return s->phase == MAILBOX_LIVE && !s->gone && !s->reading && !s->paused && !s->behind.empty() &&
	       s->unsent <= mailbox_little_unsent && s->queued <= s->written + mailbox_little_unsent &&
	       mailbox_window(s) > 0;
}

/* 0 also if there is nothing to read. */
static int mailbox_start_pull(mailbox *m, mailbox_session *s)
{
	auto pull = std::make_unique<mailbox_pull>();
	int result;

	mailbox_take_sources(s, &pull->page);
	if (pull->page.sources.empty())
		return 0;
	pull->session = s->id;
	pull->page.account = s->account;
	pull->page.most_messages = std::min(mailbox_page_messages, mailbox_window(s));
	result = m->host->work(m->self, s->conn, CS_WORK_READ, mailbox_read_page, mailbox_page_was_read, pull.get());
	if (result) {
		mailbox_put_back(m, s, pull->page);
		return result;
	}
	s->reading = true;
	s->awaited = pull->page.most_messages;
	m->pulls++;
	(void)pull.release(); /* mailbox_page_was_read frees it */
	return 0;
}

static void mailbox_pump(mailbox *m)
{
	while (!m->pull_timer && m->pulls < mailbox_pulls_at_most && !m->pull_queue.empty()) {
		mailbox_session *s = mailbox_session_find(&m->sessions, m->pull_queue.front());
		int result = 0;

		m->pull_queue.pop_front();
		if (s)
			s->waiting = false;
		if (s && mailbox_may_read(s))
			result = mailbox_start_pull(m, s);
		if (result == CS_EBUSY)
			mailbox_queue_later(m, mailbox_again_after_busy);
		else if (result)
			return;
	}
}

static void mailbox_time_to_pull(void *state, void *)
{
	mailbox *m = static_cast<mailbox *>(state);

	m->pull_timer = nullptr;
	mailbox_pump(m);
}

static void mailbox_queue_later(mailbox *m, int64_t ms)
{
	if (!m->pull_timer)
		m->pull_timer = m->host->timer_add(m->self, ms, 0, mailbox_time_to_pull, nullptr);
}

void mailbox_pull_want(mailbox *m, mailbox_session *s)
{
	if (s->waiting || !mailbox_may_read(s))
		return;
	s->waiting = true;
	m->pull_queue.push_back(s->id);
	mailbox_pump(m);
}
