/* SPDX-License-Identifier: MIT
 * The queue of the fake host: it runs work, batches, claims and routed data one after the other. */
#include "fake_host_internal.h"

#include <utility>

/* As the server's store answers: some classes of the database become results of their own. */
static int result_of_db(int rc)
{
	switch (rc) {
	case CS_DB_UNKNOWN: return CS_EUNKNOWN;
	case CS_DB_RETRY:
	case CS_DB_FULL:
	case CS_DB_FAILED: return CS_ENOSTORE;
	default: return rc;
	}
}

static int work_in_transaction(fake_host *host, const fake_job *job)
{
	int rc = host->driver->begin(host->db);

	if (rc != 0)
		return rc;
	rc = job->fn(host->db, job->arg);
	if (rc == 0)
		return host->driver->commit(host->db);
	host->driver->rollback(host->db);
	return rc;
}

static void work_run(fake_host *host, const fake_job *job)
{
	int rc = job->forced;

	if (rc == 0 && job->work == CS_WORK_HASH)
		rc = job->fn(nullptr, job->arg);
	else if (rc == 0 && job->work == CS_WORK_READ)
		rc = job->fn(host->db, job->arg);
	else if (rc == 0)
		rc = work_in_transaction(host, job);
	job->done(job->self->state, job->conn, result_of_db(rc), job->arg);
}

static int batch_transaction(fake_host *host, const cs_batch *batch, const std::vector<void *> &items, int careful)
{
	int rc = host->driver->begin(host->db);

	if (rc != 0)
		return rc;
	rc = batch->run(host->db, items.data(), items.size(), careful);
	if (rc == 0)
		return host->driver->commit(host->db);
	host->driver->rollback(host->db);
	return rc;
}

static void batch_run(fake_host *host, fake_job first)
{
	std::vector<fake_job> jobs;
	std::vector<void *> items;

	jobs.push_back(std::move(first));
	while (!host->jobs.empty() && host->jobs.front().kind == FAKE_JOB_BATCH &&
	       host->jobs.front().batch == jobs[0].batch && host->jobs.front().forced == jobs[0].forced) {
		jobs.push_back(std::move(host->jobs.front()));
		host->jobs.pop_front();
	}
	for (const fake_job &job : jobs)
		items.push_back(job.arg);
	const cs_batch *batch = jobs[0].batch;
	int rc = jobs[0].forced;
	if (rc == 0)
		rc = batch_transaction(host, batch, items, 0);
	if (rc == CS_DB_DUPLICATE)
		rc = batch_transaction(host, batch, items, 1);
	for (const fake_job &job : jobs)
		if (rc == 0 && batch->committed)
			batch->committed(&host->table, fake_self_handle(job.self), job.arg);
	for (const fake_job &job : jobs)
		batch->done(job.self->state, result_of_db(rc), job.arg);
}

static int claim_grant(fake_host *host, const fake_job *job)
{
	fake_conn *conn = fake_host_conn(host, job->conn);

	if (job->forced != 0)
		return job->forced;
	if (!conn || !conn->open)
		return CS_ENOENT;
	if (conn->account != 0)
		return CS_EINVAL;
	if (host->online.count(job->account) != 0)
		return CS_EEXIST;
	conn->account = job->account;
	conn->name = job->text;
	conn->want = job->want;
	conn->opened_due = true;
	host->online[job->account] = job->conn;
	return 0;
}

static void claim_run(fake_host *host, fake_job job)
{
	const auto holder = host->online.find(job.account);

	if ((job.flags & CS_CLAIM_KICK) != 0 && job.forced == 0 && holder != host->online.end()) {
		const cs_conn old = holder->second;
		fake_host_record(host, {"kick", old, job.account, 0, ""});
		if (old != 0)
			fake_host_end(host, old);
		host->online.erase(job.account);
		host->jobs.push_front(std::move(job)); /* the place may be held until a flush is done */
		return;
	}
	job.done(job.self->state, job.conn, claim_grant(host, &job), job.arg);
}

static void presence_run(fake_host *host, const fake_job *job)
{
	for (size_t i = 0; i < job->accounts.size(); i++)
		job->online[i] = job->forced == 0 && host->online.count(job->accounts[i]) != 0;
	job->done(job->self->state, job->conn, job->forced, job->arg);
}

static void route_run(fake_host *host, const fake_job *job)
{
	const struct cs_plugin *plugin = job->self->plugin;
	cs_conn conn = 0;

	if (!plugin->routed)
		return;
	if (job->account != 0) {
		const auto holder = host->online.find(job->account);
		if (holder == host->online.end() || holder->second == 0)
			return;
		conn = holder->second;
	}
	const cs_parcel parcel = {job->text.data(), job->text.size(), job->body.get()};

	plugin->routed(job->self->state, conn, job->account, &parcel);
}

static bool job_can_run(fake_host *host, const fake_job *job)
{
	return job->kind != FAKE_JOB_CLAIM || host->held.count(job->account) == 0;
}

bool fake_posts_run(fake_host *host)
{
	decltype(host->posts) posts;

	{
		std::scoped_lock lock(host->mutex);
		posts.swap(host->posts);
	}
	for (const auto &[self, call] : posts)
		call.first(self->state, call.second);
	return !posts.empty();
}

bool fake_host_step(fake_host *host)
{
	if (fake_posts_run(host))
		return true;
	auto at = host->jobs.begin();

	while (at != host->jobs.end() && !job_can_run(host, &*at))
		++at;
	if (at == host->jobs.end())
		return false;
	fake_job job = std::move(*at);
	host->jobs.erase(at);
	switch (job.kind) {
	case FAKE_JOB_WORK: work_run(host, &job); break;
	case FAKE_JOB_BATCH: batch_run(host, std::move(job)); break;
	case FAKE_JOB_CLAIM: claim_run(host, std::move(job)); break;
	case FAKE_JOB_PRESENCE: presence_run(host, &job); break;
	case FAKE_JOB_ROUTE: route_run(host, &job); break;
	case FAKE_JOB_DEFERRED: job.deferred(host, job.arg); break;
	}
	return true;
}

void fake_host_run(fake_host *host)
{
	while (fake_host_step(host))
		;
}

bool fake_host_run_until(fake_host *host, const char *what)
{
	while (host->calls.empty() || host->calls.back().what != what)
		if (!fake_host_step(host))
			return false;
	return true;
}

void fake_host_defer(fake_host *host, fake_deferred_fn *fn, void *arg)
{
	fake_job &job = host->jobs.emplace_back();

	job.kind = FAKE_JOB_DEFERRED;
	job.deferred = fn;
	job.arg = arg;
}

void fake_host_fire(fake_host *host)
{
	const std::vector<fake_timer_entry> due = host->timers;

	for (const fake_timer_entry &timer : due) {
		bool there = false;
		for (size_t i = 0; i < host->timers.size() && !there; i++) {
			if (host->timers[i].handle != timer.handle)
				continue;
			there = true;
			if (!timer.repeat)
				host->timers.erase(host->timers.begin() + static_cast<long>(i));
		}
		if (there) /* an earlier one may have deleted it */
			timer.fn(timer.self->state, timer.arg);
	}
}

void fake_host_event(fake_host *host, int fd, unsigned events)
{
	const std::vector<fake_watch_entry> watches = host->watches;

	for (const fake_watch_entry &watch : watches)
		if (watch.fd == fd && (watch.events & events) != 0)
			watch.fn(watch.self->state, fd, watch.events & events, watch.arg);
}
