/* SPDX-License-Identifier: MIT
 * A person who is logged in at a terminal, and somebody who talks to this person. */
#ifndef TESTS_SUPPORT_SCENE_H
#define TESTS_SUPPORT_SCENE_H

#include <cstdint>
#include <source_location>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/client.h"
#include "tests/support/server.h"
#include "tests/support/terminal.h"

struct scene {
	terminal t;
	test_client *other = nullptr;
	std::string name, prompt; /* of who is at the terminal */
	int64_t id = 0;
};

/* Waits for the question before the cursor, and enters the line. */
void terminal_answer(terminal *t, std::string_view question, std::string_view line,
                     std::source_location at = std::source_location::current());
/* From the menu on. offered: what the question for it has in brackets; empty: nothing. */
void terminal_log_in(terminal *t, int64_t id, std::string_view offered = "",
                     std::source_location at = std::source_location::current());
/* From the menu on, as the account that is offered, by the login that is kept: no password is asked for. */
void terminal_log_in_again(terminal *t, const std::string &name,
                           std::source_location at = std::source_location::current());

/* Two new accounts, both logged in; the prompt is there. environment: NAME=value, added. */
void scene_begin(scene *sc, test_server *s, std::string_view stem = "ann", size_t columns = 80,
                 const std::vector<std::string> &environment = {},
                 std::source_location at = std::source_location::current());
/* The screen had nothing on it that tests do not know, and the client ends well. */
void scene_end(scene *sc, std::source_location at = std::source_location::current());
/* All rows one behind the other, as what is typed goes on in the next row. */
std::string scene_joined(const scene *sc);
/* Waits until the last thing that is seen is that message, and the prompt with what was typed below it, both
 * once. */
void scene_expect_above(scene *sc, std::string_view message, const std::string &typed,
                        std::source_location at = std::source_location::current());

#endif
