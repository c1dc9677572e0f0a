/* SPDX-License-Identifier: MIT
 * The tokens that stand for passwords: one for each server, device and account, in a file that only its owner reads. */
#ifndef CHATCLIENT_TOKENS_H
#define CHATCLIENT_TOKENS_H

#include <cstdint>
#include <string>
#include <string_view>

struct tokens_entry {
	std::string server; /* address_key */
	std::string device;
	std::string name; /* of the account */
	int64_t id = 0;
	std::string token;
};

/* Of the account with that id; 0: of the account with that name. Empty: there is none. */
[[nodiscard]] std::string tokens_find(const std::string &server, const std::string &device, uint64_t id,
                                      const std::string &name);
/* In place of the one that was there. A client that cannot write it asks for the password the next time. */
void tokens_keep(const tokens_entry &fresh);
/* The one that is no good any more. Another that was kept meanwhile stays. */
void tokens_drop(const std::string &token);
/* All of a server. Their number; -1: the file cannot be changed. */
[[nodiscard]] int tokens_forget(const std::string &server);

#endif
