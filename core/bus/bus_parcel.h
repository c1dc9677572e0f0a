/* SPDX-License-Identifier: MIT
 * The form in which a plugin's parcel travels between nodes: an envelope of bus.h. Any thread. */
#ifndef CORE_BUS_PARCEL_H
#define CORE_BUS_PARCEL_H

#include <string>
#include <string_view>

#include <chatserverd/bus.h>

enum bus_parcel_kind : uint8_t {
	BUS_PARCEL_ACCOUNT = 1, /* to the instances that hold sessions of the account */
	BUS_PARCEL_ALL = 2, /* to the instances of the node that have subscribed to the topic */
	BUS_PARCEL_PROOF = 3, /* to the node: the session was probed and its peer has answered */
	BUS_PARCEL_DEVICE = 4, /* to the instance that holds the session of one device */
	BUS_PARCEL_ORDER = 5, /* to the node: an order of an operator; see struct bus_order */
	BUS_PARCEL_REPORT = 6 /* to the node: what the sender has done for its order; see struct bus_report */
};

/* The plugin is named by its name, because nodes may load different plugins. Orders and reports have none, and their
 * numbers in the head. A proof has no more than an account and a device. */
struct bus_parcel {
	enum bus_parcel_kind kind = BUS_PARCEL_ALL;
	unsigned flags = 0; /* enum cs_route_data_flag */
	uint32_t version = 0; /* cs_plugin.parcel_version */
	std::string_view plugin;
	uint64_t to = 0; /* account, or topic */
	uint64_t device = 0; /* of DEVICE, PROOF and ORDER: 8 bytes behind the envelope, the low one first */
	std::string_view head, body;
};

std::string bus_parcel_encode(const struct bus_parcel *p);
/* Reads one envelope of another node; the texts of *p_r point into bytes. 0, or CS_EINVAL with a constant text that
 * says what is wrong. */
[[nodiscard]] int bus_parcel_decode(std::string_view bytes, struct bus_parcel *p_r, const char **why_r);

#endif
