/* SPDX-License-Identifier: MIT
 * Merges several conversations into one page. */
#include "page.h"

#include <algorithm>

constexpr size_t mailbox_page_rows_at_most = 2000; /* read for one page, the account's own included */

struct mailbox_page_reader {
	cs_db *db;
	mailbox_page *page;
	size_t rows_a_time;
	size_t rows; /* used so far */
	size_t bytes; /* of the messages on the page */
};

mailbox_key mailbox_page_key_of(const message_news &news)
{
	return mailbox_key_of(news.kind == CONVERSATION_GROUP ? CS_CONVERSATION_GROUP : CS_CONVERSATION_PAIR, news.of);
}

std::string mailbox_page_tail(uint64_t seq, int64_t created)
{
	return message_tail(seq, created);
}

static int mailbox_page_look_up(mailbox_page_reader *r, mailbox_source *source)
{
	message_news news;

	source->outcome = message_news_find(r->db, r->page->reader,
	                                    mailbox_key_kind(source->key) == CS_CONVERSATION_GROUP ? CONVERSATION_GROUP
	                                                                                           : CONVERSATION_PAIR,
	                                    mailbox_key_other(source->key), &news);
	if (source->outcome)
		return source->outcome < 0 ? source->outcome : 0;
	source->conversation = news.conversation;
	source->delivered = news.delivered_seq;
	source->from = source->known ? std::max(source->from, news.joined_seq) : news.delivered_seq;
	source->last = news.last_seq;
	source->is_member = news.is_member;
	return 0;
}

/* Of a group nothing above last is read: the membership was judged when that was the last entry, and what was stored
 * since may be after its end. */
static void mailbox_page_drop_unjudged(mailbox_source *source)
{
	if (mailbox_key_kind(source->key) == CS_CONVERSATION_PAIR)
		return;
	for (; !source->rows.empty() && source->rows.back().seq > source->last; source->rows.pop_back())
		source->last_rows = true;
}

/* What is missing up to the last entry was removed by retention. */
static void mailbox_page_end(mailbox_source *source)
{
	source->ended = true;
	source->after = std::max(source->after, source->last);
}

/* Reads more rows if the source has used all its rows. ended: there are none. */
static int mailbox_page_fill(mailbox_page_reader *r, mailbox_source *source)
{
	int result;

	if (source->ended || source->at < source->rows.size())
		return 0;
	if (source->last_rows) {
		mailbox_page_end(source);
		return 0;
	}
	source->rows.clear();
	source->at = 0;
	result = message_read(r->db, source->conversation, source->after, r->rows_a_time, &source->rows);
	source->last_rows = source->rows.size() < r->rows_a_time;
	mailbox_page_drop_unjudged(source);
	if (!result && source->rows.empty())
		mailbox_page_end(source);
	return result;
}

static int mailbox_page_open_sources(mailbox_page_reader *r)
{
	for (mailbox_source &source : r->page->sources) {
		const bool is_judged = source.judged || mailbox_key_kind(source.key) == CS_CONVERSATION_PAIR;
		int result = source.known && is_judged ? 0 : mailbox_page_look_up(r, &source);

		source.after = source.from;
		source.ended = source.outcome != 0;
		source.rows.clear();
		source.at = 0;
		source.last_rows = false;
		if (!result)
			result = mailbox_page_fill(r, &source);
		if (result)
			return result;
	}
	return 0;
}

static mailbox_source *mailbox_page_oldest(mailbox_page_reader *r)
{
	mailbox_source *best = nullptr;

	for (mailbox_source &source : r->page->sources)
		if (!source.ended && (!best || source.rows[source.at].created < best->rows[best->at].created))
			best = &source;
	return best;
}

/* Moves the next row of the source to the page. false: the page is full. */
static bool mailbox_page_take(mailbox_page_reader *r, mailbox_source *source)
{
	mailbox_page *page = r->page;
	message_row &row = source->rows[source->at];

	if (row.kind != ENTRY_PURGED && mailbox_session_gets(page->want, page->reader.account, source->key, row.sender,
	                                                     row.kind == ENTRY_EVENT, false)) {
		const std::string tail = mailbox_page_tail(row.seq, row.created);

		if (page->messages.size() == page->most_messages ||
		    (!page->messages.empty() && r->bytes + row.body.size() + tail.size() > mailbox_page_bytes))
			return false;
		row.body.pop_back();
		row.body += tail;
		r->bytes += row.body.size();
		page->messages.push_back({source->key, row.seq, std::move(row.body)});
	}
	source->after = row.seq;
	source->at++;
	r->rows++;
	return true;
}

int mailbox_page_read(cs_db *db, mailbox_page *page)
{
	const size_t sources = std::max<size_t>(page->sources.size(), 1);
	mailbox_page_reader r = {db, page, std::clamp<size_t>(2 * page->most_messages / sources, 4, 50), 0, 0};
	int result;

	page->messages.clear();
	result = mailbox_page_open_sources(&r);
	while (!result && r.rows < mailbox_page_rows_at_most) {
		mailbox_source *source = mailbox_page_oldest(&r);

		if (!source || !mailbox_page_take(&r, source))
			break;
		result = mailbox_page_fill(&r, source);
	}
	return result;
}
