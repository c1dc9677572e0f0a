/* SPDX-License-Identifier: MIT
 * What the sources of the fake host share. Tests must not include it. */
#ifndef TESTS_SUPPORT_FAKE_HOST_INTERNAL_H
#define TESTS_SUPPORT_FAKE_HOST_INTERNAL_H

#include <set>

#include <dlfcn.h>

#include "core/base/shared.h"
#include "fake_host.h"

struct library_close {
	void operator()(void *library) const
	{
		dlclose(library);
	}
};
typedef std::unique_ptr<void, library_close> library_ptr;

/* An instance. The plugin sees it as struct cs_self. */
struct fake_self {
	fake_host *host = nullptr;
	library_ptr library;
	const struct cs_plugin *plugin = nullptr;
	void *state = nullptr;
	unsigned worker = 0;
	bool stopping = false; /* guarded by the host's mutex */
	std::set<uint64_t> topics; /* subscribed; 0: to all */
	std::vector<char> conf;
	std::deque<std::string> texts; /* of the options; a deque never moves them */
};

enum fake_job_kind {
	FAKE_JOB_WORK,
	FAKE_JOB_BATCH,
	FAKE_JOB_CLAIM,
	FAKE_JOB_PRESENCE,
	FAKE_JOB_ROUTE,
	FAKE_JOB_DEFERRED
};

struct fake_shared_drop {
	void operator()(cs_shared *shared) const
	{
		shared_drop(shared);
	}
};
typedef std::unique_ptr<cs_shared, fake_shared_drop> fake_shared_ptr;

struct fake_job {
	fake_job_kind kind = FAKE_JOB_WORK;
	fake_self *self = nullptr; /* who asked; of a route: who gets it */
	cs_conn conn = 0;
	int forced = 0; /* the result of a fault; 0: none */
	cs_work_kind work = CS_WORK_READ;
	cs_work_fn *fn = nullptr;
	cs_done_fn *done = nullptr;
	void *arg = nullptr; /* work, claim, deferred; the item of a batch */
	const cs_batch *batch = nullptr;
	cs_account account = 0;
	unsigned flags = 0;
	uint64_t want = 0;
	std::string text; /* claim: the name; route: the head of the parcel */
	fake_shared_ptr body; /* route */
	std::vector<cs_account> accounts; /* presence */
	unsigned char *online = nullptr;
	fake_deferred_fn *deferred = nullptr;
};

/* Calls what the plugins' threads have posted; false: nothing. */
bool fake_posts_run(fake_host *host);
void fake_fail(const char *what, const char *detail);
void fake_table_fill(cs_host *table);
void fake_table_fill_frames(cs_host *table);
/* The connection, or nullptr when it has ended. */
fake_conn *fake_conn_open(fake_host *host, cs_conn conn);

static inline fake_self *self_of(cs_self *self)
{
	return reinterpret_cast<fake_self *>(self);
}

/* Gives the frame that a hook has passed to the next hooks and the handler. */
void fake_conn_go_on(fake_host *host, fake_conn *conn);
/* Tells the plugins of a session that they do not know yet. */
void fake_session_open(fake_host *host, fake_conn *conn);
/* The account is off the connection; its place is freed when the plugins are told. */
void fake_session_end(fake_conn *conn);
/* Tells the plugins of the session, or of the connection, that has ended. */
void fake_session_tell_ended(fake_host *host, fake_conn *conn);

#endif
