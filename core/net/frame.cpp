/* SPDX-License-Identifier: MIT
 * Owns finding a frame's end and reading its fields. It must not know the grammar in between (frame_check). */
#include "core/net/frame.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "core/base/log.h"

/* Bytes between frames. */
static bool frame_is_blank(char c)
{
	return c == '\0' || c == '\n' || c == '\r' || c == ' ' || c == '\t';
}

static bool frame_ends_text(char c)
{
	return c == '"' || c == '\\' || c == '\n' || c == '\0';
}

/* The first byte from at on that ends plain text, or size. */
static size_t frame_skip_text(const char *bytes, size_t at, size_t size)
{
#if defined(__SSE2__)
	const __m128i quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\');
	const __m128i line_end = _mm_set1_epi8('\n'), nul = _mm_setzero_si128();

	for (; at + 16 <= size; at += 16) {
		const __m128i part = _mm_loadu_si128(reinterpret_cast<const __m128i *>(bytes + at));
		const __m128i ends =
			_mm_or_si128(_mm_cmpeq_epi8(part, quote), _mm_cmpeq_epi8(part, backslash));
		const __m128i breaks =
			_mm_or_si128(_mm_cmpeq_epi8(part, line_end), _mm_cmpeq_epi8(part, nul));
		const int found = _mm_movemask_epi8(_mm_or_si128(ends, breaks));

		if (found != 0)
			return at + static_cast<size_t>(__builtin_ctz(static_cast<unsigned>(found)));
	}
#endif
	while (at < size && !frame_ends_text(bytes[at]))
		at++;
	return at;
}

/* Goes on inside a string; returns where the scan stands afterwards. A raw LF or NUL ends the whole frame, which no
 * check accepts then: a forgotten quote costs one line and not what follows. */
static size_t frame_scan_string(struct frame_scanner *s, const char *bytes, size_t at, size_t size)
{
	while (at < size) {
		if (!s->escaped && (at = frame_skip_text(bytes, at, size)) == size)
			break;
		const char c = bytes[at++];

		if (c == '\n' || c == '\0') {
			*s = {};
			break;
		}
		if (c == '"' && !s->escaped) {
			s->in_string = false;
			break;
		}
		s->escaped = c == '\\' && !s->escaped;
	}
	return at;
}

static enum frame_scan_result frame_scan_rest(struct frame_scanner *s, const char *bytes, size_t at,
                                              size_t size, size_t *used_r)
{
	while (at < size) {
		if (s->in_string) {
			at = frame_scan_string(s, bytes, at, size);
		} else {
			const char c = bytes[at++];

			if (c == '"')
				s->in_string = true;
			else if (c == '{')
				s->depth++;
			else if (c == '}')
				s->depth--;
		}
		if (s->depth == 0) {
			*used_r = at;
			return FRAME_COMPLETE;
		}
	}
	*used_r = size;
	return FRAME_MORE;
}

enum frame_scan_result frame_scan(struct frame_scanner *s, const char *bytes, size_t size, size_t *begin_r,
                                  size_t *used_r)
{
	size_t at = 0;

	*begin_r = 0;
	if (s->depth == 0) {
		while (at < size && frame_is_blank(bytes[at]))
			at++;
		*used_r = at;
		if (at == size)
			return FRAME_NOT_BEGUN;
		if (bytes[at] != '{')
			return FRAME_BAD_BEGIN;
		*begin_r = at++;
		s->depth = 1;
	}
	return frame_scan_rest(s, bytes, at, size, used_r);
}

int frame_parse(std::string_view bytes, cjson_ptr *fields_r, struct cs_request *request_r, struct cs_error *e)
{
	const int result = frame_check(bytes, request_r, e);
	const char *end = nullptr;

	if (result != 0)
		return result;
	if (request_r->msgid == 0) {
		error_set(e, "msgid is missing");
		return CS_EINVAL;
	}
	fields_r->reset(cJSON_ParseWithLengthOpts(bytes.data(), bytes.size(), &end, 0));
	if (*fields_r == nullptr || end != bytes.data() + bytes.size()) {
		error_set(e, "cannot be parsed at byte %zu",
		          end == nullptr ? 0 : static_cast<size_t>(end - bytes.data()));
		return CS_EINVAL;
	}
	return 0;
}

static const cJSON *frame_find(const struct cs_frame *f, const char *key)
{
	const cJSON *item = static_cast<const cJSON *>(f->fields)->child;

	/* The library's look-up calls strcmp() for every member that it passes. */
	while (item != nullptr && (item->string[0] != key[0] || strcmp(item->string, key) != 0))
		item = item->next;
	return item;
}

int frame_get_integer(const struct cs_frame *f, const char *key, int64_t min, int64_t max, int64_t *value_r)
{
	const cJSON *item = frame_find(f, key);

	if (item == nullptr)
		return CS_ENOENT;
	min = std::max(min, -CS_INTEGER_MAX);
	max = std::min(max, CS_INTEGER_MAX);
	if (!cJSON_IsNumber(item) || !(item->valuedouble >= static_cast<double>(min)) ||
	    !(item->valuedouble <= static_cast<double>(max)) ||
	    std::trunc(item->valuedouble) != item->valuedouble)
		return CS_EINVAL;
	*value_r = static_cast<int64_t>(item->valuedouble);
	return 0;
}

int frame_get_text(const struct cs_frame *f, const char *key, const char **text_r, size_t *size_r)
{
	const cJSON *item = frame_find(f, key);

	if (item == nullptr)
		return CS_ENOENT;
	if (!cJSON_IsString(item))
		return CS_EINVAL;
	*text_r = item->valuestring;
	*size_r = strlen(item->valuestring);
	return 0;
}

int frame_get_flag(const struct cs_frame *f, const char *key, int *value_r)
{
	const cJSON *item = frame_find(f, key);

	if (item == nullptr)
		return CS_ENOENT;
	if (!cJSON_IsBool(item))
		return CS_EINVAL;
	*value_r = cJSON_IsTrue(item) ? 1 : 0;
	return 0;
}

int frame_has(const struct cs_frame *f, const char *key)
{
	return frame_find(f, key) != nullptr ? 1 : 0;
}
