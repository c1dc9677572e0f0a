/* SPDX-License-Identifier: MIT
 * The form in which a plugin's data travels between nodes. Any thread. */
#ifndef CORE_BUS_PARCEL_H
#define CORE_BUS_PARCEL_H

#include <string>
#include <string_view>

#include <chatserverd/plugin.h>

enum bus_parcel_kind : uint8_t {
	BUS_PARCEL_ACCOUNT = 1, /* to the instance that holds the account's session */
	BUS_PARCEL_ALL = 2, /* to every instance of the node */
	BUS_PARCEL_PROOF = 3 /* to the node: the account's session was probed and its peer has answered */
};

/* The plugin is named by its name, because nodes may load different plugins. A proof has no plugin and no data. */
struct bus_parcel {
	enum bus_parcel_kind kind = BUS_PARCEL_ALL;
	std::string_view plugin;
	cs_account account = 0; /* BUS_PARCEL_ACCOUNT and _PROOF only, else 0 */
	std::string_view data;
};

/* The data is at the end of the bytes. */
std::string bus_parcel_encode(const struct bus_parcel *p);
/* Reads bytes of another node; the texts of *p_r point into bytes. 0, or CS_EINVAL with a constant text that says what
 * is wrong. That text distinguishes another version from bytes that are no parcel. */
[[nodiscard]] int bus_parcel_decode(std::string_view bytes, struct bus_parcel *p_r, const char **why_r);

#endif
