/* SPDX-License-Identifier: MIT
 * Owns reading for sessions: when, how much, and what follows from the answer. It must not know hints or how a
 * page is merged. */
#include "pull.h"

#include <algorithm>

#include "cursor.h"
#include "deliver.h"
#include "page.h"

constexpr unsigned PULLS_AT_MOST = 64;         /* under way, so that logins always find room in the queue */
constexpr int64_t AGAIN_AFTER_BUSY = 20;       /* ms */
constexpr int64_t AGAIN_AFTER_FAILURE = 500;

struct mailbox_pull {
	uint64_t session = 0;
	mailbox_page page;
	std::vector<message_news> news;            /* of an attach, as all below */
	std::vector<uint64_t> groups;
	cs_mailbox_page_fn *done = nullptr;
	void *arg = nullptr;
};

/* ---- what an answer changes */

static mailbox_line *learn(mailbox_session *s, const message_news &news)
{
	const unsigned kind = news.kind == CONVERSATION_GROUP ? CS_CONVERSATION_GROUP : CS_CONVERSATION_PAIR;
	mailbox_line *line = mailbox_line_get(s, mailbox_key_of(kind, news.of));

	if (!line->known)
		mailbox_line_learn(line, news.conversation, news.delivered_seq);
	line->heard = std::max(line->heard, news.last_seq);
	return line;
}

/* Unless something was heard of it while it was read. */
static void forget(mailbox *m, mailbox_session *s, const mailbox_source &source, mailbox_line *line)
{
	if (line->check || line->heard != source.heard)
		return;
	if (mailbox_key_kind(source.key) == CS_CONVERSATION_GROUP)
		mailbox_session_leave(&m->sessions, s, mailbox_key_other(source.key));
	line->heard = 0;
}

static void close_source(mailbox *m, mailbox_session *s, const mailbox_source &source)
{
	mailbox_line *line = mailbox_line_find(s, source.key);

	if (!line)
		return;
	line->pulling = false;
	if (source.outcome) {
		forget(m, s, source, line);
		mailbox_line_list(s, source.key, line);
		return;
	}
	if (!line->known)
		mailbox_line_learn(line, source.conversation, source.delivered);
	line->heard = std::max(line->heard, source.last);
	line->sent = std::max(line->sent, source.after);
	if (source.ended && line->heard == source.heard)
		line->heard = line->sent;      /* somebody said more than there is: do not ask for ever */
	if (mailbox_line_settle(line))
		mailbox_cursor_dirty(m, s);
	mailbox_line_list(s, source.key, line);
}

static void learn_sources(mailbox_session *s, const mailbox_page &page)
{
	for (const mailbox_source &source : page.sources) {
		mailbox_line *line = mailbox_line_find(s, source.key);

		if (line && !line->known && !source.outcome)
			mailbox_line_learn(line, source.conversation, source.delivered);
	}
}

/* false: the connection is gone, and nothing that was read may count as sent. */
static bool send_page(mailbox *m, mailbox_session *s, const mailbox_page &page)
{
	for (const mailbox_page_message &message : page.messages) {
		mailbox_line *line = mailbox_line_find(s, message.key);

		/* DELIVERED may have gone past it while it was read. */
		if (line && message.seq > line->sent &&
		    !mailbox_deliver_frame(m, s, message.key, line, message.seq, message.frame, nullptr))
			return false;
	}
	return true;
}

/* ---- pulls of a live session */

static int read_page(cs_db *db, void *arg)
{
	mailbox_page *page = &static_cast<mailbox_pull *>(arg)->page;

	page->messages.clear();
	return mailbox_page_read(db, page);
}

static void take_page(mailbox *m, mailbox_session *s, const mailbox_page &page)
{
	learn_sources(s, page);
	if (!send_page(m, s, page))
		return;
	for (const mailbox_source &source : page.sources)
		close_source(m, s, source);
	mailbox_pull_want(m, s);
}

static void queue_later(mailbox *m, int64_t ms);

static void put_back(mailbox *m, mailbox_session *s, const mailbox_page &page)
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

static void pump(mailbox *m);

static void page_was_read(void *state, cs_conn, int result, void *arg)
{
	mailbox *m = static_cast<mailbox *>(state);
	const std::unique_ptr<mailbox_pull> pull(static_cast<mailbox_pull *>(arg));
	mailbox_session *s = mailbox_session_find(&m->sessions, pull->session);

	m->pulls--;
	if (s)
		s->reading = false;
	if (s && result == 0) {
		take_page(m, s, pull->page);
	} else if (s && result != CS_ECANCELED) {
		put_back(m, s, pull->page);
		queue_later(m, AGAIN_AFTER_FAILURE);
		return;
	}
	pump(m);
}

static void take_sources(mailbox_session *s, mailbox_page *page)
{
	while (!s->behind.empty() && page->sources.size() < MAILBOX_PAGE_SOURCES) {
		const mailbox_key key = s->behind.front();
		mailbox_line *line = mailbox_line_find(s, key);

		s->behind.pop_front();
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
		source.after = line->sent;
		source.heard = line->heard;
		source.check = line->check;
		line->check = false;   /* what comes from now on has to be read again */
		page->sources.push_back(std::move(source));
	}
}

static bool may_read(const mailbox_session *s)
{
	return s->phase == MAILBOX_LIVE && !s->gone && !s->reading && !s->paused && !s->behind.empty() &&
	       s->unsent <= MAILBOX_LITTLE_UNSENT && s->queued <= s->written + MAILBOX_LITTLE_UNSENT &&
	       mailbox_window(s) > 0;
}

/* 0 also when there is nothing to read after all. */
static int start_pull(mailbox *m, mailbox_session *s)
{
	auto pull = std::make_unique<mailbox_pull>();
	int result;

	take_sources(s, &pull->page);
	if (pull->page.sources.empty())
		return 0;
	pull->session = s->id;
	pull->page.account = s->account;
	pull->page.most_messages = std::min(MAILBOX_PAGE_MESSAGES, mailbox_window(s));
	result = m->host->work(m->self, s->conn, CS_WORK_READ, read_page, page_was_read, pull.get());
	if (result) {
		put_back(m, s, pull->page);
		return result;
	}
	s->reading = true;
	m->pulls++;
	(void)pull.release();   /* page_was_read's */
	return 0;
}

static void pump(mailbox *m)
{
	while (!m->pull_timer && m->pulls < PULLS_AT_MOST && !m->pull_queue.empty()) {
		mailbox_session *s = mailbox_session_find(&m->sessions, m->pull_queue.front());
		int result = 0;

		m->pull_queue.pop_front();
		if (s)
			s->waiting = false;
		if (s && may_read(s))
			result = start_pull(m, s);
		if (result == CS_EBUSY)
			queue_later(m, AGAIN_AFTER_BUSY);
		else if (result)
			return;
	}
}

static void time_to_pull(void *state, void *)
{
	mailbox *m = static_cast<mailbox *>(state);

	m->pull_timer = nullptr;
	pump(m);
}

static void queue_later(mailbox *m, int64_t ms)
{
	if (!m->pull_timer)
		m->pull_timer = m->host->timer_add(m->self, ms, 0, time_to_pull, nullptr);
}

void mailbox_pull_want(mailbox *m, mailbox_session *s)
{
	if (s->waiting || !may_read(s))
		return;
	s->waiting = true;
	m->pull_queue.push_back(s->id);
	pump(m);
}

/* ---- attach and begin */

static void add_source(mailbox_page *page, const message_news &news)
{
	mailbox_source source;

	source.key = mailbox_key_of(news.kind == CONVERSATION_GROUP ? CS_CONVERSATION_GROUP
	                                                            : CS_CONVERSATION_PAIR, news.of);
	source.known = true;
	source.conversation = news.conversation;
	source.after = news.delivered_seq;
	source.heard = news.last_seq;
	page->sources.push_back(std::move(source));
}

/* Claimed before it is read (R2): whatever is committed after this read comes as a hint. */
static int read_first(cs_db *db, void *arg)
{
	mailbox_pull *pull = static_cast<mailbox_pull *>(arg);
	int result = message_group_ids(db, pull->page.account, &pull->groups);

	pull->page.sources.clear();
	pull->page.messages.clear();
	if (!result)
		result = message_news_list(db, pull->page.account, &pull->news);
	if (result)
		return result;
	for (size_t i = 0; i < std::min(pull->news.size(), MAILBOX_PAGE_SOURCES); i++)
		add_source(&pull->page, pull->news[i]);
	return mailbox_page_read(db, &pull->page);
}

static void join_groups(mailbox *m, mailbox_session *s, const mailbox_pull &pull)
{
	for (const uint64_t group : pull.groups) {
		const auto heard = m->heard_groups.find(group);

		mailbox_session_join(&m->sessions, s, group);
		if (heard != m->heard_groups.end())
			mailbox_deliver_heard(m, s, mailbox_key_of(CS_CONVERSATION_GROUP, group), heard->second);
	}
}

/* Hints that came meanwhile have made lines that are not known yet, with what was heard. */
static void take_first_page(mailbox *m, mailbox_session *s, const mailbox_pull &pull)
{
	for (const message_news &news : pull.news)
		(void)learn(s, news);
	for (const mailbox_page_message &message : pull.page.messages) {
		mailbox_line *line = mailbox_line_find(s, message.key);

		line->sent = message.seq;
		mailbox_flight_add(s, message.key, line, message.seq, MAILBOX_UNPLACED);
	}
	for (const mailbox_source &source : pull.page.sources)
		close_source(m, s, source);
	for (auto &[key, line] : s->lines)
		mailbox_line_list(s, key, &line);
	join_groups(m, s, pull);
	s->phase = MAILBOX_PAGED;
}

static void hand_out(const mailbox_pull &pull, cs_conn conn)
{
	std::vector<cs_mailbox_entry> entries;

	for (const mailbox_page_message &message : pull.page.messages)
		entries.push_back({message.frame.data(), message.frame.size()});
	pull.done(pull.arg, conn, 0, entries.data(), entries.size());
}

static void first_was_read(void *state, cs_conn conn, int result, void *arg)
{
	mailbox *m = static_cast<mailbox *>(state);
	const std::unique_ptr<mailbox_pull> pull(static_cast<mailbox_pull *>(arg));
	mailbox_session *s = mailbox_session_find(&m->sessions, pull->session);

	if (!s && !result)
		result = CS_ENOENT;
	if (!result)
		take_first_page(m, s, *pull);
	else if (s)
		mailbox_session_remove(&m->sessions, s);
	if (--m->attaching == 0)
		m->heard_groups.clear();
	if (result)
		pull->done(pull->arg, conn, result, nullptr, 0);
	else
		hand_out(*pull, conn);
}

int mailbox_pull_attach(void *context, cs_conn conn, cs_account account, int acknowledges,
                        cs_mailbox_page_fn *done, void *arg)
{
	mailbox *m = static_cast<mailbox *>(context);
	auto pull = std::make_unique<mailbox_pull>();
	mailbox_session *s;
	int result;

	if (mailbox_session_of(&m->sessions, conn))
		return CS_EINVAL;
	s = mailbox_session_add(&m->sessions, conn, account);
	s->acknowledges = acknowledges != 0;
	pull->session = s->id;
	pull->page.account = account;
	pull->done = done;
	pull->arg = arg;
	result = m->host->work(m->self, conn, CS_WORK_READ, read_first, first_was_read, pull.get());
	if (result) {
		mailbox_session_remove(&m->sessions, s);
		return result;
	}
	m->attaching++;
	(void)pull.release();   /* first_was_read's */
	return 0;
}

int mailbox_pull_begin(void *context, cs_conn conn, uint64_t position)
{
	mailbox *m = static_cast<mailbox *>(context);
	mailbox_session *s = mailbox_session_of(&m->sessions, conn);

	if (!s || s->phase != MAILBOX_PAGED)
		return CS_ENOENT;
	for (mailbox_flight &f : s->flights)
		f.position = position;
	s->queued = position;
	s->phase = MAILBOX_LIVE;
	mailbox_deliver_written(m, s, s->written, s->unsent);
	return 0;
}
