/* SPDX-License-Identifier: MIT
 * The fixture of the handlers' tests: a fake host with a database, a fake mailbox, people. */
#ifndef TESTS_SUPPORT_HANDLER_FIXTURE_H
#define TESTS_SUPPORT_HANDLER_FIXTURE_H

#include <cstdint>
#include <string>

#include "fake_host.h"
#include "fake_mailbox.h"

struct handler_fixture {
	fake_mailbox mailbox;
	fake_host_ptr host; /* after the mailbox: it is closed first */
	fake_self *plugin = nullptr;
};

/* CMocka's setup and teardown: *state becomes a handler_fixture with a host, a database and a mailbox, and
 * passwords at the lowest cost. Nothing is loaded yet. */
int handler_fixture_setup(void **state);
int handler_fixture_teardown(void **state);
handler_fixture *handler_fixture_of(void **state);
/* As of(), with that plugin loaded. */
handler_fixture *handler_fixture_load(void **state, const char *plugin);

/* A new account, straight in the database; its id. */
uint64_t fixture_account(handler_fixture *f, const char *name);
/* A new account and a connection on which it is logged in. */
cs_conn fixture_session(handler_fixture *f, const char *name, uint64_t *id_r = nullptr);

/* With the login plugin loaded: an account with the password "123456", made by REGISTER; its id. */
uint64_t fixture_registered(handler_fixture *f, const char *name);
/* {"msgid":1,"id":ID,"password":"PASSWORD"MORE} */
std::string fixture_login(uint64_t id, const char *password, const char *more = "");

/* Gives the frame to its handler, runs everything, and returns what the connection got for it: its only new
 * frame, "" for none. More than one fails the test. */
std::string fixture_ask(handler_fixture *f, cs_conn conn, const std::string &frame);
/* The refusal that a request without req gets: {"msgid":100,"of":M,"errno":E,"errmsg":"TEXT"} */
std::string fixture_refusal(int of, int wire_errno, const char *text);
/* Fails the test unless the connection, at rest, takes its next request. */
void fixture_expect_idle(handler_fixture *f, cs_conn conn);

#endif
