/* SPDX-License-Identifier: MIT
 * The form in which a plugin's parcel travels between nodes: the envelope, the device if the kind has one, the
 * plugin's name, the parcel's head and body. */
#include "core/bus/bus_parcel.h"

#include <algorithm>
#include <cstring>

#include <endian.h>

static_assert(sizeof(struct cs_envelope) == 16, "no padding: every byte is sent");

/* How many bytes the device takes. */
static size_t bus_parcel_device_size(unsigned kind)
{
	return kind == BUS_PARCEL_DEVICE || kind == BUS_PARCEL_PROOF || kind == BUS_PARCEL_ORDER ? sizeof(uint64_t) : 0;
}

std::string bus_parcel_encode(const struct bus_parcel *p)
{
	const size_t device_size = bus_parcel_device_size(p->kind);
	const uint64_t device = htole64(p->device);
	const size_t size =
		sizeof(struct cs_envelope) + device_size + p->plugin.size() + p->head.size() + p->body.size();
	const struct cs_envelope envelope = {
		.size = htole32(static_cast<uint32_t>(size)),
		.kind = static_cast<uint8_t>(p->kind | (p->flags & CS_ROUTE_CASUAL ? CS_ENVELOPE_CASUAL : 0)),
		.version = static_cast<uint8_t>(p->version),
		.name_size = static_cast<uint8_t>(p->plugin.size()),
		.head_size = static_cast<uint8_t>(p->head.size()),
		.to = htole64(p->to),
	};
	std::string bytes;

	bytes.reserve(size);
	bytes.append(reinterpret_cast<const char *>(&envelope), sizeof envelope);
	bytes.append(reinterpret_cast<const char *>(&device), device_size);
	return bytes.append(p->plugin).append(p->head).append(p->body);
}

static bool bus_parcel_is_account(uint64_t to)
{
	return to >= 1 && to <= CS_INTEGER_MAX;
}

/* The mistake; null: none. size_behind: of what follows the envelope and the device. */
static const char *bus_parcel_check(const struct cs_envelope *envelope, size_t size_behind)
{
	const unsigned kind = envelope->kind & ~CS_ENVELOPE_CASUAL;
	const size_t named = static_cast<size_t>(envelope->name_size) + envelope->head_size;

	if (kind < BUS_PARCEL_ACCOUNT || kind > BUS_PARCEL_REPORT)
		return "unknown kind";
	if (kind == BUS_PARCEL_ORDER
	            ? envelope->to > CS_INTEGER_MAX
	            : kind != BUS_PARCEL_ALL && kind != BUS_PARCEL_REPORT && !bus_parcel_is_account(envelope->to))
		return "bad account";
	if (named > size_behind)
		return "name and head are too long";
	if (kind == BUS_PARCEL_PROOF)
		return size_behind == 0 ? nullptr : "a proof with data";
	if (kind == BUS_PARCEL_ORDER || kind == BUS_PARCEL_REPORT)
		return envelope->name_size == 0 ? nullptr : "an order with a plugin name";
	return envelope->name_size != 0 ? nullptr : "no plugin name";
}

/* Characters that the name of a plugin can have. It may be logged. */
static bool bus_parcel_is_name(std::string_view name)
{
	return std::all_of(name.begin(), name.end(),
	                   [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; });
}

/* Removes the device from the bytes, if the kind has one. 0, or CS_EINVAL: they are too few, or it is none. */
static int bus_parcel_take_device(std::string_view *bytes, unsigned kind, uint64_t *device_r)
{
	const size_t size = bus_parcel_device_size(kind);

	*device_r = 0;
	if (bytes->size() < size)
		return CS_EINVAL;
	memcpy(device_r, bytes->data(), size);
	*device_r = le64toh(*device_r);
	bytes->remove_prefix(size);
	return *device_r <= CS_DEVICE_MAX || (kind == BUS_PARCEL_ORDER && *device_r == CS_EVERY_DEVICE) ? 0 : CS_EINVAL;
}

int bus_parcel_decode(std::string_view bytes, struct bus_parcel *p_r, const char **why_r)
{
	struct cs_envelope envelope;

	*why_r = "bad size";
	if (bytes.size() < sizeof envelope)
		return CS_EINVAL;
	memcpy(&envelope, bytes.data(), sizeof envelope);
	envelope.to = le64toh(envelope.to);
	if (le32toh(envelope.size) != bytes.size())
		return CS_EINVAL;
	bytes.remove_prefix(sizeof envelope);
	*why_r = "bad device";
	if (bus_parcel_take_device(&bytes, envelope.kind & ~CS_ENVELOPE_CASUAL, &p_r->device) != 0)
		return CS_EINVAL;
	*why_r = bus_parcel_check(&envelope, bytes.size());
	if (!*why_r && !bus_parcel_is_name(bytes.substr(0, envelope.name_size)))
		*why_r = "bad plugin name";
	if (*why_r)
		return CS_EINVAL;
	p_r->kind = static_cast<enum bus_parcel_kind>(envelope.kind & ~CS_ENVELOPE_CASUAL);
	p_r->flags = envelope.kind & CS_ENVELOPE_CASUAL ? CS_ROUTE_CASUAL : 0;
	p_r->version = envelope.version;
	p_r->plugin = bytes.substr(0, envelope.name_size);
	p_r->to = envelope.to;
	bytes.remove_prefix(envelope.name_size);
	p_r->head = bytes.substr(0, envelope.head_size);
	p_r->body = bytes.substr(envelope.head_size);
	return 0;
}
