/* SPDX-License-Identifier: MIT
 * Owns how the shipped handlers read a request's fields and refuse those that are missing or wrong. It must
 * not know any msgid. Worker thread of the instance. */
#ifndef PLUGINS_SHARED_FIELD_H
#define PLUGINS_SHARED_FIELD_H

#include <cstddef>
#include <cstdint>
#include <string_view>

#include <chatserverd/plugin.h>

/* What every call to the server needs; one per instance. */
struct plugin_context {
	const struct cs_host *host = nullptr;
	struct cs_self *self = nullptr;
};

enum field_need { FIELD_REQUIRED, FIELD_OPTIONAL };

/* Each answers 0, or CS_REJECT after the request was refused with BAD_FRAME and an errmsg that names the
 * field. An optional field that is absent leaves *_r alone. A text lives as long as the frame. */

/* An integer from min to CS_INTEGER_MAX. */
[[nodiscard]] int field_integer(const plugin_context &context, const cs_frame *frame, const char *key,
                                field_need need, int64_t min, int64_t *value_r);
[[nodiscard]] int field_text(const plugin_context &context, const cs_frame *frame, const char *key,
                             field_need need, std::string_view *text_r);
/* true is 1, false is 0. */
[[nodiscard]] int field_flag(const plugin_context &context, const cs_frame *frame, const char *key,
                             field_need need, int *flag_r);

/* Characters (code points, not bytes) of a valid UTF-8 text. */
[[nodiscard]] size_t text_characters(std::string_view text);

#endif
