/* SPDX-License-Identifier: MIT
 * The verb import: reads a file of lines into the store. */
#ifndef CHATCTL_IMPORT_H
#define CHATCTL_IMPORT_H

#include "verbs.h"

/* request has `file`. */
[[nodiscard]] enum chatctl_status chatctl_run_import(const struct chatctl_options *options, struct chatctl_wire *w,
                                                     cJSON *request);

#endif
