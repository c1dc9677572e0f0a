/* SPDX-License-Identifier: MIT
 * How a verb names an account: `account`, a number, or `name`. */
#ifndef PLUGINS_SHARED_ACCOUNT_H
#define PLUGINS_SHARED_ACCOUNT_H

#include <string>

#include "field.h"

struct account_named {
	uint64_t id = 0; /* 0: only the name was given */
	std::string name;
};

/* Also checks that there is `req`, which a verb must carry. 0, or CS_REJECT after the request was refused. Worker
 * thread. */
[[nodiscard]] static inline int account_named_read(const plugin_context &context, const cs_frame *frame,
                                                   account_named *named_r)
{
	std::string_view name;
	int64_t id = 0;
	int result = 0;

	if (frame->request.req < 0)
		return context.host->refuse(context.self, frame->conn, &frame->request, CS_ERRNO_BAD_FRAME,
		                            "req is missing");
	result = field_integer(context, frame, "account", FIELD_OPTIONAL, 1, &id);
	if (!result)
		result = field_text(context, frame, "name", FIELD_OPTIONAL, &name);
	if (result)
		return result;
	if ((id == 0) == !name.data())
		return context.host->refuse(context.self, frame->conn, &frame->request, CS_ERRNO_BAD_FRAME,
		                            "one of account and name must be there");
	named_r->id = static_cast<uint64_t>(id);
	named_r->name = name;
	return 0;
}

#endif
