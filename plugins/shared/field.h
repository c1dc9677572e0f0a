/* SPDX-License-Identifier: MIT
 * <chatserverd/field.h> for the plugins of this tree: with std::string_view, and with host and self in one. */
#ifndef PLUGINS_SHARED_FIELD_H
#define PLUGINS_SHARED_FIELD_H

#include <cstddef>
#include <cstdint>
#include <string_view>

#include <chatserverd/field.h>
#include <chatserverd/plugin.h>

/* host and self, which every call to the server needs. One per instance. */
struct plugin_context {
	const struct cs_host *host = nullptr;
	struct cs_self *self = nullptr;
};

inline constexpr cs_field_need FIELD_REQUIRED = CS_FIELD_REQUIRED;
inline constexpr cs_field_need FIELD_OPTIONAL = CS_FIELD_OPTIONAL;

[[nodiscard]] static inline int field_integer(const plugin_context &context, const cs_frame *frame, const char *key,
                                              cs_field_need need, int64_t min, int64_t *value_r)
{
	return cs_field_integer(context.host, context.self, frame, key, need, min, value_r);
}

[[nodiscard]] static inline int field_text(const plugin_context &context, const cs_frame *frame, const char *key,
                                           cs_field_need need, std::string_view *text_r)
{
	const char *text = text_r->data();
	size_t size = text_r->size();
	const int result = cs_field_text(context.host, context.self, frame, key, need, &text, &size);

	*text_r = std::string_view(text, size);
	return result;
}

[[nodiscard]] static inline int field_flag(const plugin_context &context, const cs_frame *frame, const char *key,
                                           cs_field_need need, int *flag_r)
{
	return cs_field_flag(context.host, context.self, frame, key, need, flag_r);
}

[[nodiscard]] static inline size_t text_characters(std::string_view text)
{
	return cs_text_characters(text.data(), text.size());
}

#endif
