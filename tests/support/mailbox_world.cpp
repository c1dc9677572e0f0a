/* SPDX-License-Identifier: MIT
 * The clients of the mailbox's world, its login, and its steps. */
#include "mailbox_world.h"

#include <algorithm>
#include <cstdlib>
#include <sstream>

#include "core/net/frame.h"

/* ---- the world as a whole */

static void note_answer(world *w, const fake_call &call)
{
	const size_t req = call.text.find("\"req\":"),
		     end = call.text.find_first_of(",}", call.text.find("\"errno\":"));

	w->answers.push_back({req == std::string::npos ? -1 : strtoll(call.text.c_str() + req + 6, nullptr, 10),
	                      static_cast<int>(call.number), call.text.substr(end, call.text.size() - end - 1)});
}

static void note_call(world *w, const fake_call &call)
{
	if (call.what == "send") {
		world_conn *c = world_conn_of(w, call.conn);

		c->most_unsent = std::max(c->most_unsent, world_unsent(c));
	} else if ((call.what == "answer" || call.what == "refuse") &&
	           !world_node_of(w, world_conn_of(w, call.conn)->at->worker)->crashed) {
		note_answer(w, call);
	}
}

void world_open(world *w, const struct cs_plugin *plugin, cs_db *db, unsigned nodes, unsigned workers)
{
	w->plugin = plugin;
	w->mailbox = static_cast<const cs_mailbox *>(plugin->provides->table);
	w->host->db = db;
	w->host->nodes.resize(nodes);
	w->host->node_workers = workers;
	w->host->on_call = [w](const fake_call &call) {
		note_call(w, call);
	};
	for (unsigned i = 0; i < nodes * workers; i++)
		w->workers.push_back(fake_host_add(w->host.get(), plugin, i));
	for (unsigned i = 0; i < nodes; i++)
		w->nodes.emplace_back().index = i;
	if (nodes > 1)
		world_bus_open(w);
}

static bool tell_all(world *w, const world_node *node)
{
	fake_host *host = w->host.get();
	bool moved = false;

	for (const world_node &each : w->nodes)
		if (!node || &each == node)
			while (fake_host_step_commit(host, each.index) || fake_host_step_result(host, each.index) ||
			       world_step_bus_ask(w, each.index) || world_step_bus_claim(w, each.index))
				moved = true;
	for (unsigned worker = 0; worker < w->workers.size(); worker++)
		if (!node || world_node_of(w, worker) == node)
			while (fake_host_step_call(host, worker))
				moved = true;
	return moved;
}

void world_exhaust(world *w, const world_node *node)
{
	do
		for (const world_node &each : w->nodes)
			if (!node || &each == node)
				fake_host_cancel(w->host.get(), each.index);
	while (tell_all(w, node) || world_bus_try_again(w, node));
}

void world_close(world *w)
{
	for (const auto &[conn, c] : w->conns)
		world_kill(w, conn);
	w->on_frame = nullptr;
	world_exhaust(w, nullptr);
	for (fake_self *self : w->workers)
		if (self)
			fake_host_stop(w->host.get(), self);
	w->host.reset();
}

/* ---- connections */

world_conn *world_conn_of(world *w, cs_conn conn)
{
	const auto at = w->conns.find(conn);

	return at == w->conns.end() ? nullptr : &at->second;
}

size_t world_unsent(const world_conn *c)
{
	return static_cast<size_t>(c->at->position - c->at->written);
}

void *world_state_of(world *w, const world_conn *c)
{
	return fake_self_state(w->workers[c->at->worker]);
}

world_node *world_node_of(world *w, unsigned worker)
{
	return &w->nodes[worker / w->host->node_workers];
}

cs_conn world_connect(world *w, unsigned worker)
{
	const cs_conn conn = fake_host_connect(w->host.get(), 0, "", worker);

	w->conns[conn].id = conn;
	w->conns[conn].at = fake_host_conn(w->host.get(), conn);
	return conn;
}

static void request(world *w, cs_conn conn, std::function<void(world_conn *)> dispatch)
{
	world_conn *c = world_conn_of(w, conn);

	c->inbox.emplace_back([=] { dispatch(c); });
}

static cs_frame frame_of(const world_conn *c, const std::string &bytes, int64_t req)
{
	cs_frame frame = {};

	frame.request = {.msgid = CS_MSGID_CHAT, .req = req};
	frame.conn = c->id;
	frame.account = c->at->account;
	frame.name = "";
	frame.bytes = bytes.data();
	frame.size = bytes.size();
	return frame;
}

void world_send(world *w, cs_conn conn, cs_conversation_kind kind, uint64_t to, const std::string &text,
                std::optional<std::string> cid, int64_t req)
{
	request(w, conn, [=](world_conn *c) {
		const cs_frame frame = frame_of(c, text, req);
		cs_outgoing message = {};

		message.kind = kind;
		message.to = to;
		message.cid = cid ? cid->data() : nullptr;
		message.cid_size = cid ? cid->size() : 0;
		c->at->pending = w->mailbox->send(world_state_of(w, c), &frame, &message) == CS_PENDING;
	});
}

void world_send_event(world *w, cs_conn conn, const cs_outgoing &entry, const std::string &text, int64_t req)
{
	request(w, conn, [=](world_conn *c) {
		cs_frame frame = frame_of(c, text, req);
		frame_parser parser;
		frame_fields fields;

		if (frame_parse(&parser, text.data(), text.size()) != FRAME_COMPLETE)
			abort();
		fields.parser = &parser;
		frame.fields = &fields;
		c->at->pending = w->mailbox->send(world_state_of(w, c), &frame, &entry) == CS_PENDING;
	});
}

void world_delivered(world *w, cs_conn conn, cs_conversation_kind kind, uint64_t of, uint64_t seq, int64_t req)
{
	request(w, conn, [=](world_conn *c) {
		const cs_frame frame = frame_of(c, "{}", req);

		c->at->pending = w->mailbox->delivered(world_state_of(w, c), &frame, kind, of, seq) == CS_PENDING;
	});
}

/* ---- login, as the plugin of that name does it */

struct login {
	world *w;
	cs_conn conn;
};

static void begin_session(world_conn *c, world_phase phase)
{
	c->login++;
	c->first = c->at->frames.size();
	c->phase = phase;
}

static void login_ended(world_conn *c, int result)
{
	c->at->pending = false;
	c->login_result = result;
	if (c->at->open)
		c->phase = result ? WORLD_REFUSED : WORLD_IN;
}

/* The page is one frame: {FRAME\nFRAME\n} */
static void page_came(void *arg, cs_conn conn, int result, const cs_mailbox_entry *entries, size_t count)
{
	const std::unique_ptr<login> l(static_cast<login *>(arg));
	world_conn *c = world_conn_of(l->w, conn);
	std::string page = "{";
	uint64_t position = 0;

	if (result || !c->at->open) {
		login_ended(c, result ? result : CS_ENOENT);
		return;
	}
	c->page_count = count;
	for (size_t i = 0; i < count; i++) {
		page.append(entries[i].frame, entries[i].size).append("\n");
		c->page_bytes += entries[i].size;
	}
	page += "}";
	(void)l->w->host->table.send(fake_self_handle(l->w->workers[c->at->worker]), conn, page.data(), page.size(),
	                             nullptr, &position);
	if (l->w->mailbox->begin(world_state_of(l->w, c), conn, position))
		abort();
	login_ended(c, 0);
}

static void claimed(void *state, cs_conn conn, int result, void *arg)
{
	std::unique_ptr<login> l(static_cast<login *>(arg));
	world_conn *c = world_conn_of(l->w, conn);

	if (!result) {
		begin_session(c, WORLD_LOGGING_IN);
		const cs_mailbox_session session = {.account = c->at->account,
		                                    .device = c->device,
		                                    .want = c->want,
		                                    .acknowledges = c->acknowledges,
		                                    .spare_flags = 0,
		                                    .spare = {}};
		result = l->w->mailbox->attach(state, conn, &session, page_came, l.get());
	}
	if (result)
		login_ended(c, result);
	else
		(void)l.release();
}

void world_login(world *w, cs_conn conn, cs_account account, bool acknowledges)
{
	request(w, conn, [=](world_conn *c) {
		const cs_claim claim = {.account = account,
		                        .device = c->device,
		                        .name = "",
		                        .generation = ++w->generations[account],
		                        .want = c->want,
		                        .flags = w->kick ? static_cast<unsigned>(CS_CLAIM_KICK) : 0u,
		                        .spare = {}};

		c->acknowledges = acknowledges;
		c->at->pending = true;
		c->phase = WORLD_LOGGING_IN;
		(void)w->host->table.claim(fake_self_handle(w->workers[c->at->worker]), conn, &claim, claimed,
		                           std::make_unique<login>(login{w, conn}).release());
	});
}

void world_logout(world *w, cs_conn conn)
{
	request(w, conn, [=](world_conn *c) {
		(void)w->host->table.logout(fake_self_handle(w->workers[c->at->worker]), conn);
		begin_session(c, WORLD_IDLE);
	});
}

void world_kill(world *w, cs_conn conn)
{
	world_conn *c = world_conn_of(w, conn);

	if (!c->at->open)
		return;
	c->inbox.clear();
	c->phase = WORLD_IDLE;
	fake_host_drop(w->host.get(), conn);
}

/* ---- steps */

bool world_step_request(world *w, cs_conn conn)
{
	world_conn *c = world_conn_of(w, conn);

	if (!c->at->open || c->at->pending || c->inbox.empty())
		return false;
	const std::function<void()> dispatch = std::move(c->inbox.front());
	c->inbox.pop_front();
	dispatch();
	return true;
}

/* Its client gets a frame, or a page of them. */
static void show(world *w, world_conn *c, const std::string &frame)
{
	std::istringstream page(frame.substr(1));
	std::string each;

	if (frame.starts_with("{\"msgid\":100,"))
		return;
	if (frame.starts_with("{\""))
		w->on_frame(*c, frame);
	else
		while (std::getline(page, each) && each != "}")
			w->on_frame(*c, each);
}

bool world_step_take(world *w, cs_conn conn, size_t bytes)
{
	world_conn *c = world_conn_of(w, conn);
	const std::vector<std::string> &frames = c->at->frames;

	bytes = std::min(bytes, world_unsent(c));
	if (!c->at->open || c->stuck || !bytes)
		return false;
	c->at->written += bytes;
	while (c->taken < frames.size() && c->taken_end + frames[c->taken].size() + 1 <= c->at->written) {
		const std::string &frame = frames[c->taken++];

		c->taken_end += frame.size() + 1;
		if (w->on_frame && c->at->account && c->taken > c->first)
			show(w, c, frame);
	}
	if (c->noted || !c->at->account)
		return true;
	c->noted = true;
	fake_host_defer(w->host.get(), c->at->worker, [=] {
		c->noted = false;
		fake_host_written(w->host.get(), conn, c->at->written);
	});
	return true;
}

void world_advance(world *w, int64_t ms)
{
	const int64_t end = fake_clock + ms;

	world_settle(w);
	while (fake_host_step_timer(w->host.get(), end))
		world_settle(w);
	fake_clock = std::max<int64_t>(fake_clock, end);
}

static bool settle_once(world *w)
{
	fake_host *host = w->host.get();
	bool moved = false;

	for (unsigned worker = 0; worker < w->workers.size(); worker++)
		while (fake_host_step_call(host, worker))
			moved = true;
	for (const auto &[conn, c] : w->conns)
		moved |= world_step_request(w, conn) | world_step_take(w, conn, SIZE_MAX);
	for (unsigned i = 0; i < w->nodes.size(); i++)
		moved |= !w->hold_writes && fake_host_step_batch(host, 256, i);
	if (!w->hold_reads)
		moved |= fake_host_step_work(host, 0);
	for (unsigned i = 0; i < w->nodes.size(); i++) {
		moved |= !w->hold_commits && fake_host_step_commit(host, i);
		moved |= !w->hold_read_results && fake_host_step_result(host, i);
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
