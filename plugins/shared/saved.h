/* SPDX-License-Identifier: MIT
 * The bytes that `save` of an instance gives to `restore` of the one that replaces it: numbers and texts. */
#ifndef PLUGINS_SHARED_SAVED_H
#define PLUGINS_SHARED_SAVED_H

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include <chatserverd/plugin.h>

static inline void saved_add(std::string *bytes, uint64_t number)
{
	bytes->append(reinterpret_cast<const char *>(&number), sizeof number);
}

static inline void saved_add_time(std::string *bytes, int64_t ms)
{
	saved_add(bytes, static_cast<uint64_t>(ms));
}

static inline void saved_add_text(std::string *bytes, std::string_view text)
{
	saved_add(bytes, text.size());
	bytes->append(text);
}

/* is_cut: more was taken than there was. Then all that is taken is 0 or "". */
struct saved_reader {
	std::string_view left;
	bool is_cut = false;

	explicit saved_reader(const struct cs_shared *saved) : left(saved->bytes, saved->size) {}
};

static inline std::string_view saved_take_bytes(saved_reader *r, uint64_t size)
{
	r->is_cut |= size > r->left.size();
	const std::string_view bytes = r->is_cut ? std::string_view() : r->left.substr(0, size);

	r->left.remove_prefix(bytes.size());
	return bytes;
}

static inline uint64_t saved_take(saved_reader *r)
{
	const std::string_view bytes = saved_take_bytes(r, sizeof(uint64_t));
	uint64_t number = 0;

	memcpy(&number, bytes.data() ? bytes.data() : "", bytes.size());
	return number;
}

static inline int64_t saved_take_time(saved_reader *r)
{
	return static_cast<int64_t>(saved_take(r));
}

static inline std::string_view saved_take_text(saved_reader *r)
{
	return saved_take_bytes(r, saved_take(r));
}

/* How many follow, each of which takes at least one number: never more than there can be. */
static inline uint64_t saved_take_count(saved_reader *r)
{
	const uint64_t count = saved_take(r);

	r->is_cut |= count > r->left.size() / sizeof(uint64_t);
	return r->is_cut ? 0 : count;
}

/* All was taken, and no more. */
static inline bool saved_is_whole(const saved_reader &r)
{
	return !r.is_cut && r.left.empty();
}

#endif
