/* SPDX-License-Identifier: MIT
 * A follower: it writes each entry that it is told of into a file, a line each: its conversation, seq, kind, sender,
 * receiver, bytes and whether it is an event. */
#define _POSIX_C_SOURCE 200809L
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <unistd.h>

#include <chatserverd/mailbox.h>
#include <chatserverd/plugin.h>

struct told_conf {
	int confirm;
	const char *file;
};

struct told {
	const struct cs_mailbox *mailbox;
	void *mailbox_context;
	struct told_conf conf;
};

static const char told_name[] = "told";

static void told_of(void *arg, const struct cs_mailbox_followed *entry)
{
	const struct told *t = arg;
	const int fd = open(t->conf.file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	char line[200];

	if (fd == -1 || entry->size < 2 || entry->frame[0] != '{' || entry->frame[entry->size - 1] != '}')
		abort();
	(void)snprintf(line, sizeof line, "%llu %llu %d %llu %llu %zu %u\n", (unsigned long long)entry->conversation,
	               (unsigned long long)entry->seq, (int)entry->kind, (unsigned long long)entry->sender,
	               (unsigned long long)entry->to, entry->size, entry->is_event);
	if (write(fd, line, strlen(line)) != (ssize_t)strlen(line))
		abort();
	(void)close(fd);
	if (t->conf.confirm)
		t->mailbox->followed(t->mailbox_context, told_name, entry->conversation, entry->seq);
}

static int told_start(const struct cs_host *host, struct cs_self *self, const void *conf, void **state_r,
                      struct cs_error *e)
{
	struct told *t = malloc(sizeof *t);
	const void *table = NULL;

	if (!t)
		abort();
	*t = (struct told){.conf = *(const struct told_conf *)conf};
	(void)host->service(self, CS_MAILBOX_SERVICE, CS_MAILBOX_VERSION, &table, &t->mailbox_context);
	t->mailbox = table;
	if (!CS_MAILBOX_HAS(t->mailbox, follow) ||
	    t->mailbox->follow(t->mailbox_context, "No name", told_of, t) != CS_EINVAL ||
	    t->mailbox->follow(t->mailbox_context, told_name, NULL, t) != CS_EINVAL ||
	    t->mailbox->follow(t->mailbox_context, told_name, told_of, t) != 0) {
		(void)snprintf(e->text, sizeof e->text, "cannot follow");
		free(t);
		return CS_EINVAL;
	}
	*state_r = t;
	return 0;
}

static void told_stop(void *state)
{
	struct told *t = state;

	t->mailbox->unfollow(t->mailbox_context, told_name, t);
	free(t);
}

static const struct cs_option told_options[] = {
	{"confirm", CS_OPTION_BOOL, offsetof(struct told_conf, confirm), 0, 0, "yes", NULL, 0,
         "whether entries are confirmed"},
	{"file", CS_OPTION_TEXT, offsetof(struct told_conf, file), 0, 4096, "", NULL, 0, "where entries are noted"},
	{0},
};
static const char *const told_needs[] = {CS_MAILBOX_SERVICE, NULL};

const struct cs_plugin cs_plugin = {
	CS_PLUGIN_HEAD,      .name = "told",          .version = "1",
	.needs = told_needs, .options = told_options, .conf_size = sizeof(struct told_conf),
	.start = told_start, .stop = told_stop,
};
