/* SPDX-License-Identifier: MIT
 * The form in which a plugin's data travels between nodes: a fixed head, the plugin's name, the data. */
#include "core/bus/bus_parcel.h"

#include <cstring>

#include <endian.h>

/* Numbers have their low byte first: nodes may be machines of different kinds. */
struct bus_parcel_head {
	char magic[4];
	uint8_t version;
	uint8_t kind;
	uint8_t name_size;
	uint8_t reserved;
	uint64_t account;
};
static_assert(sizeof(struct bus_parcel_head) == 16, "no padding: every byte is sent");

static constexpr char bus_parcel_magic[4] = {'C', 'S', 'B', 'P'};
static constexpr uint8_t bus_parcel_version = 3;

std::string bus_parcel_encode(const struct bus_parcel *p)
{
	struct bus_parcel_head head = {};
	std::string bytes;

	memcpy(head.magic, bus_parcel_magic, sizeof head.magic);
	head.version = bus_parcel_version;
	head.kind = p->kind;
	head.name_size = static_cast<uint8_t>(p->plugin.size());
	head.account = htole64(p->account);
	bytes.reserve(sizeof head + p->plugin.size() + p->data.size());
	bytes.append(reinterpret_cast<const char *>(&head), sizeof head);
	bytes.append(p->plugin).append(p->data);
	return bytes;
}

/* The mistake in a head; null: none. */
static const char *bus_parcel_check_head(const struct bus_parcel_head *head)
{
	if (memcmp(head->magic, bus_parcel_magic, sizeof head->magic) != 0)
		return "not a message of a node";
	if (head->version != bus_parcel_version)
		return "another version";
	if (head->reserved != 0)
		return "reserved bits are set";
	return nullptr;
}

/* Each kind needs its own form of address. */
static const char *bus_parcel_check_address(const struct bus_parcel_head *head)
{
	const bool is_account = head->account >= 1 && head->account <= CS_INTEGER_MAX;

	switch (head->kind) {
	case BUS_PARCEL_ACCOUNT:
	case BUS_PARCEL_PROOF: return is_account ? nullptr : "bad account";
	case BUS_PARCEL_ALL: return head->account == 0 ? nullptr : "an address where none belongs";
	default: return "unknown kind";
	}
}

static bool bus_parcel_has_good_name(const struct bus_parcel_head *head, size_t size_behind)
{
	if (head->kind == BUS_PARCEL_PROOF)
		return head->name_size == 0 && size_behind == 0;
	return head->name_size != 0 && head->name_size <= size_behind;
}

int bus_parcel_decode(std::string_view bytes, struct bus_parcel *p_r, const char **why_r)
{
	struct bus_parcel_head head;

	*why_r = "too short";
	if (bytes.size() < sizeof head)
		return CS_EINVAL;
	memcpy(&head, bytes.data(), sizeof head);
	head.account = le64toh(head.account);
	bytes.remove_prefix(sizeof head);
	*why_r = bus_parcel_check_head(&head);
	if (!*why_r)
		*why_r = bus_parcel_check_address(&head);
	if (!*why_r && !bus_parcel_has_good_name(&head, bytes.size()))
		*why_r = "bad plugin name";
	if (*why_r)
		return CS_EINVAL;
	p_r->kind = static_cast<enum bus_parcel_kind>(head.kind);
	p_r->plugin = bytes.substr(0, head.name_size);
	p_r->account = head.account;
	p_r->data = bytes.substr(head.name_size);
	return 0;
}
