/* SPDX-License-Identifier: MIT
 * Fuzz target of parcels: the input is what another node sent. */
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/bus/bus_parcel.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* A copy of exactly its size shows reads beyond the end. */
	const std::vector<char> copy(data, data + size);
	const std::string_view bytes(copy.data(), copy.size());
	struct bus_parcel parcel;
	const char *why = nullptr;
	const int result = bus_parcel_decode(bytes, &parcel, &why);

	REQUIRE(result == 0 || result == CS_EINVAL);
	if (result) {
		REQUIRE(why && *why);
		return 0;
	}
	REQUIRE(parcel.plugin.empty() == (parcel.kind == BUS_PARCEL_PROOF));
	REQUIRE(parcel.kind == BUS_PARCEL_ALL || (parcel.to >= 1 && parcel.to <= CS_INTEGER_MAX));
	REQUIRE(parcel.kind == BUS_PARCEL_PROOF || bus_parcel_encode(&parcel) == bytes);
	return 0;
}
