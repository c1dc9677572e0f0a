/* SPDX-License-Identifier: MIT
 * Orders of operators to all nodes, and the reports of what was done: their form, and how they are sent. */
#include "core/bus/bus_order.h"

#include <array>
#include <cstring>

#include <endian.h>

#include "core/bus/bus_internal.h"

/* ---- the form: numbers of 8 bytes, the low byte first */

static constexpr size_t bus_order_numbers = 2, bus_report_numbers = 3; /* in the head */

template <size_t count> static std::string bus_order_pack(const std::array<uint64_t, count> &numbers)
{
	std::string head;

	for (const uint64_t number : numbers) {
		const uint64_t bytes = htole64(number);

		head.append(reinterpret_cast<const char *>(&bytes), sizeof bytes);
	}
	return head;
}

template <size_t count> static int bus_order_unpack(std::string_view head, std::array<uint64_t, count> *numbers_r)
{
	if (head.size() != count * sizeof(uint64_t))
		return CS_EINVAL;
	memcpy(numbers_r->data(), head.data(), head.size());
	for (uint64_t &number : *numbers_r)
		number = le64toh(number);
	return 0;
}

std::string bus_order_encode(const struct bus_order *order)
{
	const std::string head = bus_order_pack<bus_order_numbers>({order->from, order->id});
	const struct bus_parcel p {
		.kind = BUS_PARCEL_ORDER, .to = order->account, .device = order->device, .head = head,
		.body = order->text
	};

	return bus_parcel_encode(&p);
}

std::string bus_report_encode(const struct bus_report *report)
{
	const std::string head =
		bus_order_pack<bus_report_numbers>({report->done, report->sessions, uint64_t{report->is_partial}});
	const struct bus_parcel p {
		.kind = BUS_PARCEL_REPORT, .to = report->id, .head = head, .body = report->node
	};

	return bus_parcel_encode(&p);
}

int bus_order_read(const struct bus_parcel *p, struct bus_order *order_r)
{
	std::array<uint64_t, bus_order_numbers> numbers;

	if (bus_order_unpack(p->head, &numbers) != 0 || numbers[0] == 0 || numbers[0] > CS_BUS_ADDRESS_MAX ||
	    (p->to == 0) == p->body.empty())
		return CS_EINVAL;
	*order_r = {numbers[0], numbers[1], p->to, p->device, p->body};
	return 0;
}

int bus_report_read(const struct bus_parcel *p, struct bus_report *report_r)
{
	std::array<uint64_t, bus_report_numbers> numbers;

	if (bus_order_unpack(p->head, &numbers) != 0)
		return CS_EINVAL;
	*report_r = {p->to, numbers[0], numbers[1], numbers[2] != 0, p->body};
	return 0;
}

/* ---- sending */

static void bus_order_run(struct bus_call *call)
{
	struct bus *b = call->bus;

	bus_note_sent(b);
	if (call->address != 0)
		b->driver->send_to(b->handle, call->address, call->bytes.data(), call->bytes.size());
	else
		b->driver->send_all(b->handle, call->bytes.data(), call->bytes.size(), 0);
	bus_call_free(call);
}

/* to 0: all. */
static void bus_order_post(struct bus *b, cs_bus_address to, std::string bytes)
{
	auto call = bus_call_make(b, bus_order_run, 0);

	call->address = to;
	call->bytes = std::move(bytes);
	bus_call_post(std::move(call));
}

bool bus_send_order(struct bus *b, const struct bus_order *order)
{
	struct bus_order sent = *order;

	sent.from = bus_address(b);
	if (sent.from == 0)
		return false;
	bus_order_post(b, 0, bus_order_encode(&sent));
	return true;
}

void bus_send_report(struct bus *b, cs_bus_address to, const struct bus_report *report)
{
	bus_order_post(b, to, bus_report_encode(report));
}
