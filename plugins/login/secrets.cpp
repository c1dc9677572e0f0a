/* SPDX-License-Identifier: MIT
 * The keys of tokens, as an instance knows them, and the tokens made and proved with them. */
#include "secrets.h"

#include <algorithm>
#include <memory>

#include <sodium.h>

bool secrets_are_current(const login_plugin *plugin)
{
	const std::vector<token_key_row> &keys = plugin->keys;

	return !keys.empty() && keys.front().created >= plugin->context.host->now() - token_key_life;
}

/* ---- reading and making keys */

static void secrets_wipe(std::string *bytes)
{
	sodium_memzero(bytes->data(), bytes->size());
}

struct secrets_fetching {
	~secrets_fetching()
	{
		secrets_wipe(&fresh);
	}

	std::string fresh; /* the bytes of a new key */
	int64_t now = 0;
	token_secrets secrets;
	secrets_done_fn *done = nullptr;
	void *arg = nullptr;
};

static int secrets_read(cs_db *db, void *arg)
{
	secrets_fetching *f = static_cast<secrets_fetching *>(arg);

	return token_secrets_read(db, &f->secrets);
}

static int secrets_renew(cs_db *db, void *arg)
{
	secrets_fetching *f = static_cast<secrets_fetching *>(arg);

	return token_secrets_renew(db, f->fresh, f->now, f->now - token_key_life, f->now - token_former_life,
	                           &f->secrets);
}

static void secrets_fetched(void *state, cs_conn conn, int result, void *arg)
{
	const std::unique_ptr<secrets_fetching> f(static_cast<secrets_fetching *>(arg));
	login_plugin *p = static_cast<login_plugin *>(state);

	if (result == 0) {
		p->store = f->secrets.store;
		p->keys.swap(f->secrets.keys);
	}
	for (token_key_row &key : f->secrets.keys)
		secrets_wipe(&key.bytes);
	f->done(p, conn, result, f->arg);
}

int secrets_fetch(const login_plugin *plugin, cs_conn conn, bool renews, secrets_done_fn *done, void *arg)
{
	const plugin_context &c = plugin->context;
	auto f = std::make_unique<secrets_fetching>();

	f->fresh = token_make_key();
	f->now = c.host->now();
	f->done = done;
	f->arg = arg;
	const int result = c.host->work(c.self, conn, renews ? CS_WORK_WRITE : CS_WORK_READ,
	                                renews ? secrets_renew : secrets_read, secrets_fetched, f.get());
	if (result == 0)
		(void)f.release(); /* secrets_fetched frees it */
	return result;
}

/* ---- tokens */

secrets_verdict secrets_judge(const login_plugin *plugin, std::string_view text, token *token_r)
{
	const std::vector<token_key_row> &keys = plugin->keys;

	if (!token_read(text, token_r))
		return SECRETS_WRONG;
	if (token_r->store != token_store_mark(plugin->store))
		return SECRETS_OTHER_STORE;
	const auto key = std::find_if(keys.begin(), keys.end(),
	                              [token_r](const token_key_row &row) { return row.number == token_r->key; });
	if (key == keys.end())
		return SECRETS_NO_KEY;
	return token_is_proved(text, key->bytes, plugin->store) ? SECRETS_PROVED : SECRETS_WRONG;
}

wiped_text secrets_make_token(const login_plugin *plugin, uint64_t account, uint64_t device, uint64_t series)
{
	if (plugin->keys.empty())
		return "";
	const token_key_row &key = plugin->keys.front();
	const token t = {key.number, account, device, series, plugin->context.host->now() + plugin->conf->token_life};

	return token_write(t, key.bytes, plugin->store);
}
