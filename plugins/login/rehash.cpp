/* SPDX-License-Identifier: MIT
 * Hashes a stored password again in the background, at the configured cost. */
#include "rehash.h"

#include <memory>

#include "../model/users.h"

struct rehash {
	explicit rehash(std::string_view text) : clear(text) {}

	uint64_t account = 0;
	std::string was;
	password_clear clear;
	password_cost cost;
	password_hash hash = {};
};

static int login_rehash_store(cs_db *db, void *arg)
{
	const rehash *r = static_cast<rehash *>(arg);

	return user_set_hash(db, r->account, r->was, r->hash.data());
}

static void login_rehash_stored(void *state, cs_conn, int result, void *arg)
{
	const std::unique_ptr<rehash> r(static_cast<rehash *>(arg));
	const plugin_context &context = static_cast<login_plugin *>(state)->context;

	if (result == 0)
		context.host->log(context.self, CS_LOG_INFO, "password hashed anew account=%llu",
		                  static_cast<unsigned long long>(r->account));
}

static int login_rehash_make(cs_db *, void *arg)
{
	rehash *r = static_cast<rehash *>(arg);

	return password_make(r->clear.bytes, r->cost, &r->hash);
}

static void login_rehash_made(void *state, cs_conn, int result, void *arg)
{
	std::unique_ptr<rehash> r(static_cast<rehash *>(arg));
	const plugin_context &context = static_cast<login_plugin *>(state)->context;

	if (result == 0 &&
	    context.host->work(context.self, 0, CS_WORK_WRITE, login_rehash_store, login_rehash_stored, r.get()) == 0)
		(void)r.release(); /* the completion owns it now */
}

void rehash_begin(const login_plugin *plugin, uint64_t account, std::string_view was, std::string_view clear)
{
	const plugin_context &context = plugin->context;
	auto r = std::make_unique<rehash>(clear);

	r->account = account;
	r->was = was;
	r->cost = login_cost(plugin);
	if (context.host->work(context.self, 0, CS_WORK_HASH, login_rehash_make, login_rehash_made, r.get()) == 0)
		(void)r.release(); /* the completion owns it now */
}
