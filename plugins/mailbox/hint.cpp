/* SPDX-License-Identifier: MIT
 * Owns the bytes of hints. It must not know what they are for. */
#include "hint.h"

#include <cstring>
#include <string>

static std::string bytes_of(mailbox_hint hint, std::string_view body)
{
	std::string bytes;

	hint.format = MAILBOX_HINT_FORMAT;
	bytes.reserve(sizeof(hint) + body.size());
	bytes.append(reinterpret_cast<const char *>(&hint), sizeof(hint));
	bytes.append(body);
	return bytes;
}

int mailbox_hint_route(const cs_host *host, cs_self *self, cs_account to, const mailbox_hint &hint,
                       std::string_view body, unsigned flags)
{
	const std::string bytes = bytes_of(hint, body);

	return host->route(self, to, bytes.data(), bytes.size(), flags);
}

void mailbox_hint_route_all(const cs_host *host, cs_self *self, const mailbox_hint &hint,
                            std::string_view body)
{
	const std::string bytes = bytes_of(hint, body);

	host->route_all(self, bytes.data(), bytes.size());
}

int mailbox_hint_route_place(const cs_host *host, cs_self *self, cs_place to, const mailbox_hint &hint)
{
	const std::string bytes = bytes_of(hint, {});

	return host->route_place(self, to, bytes.data(), bytes.size());
}

bool mailbox_hint_read(const void *data, size_t size, mailbox_hint *hint_r, std::string_view *body_r)
{
	if (size < sizeof(*hint_r))
		return false;
	memcpy(hint_r, data, sizeof(*hint_r));
	if (hint_r->format != MAILBOX_HINT_FORMAT)
		return false;
	*body_r = {static_cast<const char *>(data) + sizeof(*hint_r), size - sizeof(*hint_r)};
	return true;
}
