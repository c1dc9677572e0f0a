/* SPDX-License-Identifier: MIT
 * Owners of resources: their destructors free them. For core and tools; not installed. */
#ifndef BASE_RAII_H
#define BASE_RAII_H

#include <memory>
#include <unistd.h>
#include <utility>

#include <event2/event.h>

template <auto Function> struct function_deleter {
	template <class T> void operator()(T *pointer) const
	{
		(void)Function(pointer);
	}
};

using event_base_ptr = std::unique_ptr<event_base, function_deleter<event_base_free>>;
using event_ptr = std::unique_ptr<event, function_deleter<event_free>>;

/* A file descriptor that closes itself; -1: none. */
struct unique_fd {
	int fd = -1;

	unique_fd() = default;
	explicit unique_fd(int value) : fd(value) {}
	unique_fd(unique_fd &&other) noexcept : fd(std::exchange(other.fd, -1)) {}
	unique_fd &operator=(unique_fd &&other) noexcept
	{
		if (this != &other)
			reset(std::exchange(other.fd, -1));
		return *this;
	}
	~unique_fd()
	{
		reset(-1);
	}
	void reset(int value)
	{
		if (fd != -1)
			(void)::close(fd);
		fd = value;
	}
};

#endif
