/* SPDX-License-Identifier: MIT
 * Reads a list of the server page by page. */
#include "tests/support/check.h"
#include "tests/support/conversation_play.h"

static const char *pages_key(int msgid)
{
	return msgid == 106 ? "conversations" : msgid == 144 ? "members" : msgid == 132 ? "contacts" : nullptr;
}

static bool pages_has_more(const cJSON *answer)
{
	return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(answer, "more"));
}

/* next of the answer, as JSON: it may be of any type. */
static std::string pages_next(const cJSON *answer)
{
	const std::unique_ptr<char, decltype(&free)> text(
		cJSON_PrintUnformatted(cJSON_GetObjectItemCaseSensitive(answer, "next")), free);
	return text ? text.get() : "";
}

static std::string pages_check(const conversation_request &r, const cJSON *answer, int count)
{
	if (count > r.limit)
		return "this is more than was asked for";
	if (pages_has_more(answer) && count < r.limit)
		return "this is less than was asked for, but there is more";
	return pages_has_more(answer) != pages_next(answer).empty() ? "" : "more and next do not agree";
}

void play_read_on(conversation_play *p, conversation_request r, test_frame *answer)
{
	const char *key = pages_key(r.msgid);
	cJSON *all = key ? cJSON_GetObjectItemCaseSensitive(answer->json.get(), key) : nullptr;
	int count = cJSON_GetArraySize(all);
	test_client *c = p->clients.at({r.actor, r.device});

	while (all) {
		const std::string wrong = pages_check(r, answer->json.get(), count);
		cJSON *item;

		if (!wrong.empty())
			play_fail(p, r.actor, r.device, r.bytes + "\n" + answer->bytes + "\n" + wrong);
		if (!pages_has_more(answer->json.get()))
			break;
		r.after = pages_next(answer->json.get());
		r.req = c->next_req++;
		conversation_write(&p->m, &r);
		play_note(p, "the next page: " + r.bytes);
		client_send(c, r.bytes + c->ending);
		test_frame next = client_read_answer(c, r.req);
		cJSON *items = cJSON_GetObjectItemCaseSensitive(next.json.get(), key);

		p->pages++;
		count = cJSON_GetArraySize(items);
		if (count == 0)
			play_fail(p, r.actor, r.device, r.bytes + "\n" + next.bytes + "\nthis page is empty");
		while ((item = cJSON_DetachItemFromArray(items, 0)))
			cJSON_AddItemToArray(all, item);
		cJSON_ReplaceItemInObjectCaseSensitive(
			next.json.get(), key, cJSON_DetachItemFromObjectCaseSensitive(answer->json.get(), key));
		*answer = std::move(next);
	}
}
