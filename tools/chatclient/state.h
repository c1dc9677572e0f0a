/* SPDX-License-Identifier: MIT
 * What the client remembers between two runs: the name of this device, and the server and account that were used
 * last. */
#ifndef CHATCLIENT_STATE_H
#define CHATCLIENT_STATE_H

#include <string>
#include <string_view>

#include "address.h"
#include <base/raii.h>

struct state_last {
	address to;
	std::string account; /* a name, or a number */
	std::string ca; /* --ca */
};

/* The name of this device: the same in each run. Two clients that run at the same time have different ones: each holds
 * its own by *held_r. Empty: there is no folder to keep it in. */
[[nodiscard]] std::string state_device(unique_fd *held_r);
/* What state_keep kept; empty where there is nothing. */
[[nodiscard]] state_last state_read(void);
/* A client that cannot write it works without. */
void state_keep(const state_last &last);

/* For tokens.cpp. The folder of what is remembered, which is made if it is missing; without its last slash. Empty:
 * there is none. */
[[nodiscard]] std::string state_folder(void);
/* Writes a file that only its owner reads, whole or not at all. */
bool state_write(const std::string &path, std::string_view text);

#endif
