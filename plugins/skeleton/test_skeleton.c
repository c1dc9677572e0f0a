/* SPDX-License-Identifier: MIT
 * Tests the plugin without a server: a fake server loads it, gives it frames and records its answers. */
#include <stdio.h>
#include <string.h>

#include <chatserverd/fake_host.h>

static int failures;

static void expect(const char *promise, const char *got, const char *wanted)
{
	if (strcmp(got, wanted) == 0)
		return;
	printf("%s:\n  got    %s\n  wanted %s\n", promise, got, wanted);
	failures++;
}

int main(void)
{
	struct cs_fake_host *host = cs_fake_host_open();
	struct cs_error e = {""};

	cs_fake_host_set(host, "skeleton.most", "3");
	if (cs_fake_host_load(host, "./skeleton.so", &e) != 0) {
		printf("it does not start: %s\n", e.text);
		return 1;
	}
	cs_conn conn = cs_fake_host_connect(host, 0, "");

	cs_fake_host_frame(host, conn, "{\"msgid\":1000,\"req\":1,\"text\":\"hello\"}");
	expect("a text comes back in capitals", cs_fake_host_last(host, conn),
	       "{\"msgid\":100,\"of\":1000,\"req\":1,\"errno\":0,\"text\":\"HELLO\"}");
	cs_fake_host_frame(host, conn, "{\"msgid\":1000}");
	expect("a frame without a text is refused", cs_fake_host_last(host, conn),
	       "{\"msgid\":100,\"of\":1000,\"errno\":4,\"errmsg\":\"text is missing\"}");
	for (int i = 0; i < 2; i++)
		cs_fake_host_frame(host, conn, "{\"msgid\":1000,\"text\":\"hello\"}");
	expect("too many requests are refused", cs_fake_host_last(host, conn),
	       "{\"msgid\":100,\"of\":1000,\"errno\":10,\"errmsg\":\"too many; try again later\"}");
	cs_fake_host_fire(host);
	cs_fake_host_frame(host, conn, "{\"msgid\":1000,\"req\":2,\"text\":\"a\"}");
	expect("and taken again when the timer has fired", cs_fake_host_last(host, conn),
	       "{\"msgid\":100,\"of\":1000,\"req\":2,\"errno\":0,\"text\":\"A\"}");
	cs_fake_host_close(host);
	return failures != 0;
}
