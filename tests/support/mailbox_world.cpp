/* SPDX-License-Identifier: MIT
 * The steps of the mailbox's world: workers, connections, store, clock. */
#include "mailbox_world.h"

#include <algorithm>
#include <cstdlib>

#include "mailbox_world_host.h"

/* ---- connections */

world_conn *world_conn_of(world *w, cs_conn conn)
{
	const auto at = w->conns.find(conn);

	return at == w->conns.end() ? nullptr : &at->second;
}

size_t world_unsent(const world_conn *c)
{
	return static_cast<size_t>(c->queued - c->taken);
}

cs_conn world_connect(world *w, unsigned worker)
{
	world_conn c;

	c.id = ++w->last_conn;
	c.worker = worker;
	w->conns[c.id] = c;
	return c.id;
}

static void request(world *w, cs_conn conn, std::function<void()> dispatch)
{
	world_conn_of(w, conn)->inbox.push_back(std::move(dispatch));
}

static cs_frame frame_of(const world_conn *c, const std::string &bytes, int64_t req)
{
	cs_frame frame = {};

	frame.request = {CS_MSGID_CHAT, req};
	frame.conn = c->id;
	frame.account = c->account;
	frame.name = "";
	frame.bytes = bytes.data();
	frame.size = bytes.size();
	return frame;
}

static void *context_of(world *w, const world_conn *c)
{
	return w->workers[c->worker]->state;
}

void world_send(world *w, cs_conn conn, cs_conversation_kind kind, uint64_t to, const std::string &text,
                std::optional<std::string> cid, int64_t req)
{
	request(w, conn, [=] {
		world_conn *c = world_conn_of(w, conn);
		const cs_frame frame = frame_of(c, text, req);
		const cs_outgoing message = {kind, to, cid ? cid->data() : nullptr, cid ? cid->size() : 0, {}};

		if (w->mailbox->send(context_of(w, c), &frame, &message) == CS_PENDING)
			c->pending = true;
	});
}

void world_delivered(world *w, cs_conn conn, cs_conversation_kind kind, uint64_t of, uint64_t seq, int64_t req)
{
	request(w, conn, [=] {
		world_conn *c = world_conn_of(w, conn);
		const cs_frame frame = frame_of(c, "{}", req);

		if (w->mailbox->delivered(context_of(w, c), &frame, kind, of, seq) == CS_PENDING)
			c->pending = true;
	});
}

void world_joined(world *w, cs_conn conn, uint64_t group, uint64_t joined_seq)
{
	request(w, conn, [=] {
		world_conn *c = world_conn_of(w, conn);

		w->mailbox->joined(context_of(w, c), conn, group, joined_seq);
	});
}

/* ---- login, as the plugin of that name does it */

struct login {
	world *w;
	cs_conn conn;
};

static void login_ended(world *w, cs_conn conn, int result)
{
	world_conn *c = world_conn_of(w, conn);

	c->pending = false;
	c->login_result = result;
	if (!c->ended)
		c->phase = result ? WORLD_REFUSED : WORLD_IN;
}

static void page_came(void *arg, cs_conn conn, int result, const cs_mailbox_entry *entries, size_t count)
{
	const std::unique_ptr<login> l(static_cast<login *>(arg));
	world_conn *c = world_conn_of(l->w, conn);
	world_output page = {0, c->login, {}};

	if (result || c->ended) {
		login_ended(l->w, conn, result ? result : CS_ENOENT);
		return;
	}
	c->page_count = count;
	for (size_t i = 0; i < count; i++) {
		page.frames.emplace_back(entries[i].frame, entries[i].size);
		c->page_bytes += entries[i].size;
	}
	c->queued += c->page_bytes + 20;
	page.end = c->queued;
	c->output.push_back(page);
	if (l->w->mailbox->begin(context_of(l->w, c), conn, page.end))
		abort();
	login_ended(l->w, conn, 0);
}

static void claimed(void *, cs_conn conn, int result, void *arg)
{
	std::unique_ptr<login> l(static_cast<login *>(arg));
	world *w = l->w;
	world_conn *c = world_conn_of(w, conn);

	if (!result && !c->ended)
		result = w->mailbox->attach(context_of(w, c), conn, c->account, c->acknowledges, page_came, l.get());
	else if (!result)
		result = CS_ENOENT;
	if (result)
		login_ended(w, conn, result);
	else
		(void)l.release();
}

void world_login(world *w, cs_conn conn, cs_account account, bool acknowledges)
{
	request(w, conn, [=] {
		world_conn *c = world_conn_of(w, conn);

		c->acknowledges = acknowledges;
		c->pending = true;
		c->phase = WORLD_LOGGING_IN;
		world_host_claim(w, conn, account, claimed, new login{w, conn});
	});
}

/* ---- the end of a session */

static void end_session(world *w, cs_conn conn)
{
	world_conn *c = world_conn_of(w, conn);
	const cs_account account = c->account;
	world_node *node = world_node_of(w, c);
	const auto place = node->places.find(account);

	if (!account || place == node->places.end() || place->second.conn != conn)
		return;
	place->second.conn = 0;
	place->second.ended = conn;
	place->second.closing = true;
	world_bus_ending(node, account, conn);
	w->workers[c->worker]->posts.push_back([=, written = c->taken] {
		void *state = w->workers[world_conn_of(w, conn)->worker]->state;
		world_place *now = &node->places[account];

		now->held = w->plugin->closed(state, conn, account, written) == CS_PENDING;
		now->closing = false;
		if (!now->held)
			world_bus_release(node, account, conn);
		world_host_place_free(node, account);
	});
}

void world_logout(world *w, cs_conn conn)
{
	request(w, conn, [=] {
		end_session(w, conn);
		world_conn_of(w, conn)->account = 0;
		world_conn_of(w, conn)->login++;
		world_conn_of(w, conn)->phase = WORLD_IDLE;
	});
}

void world_kill(world *w, cs_conn conn)
{
	world_conn *c = world_conn_of(w, conn);

	if (c->ended)
		return;
	c->ended = true;
	c->inbox.clear();
	c->output.clear();
	end_session(w, conn);
	c->phase = WORLD_IDLE;
}

/* ---- steps */

bool world_step_post(world *w, unsigned worker)
{
	world_worker *self = w->workers[worker].get();

	if (self->posts.empty())
		return false;
	const std::function<void()> post = std::move(self->posts.front());
	self->posts.pop_front();
	post();
	return true;
}

bool world_step_request(world *w, cs_conn conn)
{
	world_conn *c = world_conn_of(w, conn);

	if (c->ended || c->pending || c->inbox.empty())
		return false;
	const std::function<void()> dispatch = std::move(c->inbox.front());
	c->inbox.pop_front();
	dispatch();
	return true;
}

bool world_step_read(world *w, size_t nth)
{
	int result = 0;

	if (w->jobs.empty())
		return false;
	nth %= w->jobs.size();
	const world_job job = w->jobs[nth];
	w->jobs.erase(w->jobs.begin() + static_cast<ptrdiff_t>(nth));
	if (!w->read_results.empty()) {
		result = w->read_results.front();
		w->read_results.pop_front();
	}
	w->reads++;
	if (!result)
		result = job.fn(w->db, job.arg);
	w->read_results_due.push_back({job.worker->node, [=] {
					       job.worker->posts.push_back(
						       [=] { job.done(job.worker->state, job.conn, result, job.arg); });
				       }});
	return true;
}

/* The first one of that node. */
static bool pop_due(std::deque<world_due> *due, const world_node *node)
{
	const auto at = std::find_if(due->begin(), due->end(), [=](const world_due &d) { return d.node == node; });

	if (at == due->end())
		return false;
	const std::function<void()> next = std::move(at->tell);
	due->erase(at);
	next();
	return true;
}

bool world_step_read_result(world *w, unsigned node)
{
	return pop_due(&w->read_results_due, w->nodes[node].get());
}

bool world_step_commit(world *w, unsigned node)
{
	return pop_due(&w->commits_due, w->nodes[node].get());
}

/* The items of one kind that wait first of that node, up to most. */
static std::vector<world_item> take_items(world *w, size_t most, const world_node *node)
{
	std::vector<world_item> taken;

	for (auto at = w->items.begin(); at != w->items.end() && taken.size() < most;) {
		if (at->worker->node != node) {
			++at;
			continue;
		}
		if (!taken.empty() && taken[0].batch != at->batch)
			break;
		taken.push_back(*at);
		at = w->items.erase(at);
	}
	return taken;
}

static int run_batch(world *w, const std::vector<world_item> &items, int careful)
{
	std::vector<void *> arguments;
	int result;

	for (const world_item &item : items)
		arguments.push_back(item.item);
	(void)w->db->driver->begin(w->db);
	result = items[0].batch->run(w->db, arguments.data(), arguments.size(), careful);
	if (result)
		w->db->driver->rollback(w->db);
	else
		result = w->db->driver->commit(w->db);
	return result == CS_DB_DUPLICATE && !careful ? run_batch(w, items, 1) : result;
}

static void tell_of_batch(world *w, const std::vector<world_item> &items, int result)
{
	for (const world_item &item : items)
		if (!result && item.batch->committed)
			item.batch->committed(&w->host, world_host_self(item.worker), item.item);
	for (const world_item &item : items)
		item.worker->posts.push_back([=] { item.batch->done(item.worker->state, result, item.item); });
}

bool world_step_write(world *w, size_t most, unsigned node)
{
	const std::vector<world_item> items = take_items(w, most, w->nodes[node].get());
	int wanted = 0, result;

	if (items.empty())
		return false;
	if (!w->write_results.empty()) {
		wanted = w->write_results.front();
		w->write_results.pop_front();
	}
	result = wanted < 0 ? wanted : run_batch(w, items, 0);
	/* Committed, but nobody heard of it: the store runs it again. */
	if (wanted > 0 && !result)
		result = run_batch(w, items, 0);
	w->commits += !result;
	w->commits_due.push_back({w->nodes[node].get(), [=] {
					  tell_of_batch(w, items, result);
				  }});
	return true;
}

static void note_written(world *w, world_conn *c)
{
	const cs_conn conn = c->id;

	if (c->noted || !c->account)
		return;
	c->noted = true;
	w->workers[c->worker]->posts.push_back([=] {
		world_conn *now = world_conn_of(w, conn);

		now->noted = false;
		if (!now->ended && now->account)
			w->plugin->written(context_of(w, now), conn, now->taken, world_unsent(now));
	});
}

bool world_step_take(world *w, cs_conn conn, size_t bytes)
{
	world_conn *c = world_conn_of(w, conn);

	bytes = std::min(bytes, world_unsent(c));
	if (c->ended || c->stuck || !bytes)
		return false;
	c->taken += bytes;
	while (!c->output.empty() && c->output.front().end <= c->taken) {
		const world_output output = std::move(c->output.front());

		c->output.pop_front();
		for (const std::string &frame : output.frames)
			if (w->on_frame && c->account && output.login == c->login)
				w->on_frame(*c, frame);
	}
	note_written(w, c);
	return true;
}

/* Unless it was deleted meanwhile. */
static void run_timer(world *w, uint64_t id)
{
	const auto at = w->timers.find(id);

	if (at == w->timers.end())
		return;
	const world_timer timer = at->second;
	w->timers.erase(at);
	if (timer.call)
		timer.call();
	else
		timer.fn(timer.worker->state, timer.arg);
}

bool world_step_timer(world *w, int64_t end)
{
	auto next = w->timers.end();

	for (auto at = w->timers.begin(); at != w->timers.end(); ++at)
		if (!at->second.posted && at->second.due <= end &&
		    (next == w->timers.end() || at->second.due < next->second.due))
			next = at;
	if (next == w->timers.end())
		return false;
	next->second.posted = true;
	w->clock = std::max(w->clock, next->second.due);
	next->second.worker->posts.push_back([w, id = next->first] { run_timer(w, id); });
	return true;
}

void world_advance(world *w, int64_t ms)
{
	const int64_t end = w->clock + ms;

	world_settle(w);
	while (world_step_timer(w, end))
		world_settle(w);
	w->clock = std::max(w->clock, end);
}

static bool settle_once(world *w)
{
	bool moved = false;

	for (size_t i = 0; i < w->workers.size(); i++)
		while (world_step_post(w, static_cast<unsigned>(i)))
			moved = true;
	for (cs_conn conn = 1; conn <= w->last_conn; conn++)
		moved |= world_step_request(w, conn) | world_step_take(w, conn, SIZE_MAX);
	for (unsigned i = 0; i < w->nodes.size(); i++)
		moved |= !w->hold_writes && world_step_write(w, 256, i);
	if (!w->hold_reads)
		moved |= world_step_read(w, 0);
	for (unsigned i = 0; i < w->nodes.size(); i++) {
		moved |= !w->hold_commits && world_step_commit(w, i);
		moved |= !w->hold_read_results && world_step_read_result(w, i);
		moved |= world_step_bus_ask(w, i) | world_step_bus_claim(w, i);
		for (unsigned from = 0; from < w->nodes.size(); from++)
			moved |= !w->hold_arrivals && world_step_bus_arrive(w, i, from);
	}
	return moved;
}

void world_settle(world *w)
{
	while (settle_once(w))
		;
}
