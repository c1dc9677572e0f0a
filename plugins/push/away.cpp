/* SPDX-License-Identifier: MIT
 * Notices for accounts that are away.
 *
 * The mailbox tells of each message (mailbox.h, follow). When a message is as old as push.delay, the store is asked
 * which accounts need a notice of it, and the notices that are due are noted there; only then the mailbox is told that
 * the message needs not be told again. Whoever finds a notice that is due takes it for some time, sends it, and notes
 * that it was sent. So no end of a node loses a notice; at most it is sent twice. */
#include "push.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "../shared/object.h"
#include "document.h"
#include "encrypt.h"
#include "notice.h"
#include "sign.h"

static const char away_name[] = "push";

/* Conversations that the store is asked about at once. */
static constexpr size_t away_talks_most = 256;
/* Notices that are read at once. */
static constexpr size_t away_notes_most = 500;
/* A notice that was taken may wait for its turn, and the answer for its place in the store. */
static constexpr int64_t away_taken_ms = 30000;

/* ---- what was said */

static void away_told(void *arg, const cs_mailbox_followed *entry)
{
	push_plugin *p = static_cast<push_plugin *>(arg);
	std::unique_ptr<push_talk> &talk = p->talks[entry->conversation];

	if (!talk) {
		talk = std::make_unique<push_talk>();
		talk->news.kind = entry->kind == CS_CONVERSATION_GROUP ? CONVERSATION_GROUP : CONVERSATION_PAIR;
		talk->news.conversation = entry->conversation;
		talk->news.one = entry->sender;
		talk->news.other = entry->to;
	}
	if (!talk->waiting.empty() && talk->waiting.back().said.seq >= entry->seq)
		return; /* it is told again */
	talk->waiting.push_back({{entry->seq, entry->sender}, entry->is_event != 0, entry->created + p->conf->delay});
}

/* ---- who needs a notice */

struct away_question {
	std::vector<push_news> news;
	std::vector<uint64_t> up_to; /* the last seq of each */
	std::vector<bool> needed;
	int64_t now = 0, interval = 0;
};

using away_question_ptr = std::unique_ptr<away_question>;

static void away_ask(push_plugin *p);

/* is_done: everything of these conversations is noted. Else the next tick asks again. */
static void away_confirm(push_plugin *p, const away_question *q, bool is_done)
{
	p->is_asking = false;
	for (size_t i = 0; i < q->news.size(); i++) {
		const auto found = p->talks.find(q->news[i].conversation);

		if (found == p->talks.end())
			continue;
		push_talk *talk = found->second.get();
		talk->is_asked = false;
		if (!is_done)
			continue;
		while (!talk->waiting.empty() && talk->waiting.front().said.seq <= q->up_to[i])
			talk->waiting.pop_front();
		p->mailbox->followed(p->mailbox_context, away_name, found->first, q->up_to[i]);
		if (talk->waiting.empty())
			p->talks.erase(found);
	}
	if (is_done)
		away_ask(p);
}

static int away_note_store(cs_db *db, void *arg)
{
	const away_question *q = static_cast<away_question *>(arg);
	int result = 0;

	for (size_t i = 0; i < q->news.size() && !result; i++)
		if (q->needed[i])
			result = push_news_note(db, q->news[i], q->now, q->interval);
	return result;
}

static void away_look_soon(push_plugin *p);

static void away_noted(void *state, cs_conn, int result, void *arg)
{
	const away_question_ptr q(static_cast<away_question *>(arg));
	push_plugin *p = static_cast<push_plugin *>(state);

	away_confirm(p, q.get(), result == 0);
	if (result == 0)
		away_look_soon(p);
}

static int away_ask_store(cs_db *db, void *arg)
{
	away_question *q = static_cast<away_question *>(arg);
	bool any = false;
	int result = push_target_any(db, &any);

	for (size_t i = 0; any && i < q->news.size() && !result; i++) {
		bool needed = false;

		result = push_news_look(db, q->news[i], &needed);
		q->needed[i] = needed;
	}
	return result;
}

static void away_asked(void *state, cs_conn, int result, void *arg)
{
	away_question_ptr q(static_cast<away_question *>(arg));
	push_plugin *p = static_cast<push_plugin *>(state);
	const plugin_context &c = p->context;

	if (result || std::none_of(q->needed.begin(), q->needed.end(), [](bool needed) { return needed; })) {
		away_confirm(p, q.get(), result == 0);
		return;
	}
	if (c.host->work(c.self, 0, CS_WORK_WRITE, away_note_store, away_noted, q.get()) == 0)
		(void)q.release(); /* away_noted owns it now */
	else
		away_confirm(p, q.get(), false);
}

/* Adds what is due. Own messages of a pair's other side are there too: each account is told of those of others. */
static void away_add_question(push_talk *talk, away_question *q)
{
	push_news news = talk->news;
	uint64_t up_to = 0;

	for (const push_talk::told &told : talk->waiting) {
		if (told.due > q->now)
			break;
		up_to = told.said.seq;
		if (!told.is_event)
			news.said.push_back(told.said);
	}
	q->news.push_back(std::move(news));
	q->up_to.push_back(up_to);
	talk->is_asked = true;
}

static void away_ask(push_plugin *p)
{
	const plugin_context &c = p->context;
	auto q = std::make_unique<away_question>();

	if (p->is_asking)
		return;
	q->now = c.host->now();
	q->interval = p->conf->interval;
	for (const auto &[conversation, talk] : p->talks)
		if (q->news.size() < away_talks_most && !talk->is_asked && !talk->waiting.empty() &&
		    talk->waiting.front().due <= q->now)
			away_add_question(talk.get(), q.get());
	if (q->news.empty())
		return;
	q->needed.resize(q->news.size());
	p->is_asking = true;
	if (c.host->work(c.self, 0, CS_WORK_READ, away_ask_store, away_asked, q.get()) == 0)
		(void)q.release(); /* away_asked owns it now */
	else
		away_confirm(p, q.get(), false);
}

/* ---- sending */

/* A notice on its way through the store. */
struct away_note {
	push_note note;
	uint64_t tag = 0;
	int64_t now = 0, interval = 0, until = 0;
	int64_t due = 0, since = 0; /* of a failed one: see push_note_failed */
	bool is_sent = false, is_over = false, is_taken = false;
};

using away_note_ptr = std::unique_ptr<away_note>;

static int away_end_store(cs_db *db, void *arg)
{
	const away_note *n = static_cast<away_note *>(arg);

	if (n->is_over)
		return push_target_gone(db, n->note.target.id, n->note.target.url);
	return n->is_sent ? push_note_sent(db, n->note, n->now, n->interval)
	                  : push_note_failed(db, n->note, n->now, n->since, n->due);
}

/* If it could not be noted, the notice is sent again when its time is over. */
static void away_ended(void *state, cs_conn, int, void *arg)
{
	const away_note_ptr n(static_cast<away_note *>(arg));

	away_look_soon(static_cast<push_plugin *>(state));
}

/* A first failure and the end of the failures are logged, on whichever node they are. */
static void away_log(const push_plugin *p, const push_target &target, const http_post *post, bool is_good)
{
	const plugin_context &c = p->context;
	const unsigned long long account = target.account;
	const std::string origin = http_url_origin(target.url);

	if (is_good && target.failing)
		c.host->log(c.self, CS_LOG_INFO, "a receiver takes notices again account=%llu url=%s", account,
		            origin.c_str());
	if (is_good || target.failing)
		return;
	if (post->end == HTTP_ANSWERED)
		c.host->log(c.self, CS_LOG_WARNING, "a receiver does not take a notice account=%llu url=%s status=%d",
		            account, origin.c_str(), post->status);
	else
		c.host->log(c.self, CS_LOG_WARNING, "a receiver does not take a notice account=%llu url=%s why=%s",
		            account, origin.c_str(), post->why.c_str());
}

/* The receiver wants no more. */
static bool away_is_refused(const push_note &note, const http_post *post)
{
	return post->end == HTTP_ANSWERED &&
	       (post->status == 410 || (post->status == 404 && note.target.kind == PUSH_UNIFIED));
}

/* The node may be cut off, not the receiver. Public and private addresses are reached in different ways. */
static backoff_blame away_blame(const push_plugin *p, const http_post *post)
{
	if (post->end == HTTP_ANSWERED)
		return BACKOFF_RECEIVER;
	if (!post->is_silent)
		return BACKOFF_NODE;
	return backoff_blame_for_silence(p->answered[post->is_private], p->started, p->conf->give_up,
	                                 p->context.host->monotonic());
}

static bool away_is_given_up(const push_plugin *p, const away_note *n)
{
	return !n->is_sent && p->conf->give_up && n->now - n->since >= p->conf->give_up;
}

static void away_log_removal(const push_plugin *p, const push_target &target, cs_log_level level, const char *why)
{
	p->context.host->log(p->context.self, level, "%s, it is removed account=%llu url=%s", why,
	                     static_cast<unsigned long long>(target.account), http_url_origin(target.url).c_str());
}

/* What follows from the answer. */
static void away_judge(push_plugin *p, away_note *n, const http_post *post)
{
	const push_target &target = n->note.target;

	const backoff_blame blame = away_blame(p, post);

	n->is_sent = push_is_taken(p, post);
	n->since = blame == BACKOFF_NODE
	                   ? n->now
	                   : backoff_failing_since(push_backoff(p), target.failing, target.failed, n->now);
	n->due = n->now + backoff_wait(push_backoff(p), n->note.failures + 1,
	                               post->end == HTTP_ANSWERED ? post->retry_after : -1, sign_random());
	n->is_over = away_is_refused(n->note, post) || (blame == BACKOFF_RECEIVER && away_is_given_up(p, n));
	if (!n->is_over)
		away_log(p, target, post, n->is_sent);
	else if (away_is_refused(n->note, post))
		away_log_removal(p, target, CS_LOG_INFO, "a receiver wants no more notices");
	else
		away_log_removal(p, target, CS_LOG_WARNING, "a receiver has taken no notice for push.give_up");
}

static void away_posted(void *state, http_post_ptr post, uint64_t tag)
{
	push_plugin *p = static_cast<push_plugin *>(state);
	const plugin_context &c = p->context;
	const auto found = p->notes.find(tag);
	auto n = std::make_unique<away_note>();

	if (found == p->notes.end())
		return;
	n->note = std::move(*found->second);
	p->notes.erase(found);
	n->now = c.host->now();
	n->interval = p->conf->interval;
	away_judge(p, n.get(), post.get());
	p->figures.failures += !n->is_sent;
	p->figures.notices += n->is_sent;
	if (c.host->work(c.self, 0, CS_WORK_WRITE, away_end_store, away_ended, n.get()) == 0)
		(void)n.release(); /* away_ended owns it now */
}

/* NULL: it cannot be encrypted. */
static http_post_ptr away_make_unified(const push_target &target, std::string document)
{
	auto post = std::make_unique<http_post>();
	encrypt_keys keys;

	post->url = target.url;
	if (target.p256dh.empty()) {
		post->headers = {"Content-Type: application/json", "TTL: 86400"};
		post->body = std::move(document);
		return post;
	}
	post->headers = {"Content-Type: application/octet-stream", "Content-Encoding: aes128gcm", "TTL: 86400"};
	if (encrypt_read_keys(target.p256dh, target.auth, &keys) || !encrypt_text(keys, document, &post->body))
		return nullptr;
	return post;
}

/* NULL: it cannot be encrypted. */
static http_post_ptr away_make_post(const push_plugin *p, const push_note &note)
{
	const std::string text = notice_text(note);

	if (note.target.kind == PUSH_POST)
		return push_signed_post(p, note.target.url, note.target.secret, notice_document(note, text));
	if (note.target.kind == PUSH_UNIFIED)
		return away_make_unified(note.target, notice_document(note, text));
	auto post = std::make_unique<http_post>();
	post->url = note.target.url;
	post->headers = {"Title: " + notice_header(notice_title(note)), "Tags: speech_balloon",
	                 "Content-Type: text/plain; charset=utf-8"};
	post->body = text.empty() ? "New message" : text;
	return post;
}

static int away_take_store(cs_db *db, void *arg)
{
	away_note *n = static_cast<away_note *>(arg);

	return push_note_take(db, &n->note, n->until, &n->is_taken);
}

static void away_taken(void *state, cs_conn, int result, void *arg)
{
	const away_note_ptr n(static_cast<away_note *>(arg));
	push_plugin *p = static_cast<push_plugin *>(state);

	if (result || !n->is_taken) {
		p->notes.erase(n->tag);
		return;
	}
	*p->notes[n->tag] = n->note;
	p->figures.posts++;
	http_post_ptr post = away_make_post(p, n->note);
	if (post) {
		post->is_of_client = true;
		http_send(p->posts, std::move(post), away_posted, n->tag);
		return;
	}
	post = std::make_unique<http_post>();
	post->why = "the notice cannot be encrypted";
	away_posted(p, std::move(post), n->tag);
}

static bool away_is_busy(const push_plugin *p, uint64_t target)
{
	return std::any_of(p->notes.begin(), p->notes.end(),
	                   [target](const auto &note) { return note.second->target_id == target; });
}

/* Of one target, one is under way; half of the places are left to bots. */
static void away_take(push_plugin *p, const push_note &note)
{
	const plugin_context &c = p->context;
	auto n = std::make_unique<away_note>();

	if (p->notes.size() >= static_cast<size_t>(p->conf->parallel) / 2 || away_is_busy(p, note.target_id))
		return;
	n->note = note;
	n->tag = push_next_tag(p);
	n->until = c.host->now() + 2 * p->conf->timeout + away_taken_ms;
	const uint64_t tag = n->tag;
	if (c.host->work(c.self, 0, CS_WORK_WRITE, away_take_store, away_taken, n.get()) != 0)
		return;
	(void)n.release(); /* away_taken owns it now */
	p->notes[tag] = std::make_unique<push_note>(note);
	p->served[note.target_id] = c.host->monotonic();
}

struct away_list {
	int64_t now = 0;
	std::vector<push_note> notes;
};

static int away_list_read(cs_db *db, void *arg)
{
	away_list *list = static_cast<away_list *>(arg);

	return push_note_list(db, list->now, away_notes_most, &list->notes);
}

/* In the order of `due` a few slow receivers with notices of many conversations would keep all others waiting. */
static void away_order(push_plugin *p, std::vector<push_note> *notes)
{
	std::unordered_map<uint64_t, int64_t> served;
	const auto served_at = [p](uint64_t target) {
		const auto at = p->served.find(target);

		return at == p->served.end() ? 0 : at->second;
	};

	for (const push_note &note : *notes)
		if (const int64_t at = served_at(note.target_id))
			served[note.target_id] = at;
	for (const auto &[tag, note] : p->notes)
		if (const int64_t at = served_at(note->target_id))
			served[note->target_id] = at;
	std::stable_sort(notes->begin(), notes->end(), [&served_at](const push_note &one, const push_note &other) {
		return served_at(one.target_id) < served_at(other.target_id);
	});
	p->served.swap(served);
}

static void away_listed(void *state, cs_conn, int result, void *arg)
{
	const std::unique_ptr<away_list> list(static_cast<away_list *>(arg));
	push_plugin *p = static_cast<push_plugin *>(state);

	p->is_looking = false;
	away_order(p, &list->notes);
	for (const push_note &note : list->notes)
		if (result == 0)
			away_take(p, note);
	if (std::exchange(p->looks_again, false))
		away_look_soon(p);
}

static void away_look_soon(push_plugin *p)
{
	const plugin_context &c = p->context;
	auto list = std::make_unique<away_list>();

	if (p->is_looking) {
		p->looks_again = true;
		return;
	}
	p->next_look = c.host->monotonic() + p->conf->lookout;
	list->now = c.host->now();
	if (c.host->work(c.self, 0, CS_WORK_READ, away_list_read, away_listed, list.get()) != 0)
		return;
	(void)list.release(); /* away_listed owns it now */
	p->is_looking = true;
}

/* ---- the instance */

int away_start(push_plugin *p, cs_error *e)
{
	if (!p->conf->away)
		return 0;
	if (!CS_MAILBOX_HAS(p->mailbox, follow)) {
		(void)snprintf(e->text, sizeof e->text, "this mailbox cannot be followed: set push.away = no");
		return CS_EINVAL;
	}
	const int result = p->mailbox->follow(p->mailbox_context, away_name, away_told, p);
	if (result)
		(void)snprintf(e->text, sizeof e->text, "the mailbox cannot be followed");
	return result;
}

void away_tick(push_plugin *p)
{
	if (!p->conf->away)
		return;
	away_ask(p);
	if (p->context.host->monotonic() >= p->next_look)
		away_look_soon(p);
}

void away_stop(push_plugin *p)
{
	if (p->conf->away)
		p->mailbox->unfollow(p->mailbox_context, away_name, p);
}
