/* SPDX-License-Identifier: MIT
 * For each conversation: which messages were shown, and which of these the server knows as delivered (DELIVERED). */
#include "inbox.h"

#include <algorithm>

static inbox_conversation *inbox_find(inbox *ib, bool is_group, int64_t with)
{
	for (inbox_conversation &one : ib->conversations)
		if (one.is_group == is_group && one.with == with)
			return &one;
	ib->conversations.push_back({.is_group = is_group, .with = with});
	return &ib->conversations.back();
}

/* Own messages that follow what was shown without a gap count as shown. */
static void inbox_pass_own(inbox_conversation *one)
{
	while (std::find(one->own.begin(), one->own.end(), one->shown + 1) != one->own.end())
		one->shown++;
	std::erase_if(one->own, [=](int64_t seq) { return seq <= one->shown; });
}

void inbox_note_own(inbox *ib, bool is_group, int64_t with, int64_t seq)
{
	inbox_conversation *const one = inbox_find(ib, is_group, with);

	if (seq <= one->shown)
		return;
	one->own.push_back(seq);
	inbox_pass_own(one);
}

bool inbox_accept(inbox *ib, bool is_group, int64_t with, int64_t seq)
{
	if (seq < 0)
		return true;
	inbox_conversation *const one = inbox_find(ib, is_group, with);
	if (seq > one->shown) {
		const bool known = std::find(one->own.begin(), one->own.end(), seq) != one->own.end();
		one->shown = seq;
		inbox_pass_own(one);
		return !known;
	}
	one->told = std::min(one->told, seq - 1);
	one->confirmed = std::min(one->confirmed, seq - 1);
	return false;
}

std::vector<inbox_conversation *> inbox_due(inbox *ib)
{
	std::vector<inbox_conversation *> due;

	for (inbox_conversation &one : ib->conversations)
		if (one.shown > one.told)
			due.push_back(&one);
	return due;
}

void inbox_take_answer(inbox *ib, int64_t req, bool done)
{
	for (inbox_conversation &one : ib->conversations) {
		if (req <= 0 || one.told_req != static_cast<uint64_t>(req))
			continue;
		if (done)
			one.confirmed = one.told;
		else
			one.told = one.confirmed;
		one.told_req = 0;
		return;
	}
}

void inbox_forget_told(inbox *ib)
{
	for (inbox_conversation &one : ib->conversations) {
		one.told = one.confirmed;
		one.told_req = 0;
	}
}

bool inbox_is_confirmed(const inbox *ib)
{
	return std::all_of(ib->conversations.begin(), ib->conversations.end(),
	                   [](const inbox_conversation &one) { return one.confirmed >= one.shown; });
}
