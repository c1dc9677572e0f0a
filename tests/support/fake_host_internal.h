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
	bool figure_told = false; /* that one is left out; guarded as well */
	std::set<uint64_t> topics; /* subscribed; 0: to all */
	size_t woken = 0;
	std::vector<char> conf;
	std::deque<std::string> texts; /* of the options; a deque never moves them */
};

enum fake_job_kind {
	FAKE_JOB_WORK,
	FAKE_JOB_BATCH,
	FAKE_JOB_RESULT, /* of work, which a store thread tells next */
	FAKE_JOB_COMMIT, /* of a batch, the same */
	FAKE_JOB_CLAIM,
	FAKE_JOB_CALL /* of a worker */
};

struct fake_job {
	fake_job_kind kind = FAKE_JOB_CALL;
	unsigned worker = 0;
	fake_self *self = nullptr; /* who handed in the work or the item */
	cs_conn conn = 0;
	cs_work_kind work = CS_WORK_READ;
	cs_work_fn *fn = nullptr;
	cs_done_fn *done = nullptr;
	void *arg = nullptr; /* of the work; the item */
	const cs_batch *batch = nullptr;
	fake_claim claim = {};
	std::function<void()> call; /* of a call, a result, a commit */
	std::vector<fake_job> then; /* the calls that a result or a commit brings */
};

/* Calls what the plugins' threads have posted; false: nothing. */
bool fake_posts_run(fake_host *host);
/* Forgets the posts of an instance. */
void fake_posts_drop(const fake_self *self);
void fake_fail(const char *what, const char *detail);
void fake_table_fill(cs_host *table);
void fake_table_fill_frames(cs_host *table);
/* The connection, or nullptr when it has ended. */
fake_conn *fake_conn_open(fake_host *host, cs_conn conn);
/* The same; nullptr too when it is of another worker than the instance. */
fake_conn *fake_conn_of(const fake_self *self, cs_conn conn);

static inline fake_self *self_of(cs_self *self)
{
	return reinterpret_cast<fake_self *>(self);
}

/* Gives the frame that a hook has passed to the next hooks and the handler. */
void fake_conn_go_on(fake_host *host, fake_conn *conn);
/* Tells the plugins of a session that they do not know yet. */
void fake_session_open(fake_host *host, fake_conn *conn);
/* The account is off the connection; its place is held until the plugins are told. */
void fake_session_end(fake_host *host, fake_conn *conn);
/* Tells the plugins of the session, or of the connection, that has ended. */
void fake_session_tell_ended(fake_host *host, fake_conn *conn);
/* Writes what an adopted connection has to say, and reads what the plugin says. false: nothing happened. */
bool fake_adopted_step(fake_host *host);
/* The frame is on its way to the other end. */
void fake_adopted_write(fake_conn *conn, const std::string &frame);
/* The connection has ended. */
void fake_adopted_end(fake_conn *conn);
int fake_adopted_make(fake_self *self, int fd, const char *peer, unsigned flags, cs_conn *conn_r);
/* ask_erase of the table. */
int fake_erase_ask(cs_self *self, cs_erasing *erasing, cs_done_fn *done, void *arg);
/* Frames that came while the connection was pending. */
void fake_conn_run_waiting(fake_host *host, fake_conn *conn);
/* One hold less. */
void fake_place_release(fake_host *host, unsigned worker, fake_place place);

/* Hashing for the connection that waits gets CS_ECANCELED. */
void fake_hashes_cancel(fake_host *host, cs_conn conn);
/* 0: the next one of this place does not fail. */
int fake_fault_take(fake_host *host, fake_fault_place place, bool at_call);
unsigned fake_node_index(const fake_host *host, unsigned worker);

#endif
