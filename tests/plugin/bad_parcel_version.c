/* SPDX-License-Identifier: MIT
 * A plugin whose parcels have a version that no envelope can carry. */
#include "bad_plugin.h"

const struct cs_plugin cs_plugin = {BAD_PLUGIN, .name = "bad_parcel_version", .parcel_version = 256};
