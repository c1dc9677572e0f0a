/* SPDX-License-Identifier: MIT
 * Owns how the shipped handlers read a request's fields and refuse those that are missing or wrong. It must
 * not know any msgid. */
#include "field.h"

/* 0, or CS_REJECT after refusing. found is what a get_... function answered. */
static int field_judge(const plugin_context &context, const cs_frame *frame, const char *key, field_need need,
                       int found, const char *must_be)
{
	if (found == 0 || (found == CS_ENOENT && need == FIELD_OPTIONAL))
		return 0;
	if (found == CS_ENOENT)
		return context.host->refuse(context.self, frame->conn, &frame->request, CS_ERRNO_BAD_FRAME,
		                            "%s is missing", key);
	return context.host->refuse(context.self, frame->conn, &frame->request, CS_ERRNO_BAD_FRAME,
	                            "%s must be %s", key, must_be);
}

int field_integer(const plugin_context &context, const cs_frame *frame, const char *key, field_need need,
                  int64_t min, int64_t *value_r)
{
	const int found = context.host->get_integer(frame, key, min, CS_INTEGER_MAX, value_r);

	return field_judge(context, frame, key, need, found,
	                   min > 0 ? "an integer from 1 to 9007199254740991"
	                           : "an integer from 0 to 9007199254740991");
}

int field_text(const plugin_context &context, const cs_frame *frame, const char *key, field_need need,
               std::string_view *text_r)
{
	const char *text = nullptr;
	size_t size = 0;
	const int found = context.host->get_text(frame, key, &text, &size);

	if (found == 0)
		*text_r = std::string_view(text, size);
	return field_judge(context, frame, key, need, found, "a text");
}

int field_flag(const plugin_context &context, const cs_frame *frame, const char *key, field_need need,
               int *flag_r)
{
	const int found = context.host->get_flag(frame, key, flag_r);

	return field_judge(context, frame, key, need, found, "true or false");
}

size_t text_characters(std::string_view text)
{
	size_t count = 0;

	for (const char c : text) /* a code point's other bytes are 10xxxxxx */
		count += (static_cast<unsigned char>(c) & 0xc0) != 0x80;
	return count;
}
