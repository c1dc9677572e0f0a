/* SPDX-License-Identifier: MIT
 * Orders of operators and reports of them as parcels. Any thread. */
#ifndef CORE_BUS_ORDER_H
#define CORE_BUS_ORDER_H

#include "core/bus/bus.h"
#include "core/bus/bus_parcel.h"

std::string bus_order_encode(const struct bus_order *order);
std::string bus_report_encode(const struct bus_report *report);
/* The texts of the results lie in the parcel's bytes. 0, or CS_EINVAL: the head has another size. */
[[nodiscard]] int bus_order_read(const struct bus_parcel *p, struct bus_order *order_r);
[[nodiscard]] int bus_report_read(const struct bus_parcel *p, struct bus_report *report_r);

#endif
