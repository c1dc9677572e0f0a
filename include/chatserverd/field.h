/* SPDX-License-Identifier: MIT
 * Reads the fields of a request, and refuses the request if one is missing or wrong. Worker thread of the instance.
 *
 *   int64_t id;
 *   const char *text;
 *   size_t size;
 *
 *   if (cs_field_integer(host, self, frame, "toid", CS_FIELD_REQUIRED, 1, &id) != 0 ||
 *       cs_field_text(host, self, frame, "text", CS_FIELD_REQUIRED, &text, &size) != 0)
 *           return CS_REJECT;
 */
#ifndef CHATSERVERD_FIELD_H
#define CHATSERVERD_FIELD_H

#include <chatserverd/plugin.h>

enum cs_field_need { CS_FIELD_REQUIRED, CS_FIELD_OPTIONAL };

/* Each reader returns 0, or CS_REJECT after it has refused the request with BAD_FRAME and an errmsg that names the
 * field. If an optional field is absent, *_r is not changed. */

/* For readers: found is the result of a get_... function of the host. */
static inline int cs_field_judge(const struct cs_host *host, struct cs_self *self, const struct cs_frame *frame,
                                 const char *key, enum cs_field_need need, int found, const char *must_be)
{
	if (found == 0 || (found == CS_ENOENT && need == CS_FIELD_OPTIONAL))
		return 0;
	if (found == CS_ENOENT)
		return host->refuse(self, frame->conn, &frame->request, CS_ERRNO_BAD_FRAME, "%s is missing", key);
	return host->refuse(self, frame->conn, &frame->request, CS_ERRNO_BAD_FRAME, "%s must be %s", key, must_be);
}

/* An integer from min (0 or 1) to CS_INTEGER_MAX. */
static inline int cs_field_integer(const struct cs_host *host, struct cs_self *self, const struct cs_frame *frame,
                                   const char *key, enum cs_field_need need, int64_t min, int64_t *value_r)
{
	return cs_field_judge(host, self, frame, key, need, host->get_integer(frame, key, min, CS_INTEGER_MAX, value_r),
	                      min > 0 ? "an integer from 1 to 9007199254740991"
	                              : "an integer from 0 to 9007199254740991");
}

/* The text is NUL-terminated and lives as long as the frame. */
static inline int cs_field_text(const struct cs_host *host, struct cs_self *self, const struct cs_frame *frame,
                                const char *key, enum cs_field_need need, const char **text_r, size_t *size_r)
{
	return cs_field_judge(host, self, frame, key, need, host->get_text(frame, key, text_r, size_r), "a text");
}

/* true is 1, false is 0. */
static inline int cs_field_flag(const struct cs_host *host, struct cs_self *self, const struct cs_frame *frame,
                                const char *key, enum cs_field_need need, int *flag_r)
{
	return cs_field_judge(host, self, frame, key, need, host->get_flag(frame, key, flag_r), "true or false");
}

/* Counts the characters (code points, not bytes) of a valid UTF-8 text: all bytes except 10xxxxxx. */
static inline size_t cs_text_characters(const char *text, size_t size)
{
	size_t count = 0;

	for (size_t i = 0; i < size; i++)
		count += ((unsigned char)text[i] & 0xc0) != 0x80;
	return count;
}

#endif
