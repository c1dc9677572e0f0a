/* SPDX-License-Identifier: MIT
 * Overwrites memory that may hold passwords before it is used for something else. For core, plugins and tools; not
 * installed. */
#ifndef BASE_WIPE_H
#define BASE_WIPE_H

#include <cstddef>
#include <cstring>
#include <memory>
#include <string>

/* Also if the compiler sees that nobody reads the bytes again. */
static inline void wipe_bytes(void *bytes, size_t size)
{
	explicit_bzero(bytes, size);
}

/* An allocator that wipes what it frees, also when a container grows. */
template <class T> struct wipe_allocator {
	using value_type = T;

	wipe_allocator() = default;
	template <class U> wipe_allocator(const wipe_allocator<U> &) noexcept {}
	T *allocate(size_t count)
	{
		return std::allocator<T>().allocate(count);
	}
	void deallocate(T *memory, size_t count)
	{
		wipe_bytes(memory, count * sizeof(T));
		std::allocator<T>().deallocate(memory, count);
	}
	template <class U> bool operator==(const wipe_allocator<U> &) const
	{
		return true;
	}
};

/* A text whose memory is wiped. A text of less than 16 bytes lies in the object itself and is not. */
using wiped_text = std::basic_string<char, std::char_traits<char>, wipe_allocator<char>>;

#endif
