/* SPDX-License-Identifier: MIT
 * A stand-in for the mailbox service: it notes the requests of handlers and gives the answers that the test set. It
 * keeps and delivers nothing. */
#ifndef TESTS_SUPPORT_FAKE_MAILBOX_H
#define TESTS_SUPPORT_FAKE_MAILBOX_H

#include <string>
#include <vector>

#include <chatserverd/mailbox.h>

#include "fake_host.h"

struct fake_outgoing {
	cs_conn conn;
	cs_conversation_kind kind;
	uint64_t to;
	bool has_cid;
	std::string cid;
	std::string frame;
	cs_account lock;
};

struct fake_delivered {
	cs_conversation_kind kind;
	uint64_t of;
	uint64_t seq;
};

struct fake_post {
	cs_account account;
	cs_conversation_kind kind;
	uint64_t to;
	std::string text, cid; /* cid "": none */
};

struct fake_change {
	uint64_t group;
	uint32_t msgid;
	cs_account account;
	std::string members, cid; /* cid "": none */
	cs_account lock;
};

struct fake_following {
	std::string name;
	cs_mailbox_followed_fn *fn;
	void *arg;
};

/* The context of the service. Its calls also stand in the host's record, as "attach" (number: acknowledges), "begin"
 * (number: the position), "mailbox send", "mailbox delivered", "post", "change", "follow" (text: the name), "unfollow"
 * and "followed" (conn: the conversation; number: the seq). */
struct fake_mailbox {
	fake_host *host = nullptr;
	fake_self *plugin = nullptr; /* who answers for it: an entry with an effect is stored and answered at once */
	std::vector<std::string> kept; /* the page that attach answers with */
	int attach_at_call = 0; /* what attach() itself answers */
	int attach_result = 0; /* what its done gets */
	int begin_result = 0;
	int verdict = CS_DONE; /* of send and delivered */
	bool refuses_strangers = false;
	int post_at_call = 0; /* what post() itself answers */
	int post_result = 0; /* what its done gets, with the number of the post as seq */
	std::vector<fake_outgoing> sent;
	std::vector<fake_delivered> delivered;
	cs_mailbox_session attached = {}; /* the last one */
	std::vector<cs_effect> effects; /* as each left it */
	std::vector<fake_post> posts; /* that were accepted */
	int change_at_call = 0; /* what change() itself answers */
	/* That were accepted. The effect runs later, with the group as its conversation; its done gets the number of
	 * the change as seq. */
	std::vector<fake_change> changes;
	std::vector<fake_following> followings;
};

/* Offers box as the mailbox service to plugins that are loaded later. */
void fake_mailbox_offer(fake_mailbox *box, fake_host *host);
/* The follower of that name, if there is one, is told of the entry. */
void fake_mailbox_tell(const fake_mailbox *box, const char *name, const cs_mailbox_followed &entry);

#endif
