/* SPDX-License-Identifier: MIT
 * The keys of tokens, as an instance knows them, and the tokens made and proved with them. Worker thread. */
#ifndef LOGIN_SECRETS_H
#define LOGIN_SECRETS_H

#include "../shared/token.h"
#include "login.h"
#include <base/wipe.h>

/* Whether there is a key to make tokens with, which is not older than a year. */
[[nodiscard]] bool secrets_are_current(const login_plugin *plugin);

/* The completion of secrets_fetch: result 0, or as that of work. arg belongs to the caller. */
typedef void secrets_done_fn(login_plugin *plugin, cs_conn conn, int result, void *arg);
/* Reads the keys from the store; with `renews` also makes one where a new one is due. 0, or the result of work: then
 * the completion is not called. */
[[nodiscard]] int secrets_fetch(const login_plugin *plugin, cs_conn conn, bool renews, secrets_done_fn *done,
                                void *arg);

enum secrets_verdict {
	SECRETS_PROVED,
	SECRETS_WRONG, /* no token, or one that its key did not make */
	SECRETS_OTHER_STORE, /* another store made it, or this one before it was restored; if anybody did */
	SECRETS_NO_KEY /* its key is not known here: perhaps another node has made it */
};

/* Says nothing of the token's account, device, series and end. */
[[nodiscard]] secrets_verdict secrets_judge(const login_plugin *plugin, std::string_view text, token *token_r);

/* A new token, which ends after login.token_life; "" if there is no key. */
[[nodiscard]] wiped_text secrets_make_token(const login_plugin *plugin, uint64_t account, uint64_t device,
                                            uint64_t series);

#endif
