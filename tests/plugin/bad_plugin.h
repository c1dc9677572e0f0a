/* SPDX-License-Identifier: MIT
 * The common part of the plugins that must be refused: an instance that starts and does nothing. Each plugin names
 * itself and then makes one mistake. */
#ifndef BAD_PLUGIN_H
#define BAD_PLUGIN_H

#include <chatserverd/plugin.h>

static inline int bad_start(const struct cs_host *host, struct cs_self *self, const void *conf, void **state_r,
                            struct cs_error *e)
{
	(void)host;
	(void)self;
	(void)conf;
	(void)e;
	*state_r = NULL;
	return 0;
}

static inline void bad_stop(void *state)
{
	(void)state;
}

static inline int bad_handler(void *state, const struct cs_frame *frame)
{
	(void)state;
	(void)frame;
	return CS_DONE;
}

#define BAD_PLUGIN_HEAD CS_PLUGIN_HEAD, .version = "1", .stop = bad_stop
#define BAD_PLUGIN BAD_PLUGIN_HEAD, .start = bad_start

#endif
