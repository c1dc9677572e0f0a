/* SPDX-License-Identifier: MIT
 * The verbs about groups. */
#include "operator.h"

#include <memory>
#include <vector>

#include "../model/groups.h"

/* ---- GROUP_LIST */

struct operator_group_page {
	plugin_context context;
	operator_page page;
	std::vector<group_line> groups;
};

/* One more than the page may have shows whether there is more. */
static int operator_read_groups(cs_db *db, void *arg)
{
	auto *list = static_cast<operator_group_page *>(arg);

	return group_lines(db, list->page.after, list->page.limit + 1, &list->groups);
}

static void operator_groups_read(void *, cs_conn conn, int result, void *arg)
{
	const std::unique_ptr<operator_group_page> list(static_cast<operator_group_page *>(arg));
	std::string more = ",\"groups\":[";

	if (result)
		return operator_fail(list->context, conn, list->page.request, result);
	for (size_t i = 0; i < list->groups.size() && i < list->page.limit; i++) {
		const group_line &group = list->groups[i];

		more += (i > 0 ? ",{\"groupid\":" : "{\"groupid\":") + std::to_string(group.id) + ",\"groupname\":";
		operator_quote(&more, group.name);
		more += ",\"members\":" + std::to_string(group.members) + ",\"seq\":" + std::to_string(group.last_seq) +
		        "}";
	}
	more += "]";
	if (list->groups.size() > list->page.limit)
		more += operator_more(list->groups[list->page.limit - 1].id);
	operator_done(list->context, conn, list->page.request, more);
}

int operator_on_group_list(void *state, const cs_frame *frame)
{
	const plugin_context &c = static_cast<operator_plugin *>(state)->context;
	auto list = std::make_unique<operator_group_page>();

	list->context = c;
	if (const int result = operator_get_page(c, frame, &list->page))
		return result;
	const int result =
		c.host->work(c.self, frame->conn, CS_WORK_READ, operator_read_groups, operator_groups_read, list.get());
	if (result)
		return c.host->refuse_result(c.self, frame->conn, &frame->request, result);
	(void)list.release(); /* operator_groups_read owns it now */
	return CS_PENDING;
}
