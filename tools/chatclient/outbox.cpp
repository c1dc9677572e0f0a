/* SPDX-License-Identifier: MIT
 * The requests that are not acknowledged, in their order, and which of them may be sent now. */
#include "outbox.h"

#include <algorithm>
#include <vector>

#include <chatserverd/msgid.h>

#include "random.h"

/* Less than 256: after so many requests the server stops reading from a connection. */
static const size_t outbox_window = 64;
static const int64_t outbox_first_delay = 200;
static const int64_t outbox_longest_delay = 10000;

static bool outbox_is_message(const outbox_entry &entry)
{
	return entry.msgid == CS_MSGID_CHAT || entry.msgid == CS_MSGID_GROUP_CHAT;
}

static bool outbox_is_ready(const outbox_entry &entry, uint64_t account, int64_t now)
{
	return !entry.on_its_way && entry.not_before <= now && (entry.account == 0 || entry.account == account);
}

static bool outbox_same_conversation(const outbox_entry &one, const outbox_entry &other)
{
	return one.msgid == other.msgid && one.target == other.target;
}

outbox_entry *outbox_next(outbox *ob, uint64_t account, int64_t now)
{
	std::vector<const outbox_entry *> before; /* the first message of each conversation */

	if (outbox_count_sent(ob) >= (ob->one_at_a_time ? 1 : outbox_window))
		return nullptr;
	for (size_t i = 0; i < ob->entries.size() && before.size() < outbox_window; i++) {
		outbox_entry *const entry = &ob->entries[i];
		if (!outbox_is_message(*entry))
			return i == 0 && outbox_is_ready(*entry, account, now) ? entry : nullptr;
		const bool waits = std::any_of(before.begin(), before.end(), [&](const outbox_entry *other) {
			return outbox_same_conversation(*entry, *other);
		});
		if (waits)
			continue;
		if (outbox_is_ready(*entry, account, now))
			return entry;
		before.push_back(entry);
	}
	return nullptr;
}

void outbox_mark_sent(outbox_entry *entry)
{
	entry->on_its_way = true;
	entry->sent_times++;
}

outbox_entry *outbox_find(outbox *ob, int64_t req)
{
	for (outbox_entry &entry : ob->entries)
		if (req >= 0 && entry.req == static_cast<uint64_t>(req))
			return &entry;
	return nullptr;
}

bool outbox_has_cid(const outbox *ob, std::string_view cid)
{
	return !cid.empty() && std::any_of(ob->entries.begin(), ob->entries.end(),
	                                   [=](const outbox_entry &entry) { return entry.cid == cid; });
}

void outbox_drop_raw(outbox *ob)
{
	std::erase_if(ob->entries,
	              [](const outbox_entry &entry) { return entry.verb == COMMAND_RAW && entry.sent_times > 0; });
}

void outbox_remove(outbox *ob, uint64_t req)
{
	std::erase_if(ob->entries, [=](const outbox_entry &entry) { return entry.req == req; });
}

void outbox_delay(outbox_entry *entry, int64_t now)
{
	entry->on_its_way = false;
	entry->not_before = now + random_pause(outbox_first_delay, entry->delays++, outbox_longest_delay);
}

void outbox_forget_sent(outbox *ob)
{
	for (outbox_entry &entry : ob->entries)
		entry.on_its_way = false;
}

size_t outbox_count_sent(const outbox *ob)
{
	return static_cast<size_t>(std::count_if(ob->entries.begin(), ob->entries.end(),
	                                         [](const outbox_entry &entry) { return entry.on_its_way; }));
}

outbox_entry *outbox_only_sent(outbox *ob)
{
	if (outbox_count_sent(ob) != 1)
		return nullptr;
	return &*std::find_if(ob->entries.begin(), ob->entries.end(),
	                      [](const outbox_entry &entry) { return entry.on_its_way; });
}

int64_t outbox_wake_time(const outbox *ob, int64_t now)
{
	int64_t first = -1;

	for (const outbox_entry &entry : ob->entries)
		if (!entry.on_its_way && entry.not_before > now && (first == -1 || entry.not_before < first))
			first = entry.not_before;
	return first;
}

bool outbox_holds_back(const outbox *ob)
{
	return std::any_of(ob->entries.begin(), ob->entries.end(),
	                   [](const outbox_entry &entry) { return !outbox_is_message(entry); });
}
