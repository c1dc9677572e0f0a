/* SPDX-License-Identifier: MIT
 * What clients are told when a request on a group is refused. */
#include "../model/invitations.h"
#include "group.h"

struct group_refusal_row {
	int outcome;
	group_refusal refusal;
};

static const group_refusal_row group_refusals[] = {
	{MODEL_NONE, {CS_ERRNO_NO_SUCH_GROUP, "groupid names no group"}},
	{MODEL_NOT_MEMBER, {CS_ERRNO_NOT_ALLOWED, "not a member of the group"}},
	{MODEL_FULL, {CS_ERRNO_FULL, "you are in as many groups as you may be"}},
	{MODEL_GROUP_FULL, {CS_ERRNO_FULL, "the group has as many members as it may have"}},
	{GROUP_NOT_ALLOWED, {CS_ERRNO_NOT_ALLOWED, "your role in the group does not permit it"}},
	{GROUP_HAND_OVER, {CS_ERRNO_NOT_ALLOWED, "hand the group over to another member first"}},
	{GROUP_NO_ACCOUNT, {CS_ERRNO_NO_SUCH_USER, "account names nobody"}},
	{GROUP_NO_MEMBER, {CS_ERRNO_NO_SUCH_USER, "account names no member of the group"}},
	{INVITATION_BANNED, {CS_ERRNO_NOT_ALLOWED, "you are banned from the group"}},
	{INVITATION_MISSING, {CS_ERRNO_NOT_ALLOWED, "nobody joins the group without an invitation"}},
	{INVITATION_NOT_WANTED, {CS_ERRNO_NOT_ALLOWED, "this account takes nothing from you"}},
	{INVITATION_FULL_GROUP, {CS_ERRNO_FULL, "as many people as may be are invited to the group"}},
	{INVITATION_FULL_ACCOUNT, {CS_ERRNO_FULL, "the account is invited to as many groups as may be"}},
};

const group_refusal *group_refusal_of(int outcome)
{
	for (const group_refusal_row &row : group_refusals)
		if (row.outcome == outcome)
			return &row.refusal;
	return nullptr;
}
