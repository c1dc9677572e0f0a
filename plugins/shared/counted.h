/* SPDX-License-Identifier: MIT
 * Counts what an instance has handed to a service and not got back: while this is a member of such an object and the
 * object lives, it counts. For `busy` of plugin.h. */
#ifndef PLUGINS_SHARED_COUNTED_H
#define PLUGINS_SHARED_COUNTED_H

#include <cstddef>

struct counted {
	size_t *count;

	explicit counted(size_t *of) : count(of)
	{
		++*count;
	}
	~counted()
	{
		--*count;
	}
	counted(const counted &) = delete;
	counted &operator=(const counted &) = delete;
};

#endif
