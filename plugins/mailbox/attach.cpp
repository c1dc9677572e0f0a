/* SPDX-License-Identifier: MIT
 * Begins a session: attach reads the first page, begin makes the session live. */
#include "attach.h"

#include <algorithm>

#include "deliver.h"
#include "page.h"
#include "pull.h"

struct attachment {
	uint64_t session = 0;
	mailbox_page page;
	std::vector<message_news> news;
	std::vector<uint64_t> groups;
	cs_mailbox_page_fn *done = nullptr;
	void *arg = nullptr;
};

/* ---- on a store thread */

static void mailbox_add_source(mailbox_page *page, const message_news &news)
{
	mailbox_source source;

	source.key =
		mailbox_key_of(news.kind == CONVERSATION_GROUP ? CS_CONVERSATION_GROUP : CS_CONVERSATION_PAIR, news.of);
	source.known = true;
	source.conversation = news.conversation;
	source.from = news.delivered_seq;
	source.heard = news.last_seq;
	page->sources.push_back(std::move(source));
}

/* The place was claimed before this read, so a hint comes for whatever is committed after it. */
static int mailbox_read_first(cs_db *db, void *arg)
{
	attachment *a = static_cast<attachment *>(arg);
	int result = message_group_ids(db, a->page.account, &a->groups);

	a->page.sources.clear();
	if (!result)
		result = message_news_list(db, a->page.account, &a->news);
	if (result)
		return result;
	for (size_t i = 0; i < std::min(a->news.size(), mailbox_page_sources); i++)
		mailbox_add_source(&a->page, a->news[i]);
	return mailbox_page_read(db, &a->page);
}

/* ---- back on the worker */

static void mailbox_learn(mailbox_session *s, const message_news &news)
{
	const unsigned kind = news.kind == CONVERSATION_GROUP ? CS_CONVERSATION_GROUP : CS_CONVERSATION_PAIR;
	mailbox_line *line = mailbox_line_get(s, mailbox_key_of(kind, news.of));

	if (!line->known)
		mailbox_line_learn(line, news.conversation, news.delivered_seq);
	line->heard = std::max(line->heard, news.last_seq);
}

static void mailbox_join_groups(mailbox *m, mailbox_session *s, const attachment &a)
{
	for (const uint64_t group : a.groups) {
		const auto heard = m->heard_groups.find(group);

		mailbox_session_join(&m->sessions, s, group);
		if (heard != m->heard_groups.end())
			mailbox_deliver_heard(m, s, mailbox_key_of(CS_CONVERSATION_GROUP, group), heard->second);
	}
}

/* Hints that came during the read made lines that are not known yet. They hold the seq that was heard. */
static void mailbox_take_first_page(mailbox *m, mailbox_session *s, const attachment &a)
{
	for (const message_news &news : a.news)
		mailbox_learn(s, news);
	for (const mailbox_page_message &message : a.page.messages) {
		mailbox_line *line = mailbox_line_get(s, message.key);

		line->sent = message.seq;
		mailbox_flight_add(s, message.key, line, message.seq, mailbox_unplaced);
	}
	for (const mailbox_source &source : a.page.sources)
		mailbox_pull_close(m, s, source);
	if (s->lines)
		for (auto &[key, line] : s->lines->by_key)
			mailbox_line_list(s, key, &line);
	mailbox_join_groups(m, s, a);
	s->phase = MAILBOX_PAGED;
}

static void mailbox_hand_out(const attachment &a, cs_conn conn)
{
	std::vector<cs_mailbox_entry> entries;

	for (const mailbox_page_message &message : a.page.messages)
		entries.push_back({message.frame.data(), message.frame.size()});
	a.done(a.arg, conn, 0, entries.data(), entries.size());
}

static void mailbox_first_was_read(void *state, cs_conn conn, int result, void *arg)
{
	mailbox *m = static_cast<mailbox *>(state);
	const std::unique_ptr<attachment> a(static_cast<attachment *>(arg));
	mailbox_session *s = mailbox_session_find(&m->sessions, a->session);

	if (!s && !result)
		result = CS_ENOENT;
	if (!result)
		mailbox_take_first_page(m, s, *a);
	else if (s)
		mailbox_session_remove(&m->sessions, s);
	if (--m->attaching == 0)
		m->heard_groups.clear();
	if (result)
		a->done(a->arg, conn, result, nullptr, 0);
	else
		mailbox_hand_out(*a, conn);
}

int mailbox_attach(void *context, cs_conn conn, cs_account account, int acknowledges, cs_mailbox_page_fn *done,
                   void *arg)
{
	mailbox *m = static_cast<mailbox *>(context);
	auto a = std::make_unique<attachment>();
	mailbox_session *s;
	int result;

	if (mailbox_session_of(&m->sessions, conn))
		return CS_EINVAL;
	s = mailbox_session_add(&m->sessions, conn, account);
	s->acknowledges = acknowledges != 0;
	a->session = s->id;
	a->page.account = account;
	a->done = done;
	a->arg = arg;
	result = m->host->work(m->self, conn, CS_WORK_READ, mailbox_read_first, mailbox_first_was_read, a.get());
	if (result) {
		mailbox_session_remove(&m->sessions, s);
		return result;
	}
	m->attaching++;
	(void)a.release(); /* mailbox_first_was_read frees it */
	return 0;
}

int mailbox_attach_begin(void *context, cs_conn conn, uint64_t position)
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
