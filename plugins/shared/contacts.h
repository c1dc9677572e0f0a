/* SPDX-License-Identifier: MIT
 * The service of the plugin people, for plugins that remember what accounts say of each other. */
#ifndef PLUGINS_SHARED_CONTACTS_H
#define PLUGINS_SHARED_CONTACTS_H

#include <cstdint>
#include <string_view>

#include <chatserverd/plugin.h>

#define CONTACTS_SERVICE "contacts"
#define CONTACTS_SERVICE_VERSION 2u

/* Something has changed between two accounts: one lists or blocks the other, or does so no more. Called on the worker
 * of each session of one of them, after the commit: conn and account are the session, other is the other account; 0:
 * perhaps something with any other account has changed. */
typedef void contacts_changed_fn(void *arg, cs_conn conn, cs_account account, cs_account other);

struct contacts_service {
	/* Calls fn with arg from now on. To be called in start(). */
	void (*watch)(void *contacts, contacts_changed_fn *fn, void *arg);
	/* Calls fn with that arg no more. To be called in stop(), and never by fn. */
	void (*unwatch)(void *contacts, contacts_changed_fn *fn, void *arg);
};

/* The little-endian numbers of parcels. */
static inline void contacts_put_number(unsigned char *bytes, uint64_t number)
{
	for (unsigned i = 0; i < 8; i++)
		bytes[i] = static_cast<unsigned char>(number >> 8 * i);
}

static inline uint64_t contacts_number(const unsigned char *bytes)
{
	uint64_t number = 0;

	for (unsigned i = 8; i-- > 0;)
		number = number << 8 | bytes[i];
	return number;
}

/* The bit of a word in the `want` of a session; 0: no plugin gives it. */
static inline uint64_t contacts_want_bit(const struct cs_host *host, struct cs_self *self, std::string_view word)
{
	const char *const *words = host->want_words(self);
	unsigned i = 0;

	while (words[i] && words[i] != word)
		i++;
	return words[i] ? UINT64_C(1) << i : 0;
}

#endif
