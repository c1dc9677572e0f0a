/* SPDX-License-Identifier: MIT
 * A stand-in for the mailbox service: it notes the requests of handlers and gives the answers that the test set. It
 * keeps and delivers nothing. */
#include "fake_mailbox.h"

#include <algorithm>

static int mailbox_attach(void *mailbox, cs_conn conn, const cs_mailbox_session *session, cs_mailbox_page_fn *done,
                          void *arg)
{
	fake_mailbox *box = static_cast<fake_mailbox *>(mailbox);

	fake_host_record(box->host, {"attach", conn, session->account, session->acknowledges, ""});
	box->attached = *session;
	if (box->attach_at_call != 0)
		return box->attach_at_call;
	fake_host_defer(box->host, fake_host_conn(box->host, conn)->worker, [=] {
		std::vector<cs_mailbox_entry> entries;

		if (box->attach_result == 0)
			for (const std::string &frame : box->kept)
				entries.push_back({frame.data(), frame.size()});
		done(arg, conn, box->attach_result, entries.data(), entries.size());
	});
	return 0;
}

static int mailbox_begin(void *mailbox, cs_conn conn, uint64_t position)
{
	fake_mailbox *box = static_cast<fake_mailbox *>(mailbox);

	fake_host_record(box->host, {"begin", conn, 0, static_cast<int64_t>(position), ""});
	return box->begin_result;
}

/* As the mailbox does it, but inside send(). */
static int effect_run(fake_mailbox *box, cs_effect_fn *run, void *arg, cs_effect *effect)
{
	cs_db *db = box->host->db;
	int result = db->driver->begin(db);

	if (!result)
		result = db->driver->savepoint(db);
	if (!result)
		result = run(db, effect, arg);
	if (!result)
		result = db->driver->release(db);
	if (!result)
		return db->driver->commit(db);
	db->driver->rollback(db);
	return result;
}

static int effect_send(fake_mailbox *box, const cs_frame *frame, const cs_outgoing *entry)
{
	const cs_host *host = &box->host->table;
	cs_self *self = fake_self_handle(box->plugin);
	cs_effect effect = {};

	effect.actor = frame->account;
	effect.conversation = entry->to;
	effect.seq = 1;
	effect.created = host->now();
	const int result = effect_run(box, entry->effect, entry->arg, &effect);
	if (entry->done)
		entry->done(entry->arg, frame->conn, result, &effect);
	box->effects.push_back(effect);
	if (result == 0)
		host->answer(self, frame->conn, &frame->request, (",\"seq\":1" + std::string(effect.answer)).c_str());
	else if (result == CS_EFFECT_IS_THERE || result == CS_EFFECT_NO_ENTRY)
		host->answer(self, frame->conn, &frame->request, effect.answer);
	else if (result > 0)
		return host->refuse_more(self, frame->conn, &frame->request, result, effect.answer, "%s",
		                         effect.errmsg);
	else
		return host->refuse_result(self, frame->conn, &frame->request, result);
	return CS_DONE;
}

static int mailbox_send(void *mailbox, const cs_frame *frame, const cs_outgoing *message)
{
	fake_mailbox *box = static_cast<fake_mailbox *>(mailbox);
	const bool has_cid = message->cid != nullptr;

	fake_host_record(box->host, {"mailbox send", frame->conn, frame->account, 0, ""});
	box->sent.push_back({frame->conn, message->kind, message->to, has_cid,
	                     has_cid ? std::string(message->cid, message->cid_size) : std::string(),
	                     std::string(frame->bytes, frame->size), message->lock});
	return message->effect ? effect_send(box, frame, message) : box->verdict;
}

static int mailbox_delivered(void *mailbox, const cs_frame *frame, cs_conversation_kind kind, uint64_t of, uint64_t seq)
{
	fake_mailbox *box = static_cast<fake_mailbox *>(mailbox);

	fake_host_record(box->host, {"mailbox delivered", frame->conn, frame->account, 0, ""});
	box->delivered.push_back({kind, of, seq});
	return box->verdict;
}

static int mailbox_post(void *mailbox, const cs_mailbox_post *post, cs_mailbox_posted_fn *done, void *arg)
{
	fake_mailbox *box = static_cast<fake_mailbox *>(mailbox);

	fake_host_record(box->host, {"post", 0, post->account, static_cast<int64_t>(post->to),
	                             std::string(post->text, post->text_size)});
	if (box->post_at_call != 0)
		return box->post_at_call;
	box->posts.push_back({post->account, post->kind, post->to, std::string(post->text, post->text_size),
	                      post->cid ? std::string(post->cid, post->cid_size) : std::string()});
	fake_host_defer(box->host, 0, [=, result = box->post_result, seq = box->posts.size()] {
		done(arg, result, result ? 0 : seq);
	});
	return 0;
}

static int mailbox_change(void *mailbox, const cs_mailbox_change *change, cs_mailbox_changed_fn *done, void *arg)
{
	fake_mailbox *box = static_cast<fake_mailbox *>(mailbox);

	fake_host_record(box->host, {"change", 0, change->account, static_cast<int64_t>(change->group), ""});
	if (box->change_at_call != 0)
		return box->change_at_call;
	box->changes.push_back({change->group, change->msgid, change->account,
	                        change->members ? std::string(change->members, change->members_size) : std::string(),
	                        change->cid ? std::string(change->cid, change->cid_size) : std::string(),
	                        change->lock});
	fake_host_defer(box->host, 0, [=, made = *change, seq = box->changes.size()] {
		cs_effect effect = {};

		effect.actor = made.account;
		effect.conversation = made.group;
		effect.seq = seq;
		effect.created = box->host->table.now();
		const int result = effect_run(box, made.effect, arg, &effect);
		box->effects.push_back(effect);
		done(arg, result, result ? 0 : seq, &effect);
	});
	return 0;
}

static int mailbox_refuses_strangers(void *mailbox)
{
	return static_cast<const fake_mailbox *>(mailbox)->refuses_strangers;
}

static int mailbox_follow(void *mailbox, const char *name, cs_mailbox_followed_fn *fn, void *arg)
{
	fake_mailbox *box = static_cast<fake_mailbox *>(mailbox);

	fake_host_record(box->host, {"follow", 0, 0, 0, name});
	box->followings.push_back({name, fn, arg});
	return 0;
}

static void mailbox_unfollow(void *mailbox, const char *name, void *arg)
{
	fake_mailbox *box = static_cast<fake_mailbox *>(mailbox);

	fake_host_record(box->host, {"unfollow", 0, 0, 0, name});
	std::erase_if(box->followings, [=](const fake_following &f) { return f.name == name && f.arg == arg; });
}

static void mailbox_followed(void *mailbox, const char *name, uint64_t conversation, uint64_t seq)
{
	fake_mailbox *box = static_cast<fake_mailbox *>(mailbox);

	fake_host_record(box->host, {"followed", conversation, 0, static_cast<int64_t>(seq), name});
}

static const cs_mailbox mailbox_table = {
	CS_ABI,       sizeof mailbox_table,      mailbox_attach, mailbox_begin,  mailbox_send,     mailbox_delivered,
	mailbox_post, mailbox_refuses_strangers, mailbox_change, mailbox_follow, mailbox_unfollow, mailbox_followed,
};

void fake_mailbox_tell(const fake_mailbox *box, const char *name, const cs_mailbox_followed &entry)
{
	const auto at = std::find_if(box->followings.rbegin(), box->followings.rend(),
	                             [=](const fake_following &f) { return f.name == name; });

	if (at != box->followings.rend())
		at->fn(at->arg, &entry);
}

void fake_mailbox_offer(fake_mailbox *box, fake_host *host)
{
	box->host = host;
	fake_host_offer(host, CS_MAILBOX_SERVICE, CS_MAILBOX_VERSION, &mailbox_table, box);
}
