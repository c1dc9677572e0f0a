/* SPDX-License-Identifier: MIT
 * The parser of frames and the reading of their fields (FRAMES in chatserverd-protocol(7)). Any thread; one object by
 * one thread at a time. */
#ifndef CORE_FRAME_H
#define CORE_FRAME_H

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <chatserverd/plugin.h>

/* Limits of FRAMES in chatserverd-protocol(7). */
inline constexpr unsigned frame_most_depth = 32;
inline constexpr unsigned frame_most_values = 2048;

enum frame_type : uint8_t { FRAME_NULL, FRAME_FALSE, FRAME_TRUE, FRAME_NUMBER, FRAME_TEXT, FRAME_ARRAY, FRAME_OBJECT };

/* A member of the top-level object. Positions count from the frame's { on. */
struct frame_member {
	uint32_t key_at, key_size; /* without the quotes */
	uint32_t value_at, value_size; /* with quotes, brackets, braces */
	uint16_t key_decoded; /* 0; or, for a key with escapes, its number in decoded_keys, from 1 on */
	enum frame_type type;
	bool has_escapes; /* the value is a text with escapes */
};

/* A frame that is being read, or was read. Zero-initialised is the start; frame_reset makes it so again and keeps the
 * memory. It holds no bytes of the frame. */
struct frame_parser {
	const char *bytes = nullptr; /* during frame_parse only */
	uint32_t size = 0;

	uint32_t at = 0; /* the next byte to look at; in a whole frame: its size */
	uint32_t token_at = 0; /* where the current string, number or word begins */
	uint32_t text_at = 0, text_end = 0; /* the last string of the top level, with the closing quote; 0: none */
	uint64_t kinds = 0; /* a bit for each size and first byte of a key: most new keys need no comparison */
	uint32_t objects = 0; /* bit d: the container at depth d + 1 is an object */
	uint16_t values = 0;
	uint8_t depth = 0;
	uint8_t state = 0;
	uint8_t number = 0; /* which part of a number was read last */
	uint8_t field = 0; /* whose value is read: that of msgid, of req or of another key */
	bool is_key = false; /* the string is a key */
	bool has_escapes = false; /* the string has escapes */

	/* After a mistake the parser looks only for the frame's end, for msgid and for req. */
	bool in_text = false;
	uint32_t braces = 0; /* objects that are open */
	uint32_t level = 0; /* objects and arrays that are open */

	const char *fault = nullptr; /* why the frame is refused; null: it is not */
	uint32_t fault_at = 0;

	struct cs_request request = {.msgid = 0, .req = -1}; /* also of a refused frame, as far as it could be read */
	std::vector<struct frame_member> members;
	std::vector<std::string> decoded_keys;
};

enum frame_result {
	FRAME_MORE = 0, /* the frame is not whole yet */
	FRAME_COMPLETE = 1, /* the frame is complete: p->at bytes. frame_fault tells whether it is refused */
	FRAME_BAD_BEGIN = 2 /* its first byte cannot begin a frame: nothing more of this connection can be read */
};

/* How many blank bytes stand before the next frame. */
size_t frame_skip_blanks(const char *bytes, size_t size);

/* Goes on where the last call ended. bytes: all of the frame that has come, from its first byte on, and perhaps bytes
 * behind it; they may have moved since the last call. Each byte is looked at once, except those of an escape or a
 * character that the end of a call cuts. A malformed frame ends where its braces balance, or at a raw LF or NUL in a
 * string. size: less than 4 GiB. */
enum frame_result frame_parse(struct frame_parser *p, const char *bytes, size_t size);

/* For a whole frame: 0, or CS_EINVAL with the mistake and the number of its byte (from 0 on) in e. */
[[nodiscard]] int frame_fault(const struct frame_parser *p, struct cs_error *e);

void frame_reset(struct frame_parser *p);

/* Bytes of memory that a copy of the parser takes. */
size_t frame_parser_memory(const struct frame_parser *p);

struct frame_tree_deleter {
	void operator()(struct cJSON *tree) const;
};

struct frame_tree {
	const struct frame_member *member;
	std::unique_ptr<struct cJSON, frame_tree_deleter> root;
};

/* cs_frame.fields points to this. Texts and trees that were asked for live as long as it; texts are wiped then. */
struct frame_fields {
	const struct frame_parser *parser = nullptr; /* of the whole frame, which is not refused */

	/* A decoded text is stored at the offset that its value has in the frame: there is always room, because it is
	 * never longer than the value. */
	mutable std::unique_ptr<char[]> long_texts; /* of a frame that is longer than short_texts */
	mutable size_t texts_begin = SIZE_MAX, texts_end = 0; /* where texts were stored */
	mutable std::vector<struct frame_tree> trees;
	mutable char short_texts[1024];

	frame_fields() = default;
	~frame_fields();
	frame_fields(const frame_fields &) = delete;
	frame_fields &operator=(const frame_fields &) = delete;
};

/* Members of the top-level object; the contracts stand in plugin.h. */
int frame_get_integer(const struct cs_frame *f, const char *key, int64_t min, int64_t max, int64_t *value_r);
int frame_get_text(const struct cs_frame *f, const char *key, const char **text_r, size_t *size_r);
int frame_get_flag(const struct cs_frame *f, const char *key, int *value_r);
int frame_has(const struct cs_frame *f, const char *key);
int frame_get_tree(const struct cs_frame *f, const char *key, const struct cJSON **tree_r);

#endif
