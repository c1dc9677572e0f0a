/* SPDX-License-Identifier: MIT
 * An example of a hook: refuses messages with a word that is listed in an option, whichever plugin handles them.
 *
 *   [wordfilter]
 *   words = teapot kettle
 *
 *   > {"msgid":6,"id":1,"toid":2,"msg":"Where is my TEAPOT?","req":1}
 *   < {"msgid":100,"of":6,"req":1,"errno":8,"errmsg":"please mind your words"}
 *
 * Like the skeleton it is plain C that is also C++20. It finds only whole words, and takes small and capital ASCII
 * letters as equal. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <chatserverd/plugin.h>

struct wordfilter_conf {
	const char *words;
};

struct wordfilter {
	const struct cs_host *host;
	struct cs_self *self;
	const struct wordfilter_conf *conf;
};

/* Bytes above 127 are parts of letters, so a word does not end there. */
static size_t wordfilter_length(const char *text)
{
	size_t n = 0;

	while ((unsigned char)text[n] >= 0x80 || (text[n] != '\0' && !strchr(" ,.;:!?'\"()[]{}-_/\t\n\r", text[n])))
		n++;
	return n;
}

static int wordfilter_is_listed(const char *words, const char *word, size_t size)
{
	for (size_t n; *words != '\0'; words += n == 0 ? 1 : n) {
		n = wordfilter_length(words);
		if (n == size && strncasecmp(words, word, size) == 0)
			return 1;
	}
	return 0;
}

static int wordfilter_before(void *state, const struct cs_frame *frame)
{
	const struct wordfilter *w = (const struct wordfilter *)state;
	const char *text = "";
	size_t size, n;

	if (*w->conf->words == '\0' || w->host->get_text(frame, "msg", &text, &size) != 0)
		return CS_PASS; /* no words or no text; if the frame is bad, the handler refuses it */
	for (; *text != '\0'; text += n == 0 ? 1 : n) {
		n = wordfilter_length(text);
		if (n > 0 && wordfilter_is_listed(w->conf->words, text, n))
			return w->host->refuse(w->self, frame->conn, &frame->request, CS_ERRNO_NOT_ALLOWED,
			                       "please mind your words");
	}
	return CS_PASS;
}

static int wordfilter_start(const struct cs_host *host, struct cs_self *self, const void *conf, void **state_r,
                            struct cs_error *e)
{
	struct wordfilter *w = (struct wordfilter *)calloc(1, sizeof *w);

	(void)e;
	if (!w)
		abort();
	w->host = host;
	w->self = self;
	w->conf = (const struct wordfilter_conf *)conf;
	*state_r = w;
	return 0;
}

static int wordfilter_reload(void *state, const void *conf, int commit, struct cs_error *e)
{
	(void)e;
	if (commit)
		((struct wordfilter *)state)->conf = (const struct wordfilter_conf *)conf;
	return 0;
}

static void wordfilter_stop(void *state)
{
	free(state);
}

static const struct cs_hook wordfilter_hooks[] = {
	{CS_MSGID_CHAT, 0, wordfilter_before, 0},
	{CS_MSGID_GROUP_CHAT, 0, wordfilter_before, 0},
	{CS_MSGID_EDIT, 0, wordfilter_before, 0},
	{0, 0, NULL, 0},
};

static const struct cs_option wordfilter_options[] = {
	{"words", CS_OPTION_TEXT, offsetof(struct wordfilter_conf, words), 0, 4096, "", NULL, 1,
         "words that no message may have, with blanks between"},
	{NULL, CS_OPTION_BOOL, 0, 0, 0, NULL, NULL, 0, NULL},
};

const struct cs_plugin cs_plugin = {
	CS_PLUGIN_HEAD,
	.name = "wordfilter",
	.version = "1",
	.options = wordfilter_options,
	.hooks = wordfilter_hooks,
	.conf_size = sizeof(struct wordfilter_conf),
	.start = wordfilter_start,
	.reload = wordfilter_reload,
	.stop = wordfilter_stop,
};
