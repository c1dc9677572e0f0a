/* SPDX-License-Identifier: MIT
 * The verbs about groups. */
#include "verbs.h"

#include <chatserverd/msgid.h>

#include "answer.h"

static void chatctl_show_groups(const cJSON *answer, bool colour)
{
	const cJSON *item;
	struct chatctl_table table {
		{{"GROUP", true}, {"NAME", false}, {"MEMBERS", true}, {"ENTRIES", true}}, {}
	};

	cJSON_ArrayForEach(item, chatctl_member(answer, "groups"))
		table.rows.push_back({chatctl_number_cell(item, "groupid"), chatctl_text_cell(item, "groupname"),
	                              chatctl_number_cell(item, "members"), chatctl_number_cell(item, "seq")});
	chatctl_print_table(&table, colour);
}

const struct chatctl_verb chatctl_group_verbs[] = {
	{"group list", "", "all groups", CS_MSGID_GROUP_LIST, 0, 0, nullptr, chatctl_show_groups, "groups"},
	{},
};
