/* SPDX-License-Identifier: MIT
 * An operator of a test's server: a client on the socket of core.control. */
#ifndef TESTS_SUPPORT_OPERATOR_H
#define TESTS_SUPPORT_OPERATOR_H

#include <string>

#include "tests/support/client.h"

/* The path of the socket in the server's folder. */
std::string operator_path(const test_server *s);
/* Sets core.control to it, for the next start. */
void operator_allow(test_server *s);
/* Connects, plainly whatever the server's transport is. It is closed with the server's clients. */
test_client *operator_open(test_server *s, test_at at = test_at::current());
/* Lets the server also load the test plugin of that name, from the next start on. */
void operator_load_plugin(test_server *s, const char *name);

#endif
