/* SPDX-License-Identifier: MIT
 * The queue of the fake host: it runs work, batches, claims, calls of workers and timers one after the other. */
#include "fake_host_internal.h"

#include <algorithm>
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

static int in_transaction(const fake_host *host, const std::function<int()> &run)
{
	const cs_db_driver *driver = host->db->driver;
	int result = driver->begin(host->db);

	if (result != 0)
		return result;
	result = run();
	if (result == 0)
		return driver->commit(host->db);
	driver->rollback(host->db);
	return result;
}

/* The call of done. */
static fake_job done_of(const fake_job &job, int result)
{
	const fake_self *self = job.self;
	const cs_batch *batch = job.batch;
	fake_job next;

	next.worker = job.worker;
	next.call = [=, done = job.done, conn = job.conn, arg = job.arg] {
		if (batch)
			batch->done(self->state, result, arg);
		else
			done(self->state, conn, result, arg);
	};
	return next;
}

static fake_job work_run(fake_host *host, const fake_job &job)
{
	const auto run = [&] {
		return job.fn(job.work == CS_WORK_HASH ? nullptr : host->db, job.arg);
	};
	int result = fake_fault_take(host, static_cast<fake_fault_place>(job.work), false);
	fake_job next;

	if (result == 0)
		result = job.work == CS_WORK_WRITE ? in_transaction(host, run) : run();
	next.kind = FAKE_JOB_RESULT;
	next.worker = job.worker;
	next.then.push_back(done_of(job, result_of_db(result)));
	return next;
}

/* The first one, and those of its kind that wait next on its node, up to most. */
static std::vector<fake_job> items_take(fake_host *host, fake_job first, size_t most)
{
	const unsigned node = fake_node_index(host, first.worker);
	const cs_batch *batch = first.batch;
	std::vector<fake_job> taken;

	taken.push_back(std::move(first));
	for (auto at = host->jobs.begin(); at != host->jobs.end() && taken.size() < most;) {
		if (at->kind != FAKE_JOB_BATCH || fake_node_index(host, at->worker) != node) {
			++at;
			continue;
		}
		if (at->batch != batch)
			break;
		taken.push_back(std::move(*at));
		at = host->jobs.erase(at);
	}
	return taken;
}

static int items_store(const fake_host *host, const std::vector<fake_job> &jobs)
{
	std::vector<void *> items;

	for (const fake_job &job : jobs)
		items.push_back(job.arg);
	const auto run = [&](int careful) {
		return in_transaction(
			host, [&] { return jobs[0].batch->run(host->db, items.data(), items.size(), careful); });
	};
	const int result = run(0);
	return result == CS_DB_DUPLICATE ? run(1) : result;
}

static fake_job batch_run(fake_host *host, fake_job first, size_t most)
{
	const std::vector<fake_job> jobs = items_take(host, std::move(first), most);
	int result = fake_fault_take(host, FAKE_BATCH, false);
	fake_job next;

	if (result == FAKE_UNHEARD)
		result = items_store(host, jobs);
	if (result == FAKE_UNSURE)
		result = items_store(host, jobs) == 0 ? CS_DB_UNKNOWN : CS_DB_FAILED;
	else if (result == 0)
		result = items_store(host, jobs);
	next.kind = FAKE_JOB_COMMIT;
	next.worker = jobs[0].worker;
	for (const fake_job &job : jobs)
		next.then.push_back(done_of(job, result_of_db(result)));
	if (result != 0 || !jobs[0].batch->committed)
		return next;
	next.call = [=] {
		for (const fake_job &job : jobs)
			job.batch->committed(&host->table, fake_self_handle(job.self), job.arg);
	};
	return next;
}

void fake_host_claimed(fake_host *host, const fake_claim &claim, int result)
{
	const unsigned worker = claim.self->worker;
	const fake_place place = fake_place_of(claim.account, claim.device);
	fake_conn *conn = fake_conn_of(claim.self, claim.conn);

	if (conn && result != 0)
		conn->entering = false;
	fake_host_node(host, worker)->reserved.erase(place);
	if (result == 0 && !conn) {
		if (host->bus.release)
			host->bus.release(fake_node_index(host, worker), place, claim.conn);
		result = CS_ENOENT;
	}
	if (result == 0) {
		conn->account = claim.account;
		conn->device = claim.device;
		conn->name = claim.name;
		conn->want = claim.want;
		conn->opened_due = true;
		fake_host_node(host, worker)->online[place] = claim.conn;
	}
	fake_host_defer(host, worker, [=] {
		const bool is_there = fake_conn_of(claim.self, claim.conn) != nullptr;

		claim.done(claim.self->state, claim.conn, result != 0 || is_there ? result : CS_ENOENT, claim.arg);
	});
}

/* CS_EEXIST: another session is there. */
static int claim_check(fake_host *host, const fake_claim &claim)
{
	const fake_conn *conn = fake_conn_of(claim.self, claim.conn);
	const int forced = claim.forced != 0 ? claim.forced : fake_fault_take(host, FAKE_CLAIM, false);

	if (forced != 0)
		return forced;
	if (!conn)
		return CS_ENOENT;
	if (conn->account != 0)
		return CS_EINVAL;
	return fake_host_node(host, claim.self->worker)->online.count(fake_place_of(claim.account, claim.device)) != 0
	               ? CS_EEXIST
	               : 0;
}

static void claim_run(fake_host *host, fake_job job)
{
	const fake_claim &claim = job.claim;
	const fake_place place = fake_place_of(claim.account, claim.device);
	fake_node *node = fake_host_node(host, job.worker);
	const int result = claim_check(host, claim);

	if (result == CS_EEXIST && node->online.count(place) != 0 && (claim.flags & CS_CLAIM_KICK) != 0) {
		const cs_conn old = node->online[place];

		fake_host_record(host, {"kick", old, claim.account, 0, ""});
		fake_host_drop(host, old);
		node->online.erase(place);
		host->jobs.push_front(std::move(job)); /* it waits until the place is free */
	} else if (result == 0 && host->bus.claim) {
		node->reserved.insert(place);
		host->bus.claim(fake_node_index(host, job.worker), claim);
	} else {
		fake_host_claimed(host, claim, result);
	}
}

/* ---- steps */

static bool job_can_run(fake_host *host, const fake_job &job)
{
	const fake_place place = fake_place_of(job.claim.account, job.claim.device);
	const fake_node *node = fake_host_node(host, job.worker);

	return job.kind != FAKE_JOB_CLAIM || node->is_stopping ||
	       (node->held.count(place) == 0 && node->reserved.count(place) == 0);
}

/* whole: with all that it brings; else that waits at the end. */
static void job_tell(fake_host *host, fake_job job, bool whole);

static void job_pass(fake_host *host, fake_job job, bool whole)
{
	if (whole)
		job_tell(host, std::move(job), whole);
	else
		host->jobs.push_back(std::move(job));
}

static void job_tell(fake_host *host, fake_job job, bool whole)
{
	if (job.call)
		job.call();
	for (fake_job &each : job.then)
		job_pass(host, std::move(each), whole);
}

/* Runs the nth of those that are wanted; a batch is of at most so many items. */
template <class Wanted>
static bool job_step(fake_host *host, Wanted is_wanted, bool whole, size_t nth = 0, size_t most = SIZE_MAX)
{
	auto at = host->jobs.begin();

	while (at != host->jobs.end() && (!is_wanted(*at) || nth-- > 0))
		++at;
	if (at == host->jobs.end())
		return false;
	fake_job job = std::move(*at);
	host->jobs.erase(at);
	switch (job.kind) {
	case FAKE_JOB_WORK: job_pass(host, work_run(host, job), whole); break;
	case FAKE_JOB_BATCH: job_pass(host, batch_run(host, std::move(job), most), whole); break;
	case FAKE_JOB_CLAIM: claim_run(host, std::move(job)); break;
	default: job_tell(host, std::move(job), whole); break;
	}
	return true;
}

static bool job_step_on(fake_host *host, unsigned node, fake_job_kind kind, size_t most = SIZE_MAX)
{
	return job_step(
		host,
		[=](const fake_job &job) { return job.kind == kind && fake_node_index(host, job.worker) == node; },
		false, 0, most);
}

bool fake_host_step_call(fake_host *host, unsigned worker)
{
	return fake_posts_run(host) ||
	       job_step(
		       host,
		       [=](const fake_job &job) {
			       return job.worker == worker && job.kind >= FAKE_JOB_CLAIM && job_can_run(host, job);
		       },
		       false);
}

bool fake_host_step_work(fake_host *host, size_t nth)
{
	const auto is_work = [](const fake_job &job) {
		return job.kind == FAKE_JOB_WORK;
	};
	const auto count = static_cast<size_t>(std::count_if(host->jobs.begin(), host->jobs.end(), is_work));

	return count > 0 && job_step(host, is_work, false, nth % count);
}

bool fake_host_step_result(fake_host *host, unsigned node)
{
	return job_step_on(host, node, FAKE_JOB_RESULT);
}

bool fake_host_step_batch(fake_host *host, size_t most, unsigned node)
{
	return job_step_on(host, node, FAKE_JOB_BATCH, most);
}

bool fake_host_step_commit(fake_host *host, unsigned node)
{
	return job_step_on(host, node, FAKE_JOB_COMMIT);
}

void fake_hashes_cancel(fake_host *host, cs_conn conn)
{
	for (fake_job &job : host->jobs)
		if (job.kind == FAKE_JOB_WORK && job.work == CS_WORK_HASH && job.conn == conn)
			job = done_of(job, CS_ECANCELED);
}

void fake_host_cancel(fake_host *host, unsigned node)
{
	for (fake_job &job : host->jobs)
		if (job.kind <= FAKE_JOB_BATCH && fake_node_index(host, job.worker) == node)
			job = done_of(job, CS_ECANCELED);
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

void fake_posts_drop(const fake_self *self)
{
	std::scoped_lock lock(self->host->mutex);

	std::erase_if(self->host->posts, [self](const auto &post) { return post.first == self; });
}

bool fake_host_step(fake_host *host)
{
	if (fake_posts_run(host))
		return true;
	return job_step(
		       host, [=](const fake_job &job) { return job_can_run(host, job); }, true) ||
	       fake_adopted_step(host);
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

void fake_host_defer(fake_host *host, unsigned worker, std::function<void()> fn)
{
	fake_job &job = host->jobs.emplace_back();

	job.worker = worker;
	job.call = std::move(fn);
}

/* ---- timers and descriptors */

/* Unless it was deleted meanwhile. */
static void timer_call(fake_host *host, const cs_timer *handle)
{
	const auto at = std::find_if(host->timers.begin(), host->timers.end(),
	                             [=](const fake_timer_entry &each) { return each.handle == handle; });

	if (at == host->timers.end())
		return;
	const fake_timer_entry timer = *at;
	at->due += at->ms;
	at->is_queued = false;
	if (!timer.repeat)
		host->timers.erase(at);
	timer.fn(timer.self->state, timer.arg);
}

bool fake_host_step_timer(fake_host *host, int64_t end)
{
	fake_timer_entry *next = nullptr;

	for (fake_timer_entry &each : host->timers)
		if (!each.is_queued && each.due <= end && (!next || each.due < next->due))
			next = &each;
	if (!next)
		return false;
	next->is_queued = true;
	fake_clock = std::max<int64_t>(fake_clock, next->due);
	fake_host_defer(host, next->self->worker, [=, handle = next->handle] { timer_call(host, handle); });
	return true;
}

void fake_host_fire(fake_host *host)
{
	const std::vector<fake_timer_entry> due = host->timers;

	for (const fake_timer_entry &timer : due)
		timer_call(host, timer.handle);
}

void fake_host_event(fake_host *host, int fd, unsigned events)
{
	const std::vector<fake_watch_entry> watches = host->watches;

	for (const fake_watch_entry &watch : watches) {
		const auto is_it = [&](const fake_watch_entry &each) {
			return each.handle == watch.handle;
		};

		/* Unless a call before this one has given it up. */
		if (watch.fd == fd && (watch.events & events) != 0 &&
		    std::any_of(host->watches.begin(), host->watches.end(), is_it))
			watch.fn(watch.self->state, fd, watch.events & events, watch.arg);
	}
}
