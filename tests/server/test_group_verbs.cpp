/* SPDX-License-Identifier: MIT
 * Tests the verbs of operators about groups with a real server: what is shown, and that members hear of what an operator
 * does to their group; and the purge of what is old. */
#include <cstring>
#include <string>
#include <vector>

#include <cjson/cJSON.h>

#include <chatserverd/msgid.h>

#include "tests/support/check.h"
#include "tests/support/client.h"
#include "tests/support/operator.h"
#include "tests/support/process.h"
#include "tests/support/server.h"

using wide = long long;

static int set_up(void **state)
{
	test_server *s = test_server_new();

	operator_allow(s);
	*state = s;
	test_server_start(s);
	return 0;
}

/* A member with events. */
static test_client *enter(test_server *s, const char *name)
{
	test_client *c = client_open(s);
	const int64_t id = client_register(c, name);

	client_sendf(c, R"({"msgid":1,"id":%lld,"password":"secret 1","want":["event"],"req":9})", (wide)id);
	(void)c;
	return c;
}
