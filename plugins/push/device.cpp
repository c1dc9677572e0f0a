/* SPDX-License-Identifier: MIT
 * Devices whose transport is HTTP: their list, and the steps to a session, which is no socket of a client.
 *
 * A device is AWAY until no node has its session; then it gets a number and a generation from the store, adopts a
 * connection, claims the session, attaches it to the mailbox, and is OPEN. Each step that ends later is named by the
 * device's tag of that time; if the device has another tag by then, the step is void. */
#include "device.h"

#include <algorithm>
#include <utility>

#include <sys/socket.h>
#include <unistd.h>

#include "../model/devices.h"
#include "../model/push_erase.h"

/* Rows of accounts that were erased which are removed after one list. */
static constexpr size_t device_erased_most = 200;
static constexpr int64_t device_erased_every_ms = 300000;
static constexpr int64_t device_day_ms = INT64_C(24) * 3600 * 1000;

void push_device_deleter::operator()(push_device *d) const
{
	delete d;
}

unsigned long long device_account(const push_device *d)
{
	return d->row.account;
}

/* ---- the end of a session */

void device_leave(push_device *d, int64_t pause)
{
	push_plugin *p = d->owner;

	posting_close(d);
	if (d->conn)
		p->sessions.erase(d->conn);
	d->conn = 0;
	d->stage = DEVICE_AWAY;
	d->tag = push_next_tag(p);
	d->next_try = p->context.host->monotonic() + pause;
}

void device_on_closed(push_plugin *p, cs_conn conn)
{
	const auto session = p->sessions.find(conn);

	if (session == p->sessions.end())
		return;
	const auto found = p->devices.find(session->second);
	if (found != p->devices.end())
		device_leave(found->second.get(), p->conf->lookout);
	else
		p->sessions.erase(session);
}

struct device_ending {
	uint64_t account;
	std::string url;
	int64_t now;
};

static int device_end_store(cs_db *db, void *arg)
{
	const device_ending *e = static_cast<device_ending *>(arg);

	return push_device_end(db, e->account, e->url, e->now);
}

/* If the store did not take it, the receiver is asked once more when the list was read, and says it again. */
static void device_end_stored(void *state, cs_conn, int, void *arg)
{
	const std::unique_ptr<device_ending> e(static_cast<device_ending *>(arg));

	push_tell_change(static_cast<push_plugin *>(state));
}

void device_give_up(push_device *d)
{
	push_plugin *p = d->owner;
	const plugin_context &c = p->context;
	auto e = std::make_unique<device_ending>(d->row.account, d->row.url, c.host->now());

	c.host->log(c.self, CS_LOG_WARNING, "a bot wants no more messages, its device has ended account=%llu url=%s",
	            device_account(d), http_url_origin(d->row.url).c_str());
	d->row.ended = e->now;
	device_leave(d, p->conf->lookout);
	if (c.host->work(c.self, 0, CS_WORK_WRITE, device_end_store, device_end_stored, e.get()) == 0)
		(void)e.release(); /* device_end_stored owns it now */
}

/* ---- the steps to a session */

/* A step that ends later. */
struct device_step {
	push_plugin *owner = nullptr;
	uint64_t account = 0, tag = 0;
	uint64_t number = 0;
	unsigned char online = 0;
	device_login login;
};

using device_step_ptr = std::unique_ptr<device_step>;

/* The device whose step it is; NULL: the step is void. */
static push_device *device_of(const device_step *step)
{
	const auto found = step->owner->devices.find(step->account);

	return found != step->owner->devices.end() && found->second->tag == step->tag ? found->second.get() : nullptr;
}

static device_step_ptr device_begin_step(push_device *d, device_stage stage)
{
	auto step = std::make_unique<device_step>();

	d->stage = stage;
	d->tag = push_next_tag(d->owner);
	step->owner = d->owner;
	step->account = d->row.account;
	step->tag = d->tag;
	step->number = d->row.number;
	return step;
}

/* The first page is the beginning of what is posted. */
static void device_attached(void *arg, cs_conn conn, int result, const cs_mailbox_entry *entries, size_t count)
{
	const device_step_ptr step(static_cast<device_step *>(arg));
	push_device *d = device_of(step.get());
	push_plugin *p = step->owner;

	if (!d)
		return;
	for (size_t i = 0; i < count; i++)
		posting_take_frame(d, std::string(entries[i].frame, entries[i].size));
	if (result == 0)
		result = p->mailbox->begin(p->mailbox_context, conn, 0);
	if (result == 0)
		result = p->context.host->finish(p->context.self, conn);
	if (result != 0) {
		device_leave(d, p->conf->lookout);
		return;
	}
	d->stage = DEVICE_OPEN;
	p->context.host->log(p->context.self, CS_LOG_INFO, "a bot is served here account=%llu url=%s",
	                     device_account(d), http_url_origin(d->row.url).c_str());
	posting_some(d);
}

static void device_claimed(void *, cs_conn conn, int result, void *arg)
{
	const device_step_ptr claim(static_cast<device_step *>(arg));
	push_device *d = device_of(claim.get());

	if (!d)
		return;
	push_plugin *p = d->owner;
	if (result != 0) {
		device_leave(d, p->conf->lookout);
		return;
	}
	const cs_mailbox_session session = {.account = d->row.account,
	                                    .device = d->row.number,
	                                    .want = 0,
	                                    .acknowledges = 1,
	                                    .spare_flags = 0,
	                                    .spare = {}};
	device_step_ptr step = device_begin_step(d, DEVICE_ATTACHING);
	if (p->mailbox->attach(p->mailbox_context, conn, &session, device_attached, step.get()) == 0)
		(void)step.release(); /* device_attached owns it now */
	else
		device_leave(d, p->conf->lookout);
}

/* false: the server takes no connection now. */
static bool device_adopt(push_device *d)
{
	push_plugin *p = d->owner;
	const plugin_context &c = p->context;
	const std::string peer = "push:" + std::to_string(d->row.account);
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) != 0)
		return false;
	if (c.host->adopt(c.self, pair[0], peer.c_str(), 0, &d->conn) != 0) {
		(void)close(pair[0]);
		(void)close(pair[1]);
		d->conn = 0;
		return false;
	}
	p->sessions[d->conn] = d->row.account;
	return posting_open(d, pair[1]);
}

/* Without CS_CLAIM_KICK: of several nodes, one has the device. */
static void device_claim(push_device *d, const device_login &login)
{
	const plugin_context &c = d->owner->context;
	const cs_claim claim = {.account = d->row.account,
	                        .device = login.number,
	                        .name = login.user.name.c_str(),
	                        .generation = login.user.generation,
	                        .want = 0,
	                        .flags = 0,
	                        .spare = {}};

	d->row.number = login.number;
	device_step_ptr step = device_begin_step(d, DEVICE_CLAIMING);
	if (device_adopt(d) && c.host->claim(c.self, d->conn, &claim, device_claimed, step.get()) == 0)
		(void)step.release(); /* device_claimed owns it now */
	else
		device_leave(d, d->owner->conf->lookout);
}

static int device_number_store(cs_db *db, void *arg)
{
	device_login *login = &static_cast<device_step *>(arg)->login;

	return device_log_in(db, std::span<device_login *const>(&login, 1));
}

static void device_numbered(void *, cs_conn, int result, void *arg)
{
	const device_step_ptr step(static_cast<device_step *>(arg));
	push_device *d = device_of(step.get());

	if (!d)
		return;
	if (result == 0 && step->login.user.generation && step->login.number && !step->login.is_locked &&
	    !step->login.is_void && !step->login.full) {
		d->seen = d->owner->context.host->monotonic();
		device_claim(d, step->login);
	} else {
		device_leave(d, d->owner->conf->lookout);
	}
}

static void device_number(push_device *d)
{
	const plugin_context &c = d->owner->context;
	device_step_ptr step = device_begin_step(d, DEVICE_NUMBERING);

	step->login.user.account = d->row.account;
	step->login.name = push_device_name;
	step->login.now = c.host->now();
	step->login.most = push_named_most;
	step->login.series = d->row.series;
	if (c.host->work(c.self, 0, CS_WORK_WRITE, device_number_store, device_numbered, step.get()) == 0)
		(void)step.release(); /* device_numbered owns it now */
	else
		device_leave(d, d->owner->conf->lookout);
}

/* While the bus is away nobody knows whether another node has it. */
static void device_asked(void *, cs_conn, int result, void *arg)
{
	const device_step_ptr step(static_cast<device_step *>(arg));
	push_device *d = device_of(step.get());

	if (!d)
		return;
	if (result == 0 && !step->online)
		device_number(d);
	else
		device_leave(d, d->owner->conf->lookout);
}

/* Most of the time another node has it: to ask that costs less than to claim it in vain. */
static void device_ask(push_device *d)
{
	const plugin_context &c = d->owner->context;
	device_step_ptr step = device_begin_step(d, DEVICE_ASKING);

	if (c.host->presence_of(c.self, 0, d->row.account, &step->number, &step->online, 1, device_asked, step.get()) ==
	    0)
		(void)step.release(); /* device_asked owns it now */
	else
		device_leave(d, d->owner->conf->lookout);
}

static void device_tend(push_device *d)
{
	if (d->stage != DEVICE_AWAY || d->is_posting || d->owner->context.host->monotonic() < d->next_try)
		return;
	if (d->row.number)
		device_ask(d);
	else
		device_number(d);
}

/* ---- the list */

static void device_update(push_device *d, const push_device_row &row)
{
	const bool is_other = d->row.url != row.url;

	d->row.url = row.url;
	d->row.secret = row.secret;
	d->row.series = row.series;
	if (is_other)
		posting_begin_anew(d);
}

static void device_merge(push_plugin *p, const std::vector<push_device_row> &rows)
{
	std::map<uint64_t, const push_device_row *> wanted;

	for (const push_device_row &row : rows)
		if (!row.ended && !row.is_locked)
			wanted[row.account] = &row;
	for (auto at = p->devices.begin(); at != p->devices.end();) {
		const auto row = wanted.find(at->first);

		if (row == wanted.end()) {
			device_leave(at->second.get(), 0);
			at = p->devices.erase(at);
			continue;
		}
		device_update(at->second.get(), *row->second);
		wanted.erase(row);
		++at;
	}
	for (const auto &[account, row] : wanted) {
		push_device_ptr d(new push_device);

		d->owner = p;
		d->row = *row;
		d->tag = push_next_tag(p);
		p->devices[account] = std::move(d);
	}
}

struct device_listing {
	std::vector<push_device_row> rows;
	bool looks = false; /* for rows of an erased account, which takes a read of all targets */
	bool is_erased = false; /* such rows are there */
};

static int device_list_read(cs_db *db, void *arg)
{
	device_listing *listing = static_cast<device_listing *>(arg);
	const int result = push_device_list(db, &listing->rows);

	return result || !listing->looks ? result : push_erased_any(db, &listing->is_erased);
}

static int device_erased_remove(cs_db *db, void *)
{
	return std::min(push_erased_remove(db, device_erased_most), 0);
}

static void device_erased_removed(void *, cs_conn, int, void *) {}

static void device_listed(void *state, cs_conn, int result, void *arg)
{
	const std::unique_ptr<device_listing> listing(static_cast<device_listing *>(arg));
	push_plugin *p = static_cast<push_plugin *>(state);

	p->is_listing = false;
	if (result == 0)
		device_merge(p, listing->rows);
	/* If it is refused, or some are left, the next list tells of them again. */
	if (listing->looks && (result || listing->is_erased))
		p->next_erased = 0;
	if (result == 0 && listing->is_erased)
		(void)p->context.host->work(p->context.self, 0, CS_WORK_WRITE, device_erased_remove,
		                            device_erased_removed, nullptr);
	for (const auto &[account, d] : p->devices)
		device_tend(d.get());
	if (std::exchange(p->lists_again, false))
		device_list_soon(p);
}

/* What changes while the list is read may be missing in it. */
void device_list_soon(push_plugin *p)
{
	const plugin_context &c = p->context;
	auto listing = std::make_unique<device_listing>();

	if (p->is_listing) {
		p->lists_again = true;
		return;
	}
	p->next_list = c.host->monotonic() + p->conf->lookout;
	listing->looks = p->next_erased <= c.host->monotonic();
	if (c.host->work(c.self, 0, CS_WORK_READ, device_list_read, device_listed, listing.get()) != 0)
		return;
	if (listing->looks)
		p->next_erased = c.host->monotonic() + device_erased_every_ms;
	(void)listing.release(); /* device_listed owns it now */
	p->is_listing = true;
}

/* ---- in use: a device that nobody has seen for months is forgotten */

static int device_seen_store(cs_db *db, void *arg)
{
	const device_step *step = static_cast<device_step *>(arg);
	const message_reader reader = {step->account, step->number};

	return device_note_seen(db, std::span<const message_reader>(&reader, 1), step->login.now);
}

static void device_seen_stored(void *, cs_conn, int, void *arg)
{
	const device_step_ptr step(static_cast<device_step *>(arg));
}

static void device_note_day(push_device *d)
{
	const plugin_context &c = d->owner->context;
	auto step = std::make_unique<device_step>();

	if (d->stage != DEVICE_OPEN || c.host->monotonic() < d->seen + device_day_ms)
		return;
	step->account = d->row.account;
	step->number = d->row.number;
	step->login.now = c.host->now();
	if (c.host->work(c.self, 0, CS_WORK_WRITE, device_seen_store, device_seen_stored, step.get()) != 0)
		return;
	(void)step.release(); /* device_seen_stored owns it now */
	d->seen = c.host->monotonic();
}

void device_tick(push_plugin *p)
{
	if (p->context.host->monotonic() >= p->next_list)
		device_list_soon(p);
	for (const auto &[account, d] : p->devices) {
		device_tend(d.get());
		device_note_day(d.get());
	}
}

void device_stop(push_plugin *p)
{
	for (const auto &[account, d] : p->devices)
		device_leave(d.get(), 0);
	p->devices.clear();
}

void device_count(const push_plugin *p, int64_t *open_r, int64_t *failing_r)
{
	*open_r = *failing_r = 0;
	for (const auto &[account, d] : p->devices) {
		*open_r += d->stage == DEVICE_OPEN;
		*failing_r += d->failures != 0;
	}
}

const char *device_state(const push_plugin *p, uint64_t account)
{
	const auto found = p->devices.find(account);

	if (found == p->devices.end() || found->second->stage != DEVICE_OPEN)
		return "";
	return found->second->failures ? "failing" : "served";
}
