/* SPDX-License-Identifier: MIT
 * Parcels for tests: made of texts, and read as one text. */
#ifndef TESTS_SUPPORT_PARCEL_H
#define TESTS_SUPPORT_PARCEL_H

#include <string>
#include <string_view>

#include "core/base/shared.h"

/* A parcel with this body and head; valid while it lives. */
struct text_parcel {
	cs_shared *body;
	cs_parcel parcel;

	explicit text_parcel(std::string_view text, std::string_view head = {})
	    : body(shared_make(text.data(), text.size())), parcel{head.data(), head.size(), body}
	{
	}
	~text_parcel()
	{
		shared_drop(body);
	}
	text_parcel(const text_parcel &) = delete;
	text_parcel &operator=(const text_parcel &) = delete;
};

/* The head and the body behind it. */
static inline std::string parcel_text(const cs_parcel *parcel)
{
	std::string text(static_cast<const char *>(parcel->head), parcel->head_size);

	return parcel->body ? text.append(parcel->body->bytes, parcel->body->size) : text;
}

#endif
