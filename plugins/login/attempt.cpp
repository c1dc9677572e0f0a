/* SPDX-License-Identifier: MIT
 * The steps of a login: the LOGIN frame, the password, the generation, the claim, the answer. */
#include "attempt.h"

#include <cstring>
#include <functional>
#include <vector>

#include <cjson/cJSON.h>

#include "../model/contacts.h"
#include "../model/devices.h"
#include "../model/groups.h"
#include "devices.h"
#include "generation_take.h"
#include "rehash.h"
#include "reply.h"

/* ---- answers */

int attempt_refuse(const login_plugin *p, cs_conn conn, const cs_request *request, int wire_errno, const char *text)
{
	return p->context.host->refuse_as(p->context.self, conn, request, CS_MSGID_LOGIN_ACK, wire_errno, "%s", text);
}

int attempt_refuse_result(const login_plugin *p, cs_conn conn, const cs_request *request, int result)
{
	const char *text = nullptr;
	const int wire_errno = login_errno_of(result, &text);

	return attempt_refuse(p, conn, request, wire_errno, text);
}

void attempt_fail(const login_plugin *p, cs_conn conn, const attempt *a, int wire_errno, const char *text)
{
	attempt_refuse(p, conn, &a->request, wire_errno, text);
	p->context.host->finish(p->context.self, conn);
}

void attempt_fail_result(const login_plugin *p, cs_conn conn, const attempt *a, int result)
{
	attempt_refuse_result(p, conn, &a->request, result);
	p->context.host->finish(p->context.self, conn);
}

static int login_attempt_refuse_early(login_plugin *p, cs_conn conn, const cs_request *request, uint64_t id,
                                      const cs_peer &peer, int64_t wait_ms)
{
	const std::string text =
		"too many wrong passwords; try again in " + std::to_string((wait_ms + 999) / 1000) + " s";

	login_log_refused(p, &p->early_limit, id, peer, "early");
	return attempt_refuse(p, conn, request, CS_ERRNO_BUSY, text.c_str());
}

/* ---- generation, device and claim */

static void login_attempt_claimed(void *state, cs_conn conn, int result, void *arg)
{
	attempt_ptr a(static_cast<attempt *>(arg));
	login_plugin *p = static_cast<login_plugin *>(state);

	if (result == 0) {
		attempt_enter(p, conn, std::move(a));
	} else if (result == CS_EEXIST && a->number == 0) {
		login_log_refused(p, &p->online_limit, a->id, a->peer, "online");
		attempt_fail(p, conn, a.get(), CS_ERRNO_ALREADY_ONLINE, "this account is already online");
	} else if (result == CS_EEXIST) { /* the older session does not end, or a later login of the device has come */
		attempt_fail_result(p, conn, a.get(), CS_EBUSY);
	} else if (result != CS_ENOENT) { /* on CS_ENOENT the connection is gone: nobody to answer */
		attempt_fail_result(p, conn, a.get(), result);
	}
}

/* The same named device again always closes its older session. */
static int login_attempt_claim(const login_plugin *p, uint64_t generation, attempt *a)
{
	const bool kicks = a->number != 0 || p->conf->duplicate_login != 0;
	const struct cs_claim claim = {.account = a->id,
	                               .device = a->number,
	                               .name = a->user.name.c_str(),
	                               .generation = generation,
	                               .want = a->want,
	                               .flags = kicks ? unsigned{CS_CLAIM_KICK} : 0u,
	                               .spare = {}};

	return p->context.host->claim(p->context.self, a->conn, &claim, login_attempt_claimed, a);
}

static int login_attempt_number(const login_plugin *p, attempt *a);

/* Those that are offline may make room. While the bus is away, nobody knows which ones are offline. */
static void login_attempt_devices_known(void *state, cs_conn conn, int result, void *arg)
{
	attempt_ptr a(static_cast<attempt *>(arg));
	const login_plugin *p = static_cast<login_plugin *>(state);
	std::vector<device_row> offline;

	if (result != 0) {
		attempt_fail_result(p, conn, a.get(), result == CS_ENOENT ? CS_EBUSY : result);
		return;
	}
	for (size_t i = 0; i < a->ask.size(); i++)
		if (!a->online[i])
			offline.push_back(a->offline[i]);
	a->offline.swap(offline);
	if (a->offline.empty()) {
		attempt_fail(p, conn, a.get(), CS_ERRNO_FULL, "all devices of this account are online");
		return;
	}
	result = login_attempt_number(p, a.get());
	if (result == 0)
		(void)a.release(); /* login_attempt_numbered owns it now */
	else
		attempt_fail_result(p, conn, a.get(), result);
}

/* What the answer says can be wrong when it is used: another new device was faster, or all have logged in. */
static const int login_attempt_most_asks = 3;

static int login_attempt_ask_devices(const login_plugin *p, attempt *a, const std::vector<device_row> &named)
{
	a->times_asked++;
	a->offline = named;
	a->ask.clear();
	for (const device_row &device : named)
		a->ask.push_back(device.number);
	a->online.resize(a->ask.size());
	return p->context.host->presence_of(p->context.self, a->conn, a->id, a->ask.data(), a->online.data(),
	                                    a->ask.size(), login_attempt_devices_known, a);
}

static void login_attempt_numbered(const login_plugin *p, int result, const device_login &login, void *arg)
{
	attempt_ptr a(static_cast<attempt *>(arg));
	const cs_conn conn = a->conn;

	/* CS_EUNKNOWN: perhaps they were forgotten; if not, they log in again. */
	if (result == 0 || result == CS_EUNKNOWN)
		for (const uint64_t device : login.ended)
			devices_end_sessions(p, a->id, device);
	a->number = login.number;
	if (result == 0 && login.full && a->times_asked == login_attempt_most_asks) {
		attempt_fail(p, conn, a.get(), CS_ERRNO_FULL, "this account has the most devices that are allowed");
		return;
	}
	if (result == 0)
		result = login.full ? login_attempt_ask_devices(p, a.get(), login.named)
		                    : login_attempt_claim(p, login.user.generation, a.get());
	else if (result == CS_EUNKNOWN)
		result = CS_ENOSTORE; /* an unused generation changes nothing, so the client may simply try again */
	if (result == 0)
		(void)a.release(); /* the next step owns it now */
	else
		attempt_fail_result(p, conn, a.get(), result);
}

static int login_attempt_number(const login_plugin *p, attempt *a)
{
	device_login login;

	login.user.account = a->id;
	login.name = a->device;
	login.now = p->context.host->now();
	login.most = static_cast<size_t>(p->conf->max_devices);
	login.forgotten = login.now - p->conf->forget_devices;
	login.offline = a->offline;
	return generation_take(p, login, login_attempt_numbered, a);
}

/* ---- find and compare */

/* A result besides those of the model: other attempts failed while this one waited, so it came too early. */
static const int login_attempt_early = 100;

/* By what guesses are counted: the account; for a name that is nobody's a number above those of accounts. */
static uint64_t login_attempt_subject(const attempt &a)
{
	return a.id != 0 ? a.id : UINT64_C(1) << 63 | std::hash<std::string>()(a.name);
}

/* The result is counted here, on the hashing thread, so that a client that hangs up does not undo it. At most as many
 * attempts run at once as there are hashing threads. */
static int login_attempt_compare(cs_db *, void *arg)
{
	attempt *a = static_cast<attempt *>(arg);
	const plugin_context &c = a->context;

	a->wait_ms = c.host->guess_wait(c.self, a->peer.network, login_attempt_subject(*a), a->most_failures);
	if (a->wait_ms > 0)
		return login_attempt_early;
	const password_match match = password_compare(a->hash.c_str(), a->clear.bytes);
	if (match == PASSWORD_UNDECIDED)
		return CS_ENOSTORE;
	const bool right = match == PASSWORD_RIGHT && a->known;
	c.host->guess_note(c.self, a->peer.network, login_attempt_subject(*a), a->most_failures, right);
	a->outdated = right && password_is_outdated(a->hash.c_str(), a->cost);
	return right ? 0 : MODEL_NONE;
}

static void login_attempt_compared(void *state, cs_conn conn, int result, void *arg)
{
	attempt_ptr a(static_cast<attempt *>(arg));
	login_plugin *p = static_cast<login_plugin *>(state);

	if (result == login_attempt_early) {
		login_attempt_refuse_early(p, conn, &a->request, a->id, a->peer, a->wait_ms);
		p->context.host->finish(p->context.self, conn);
		return;
	}
	if (result == MODEL_NONE) {
		login_log_refused(p, &p->wrong_limit, a->id, a->peer, "password");
		attempt_fail(p, conn, a.get(), CS_ERRNO_REFUSED, "no such id or wrong password");
		return;
	}
	if (result == CS_ENOSTORE)
		p->context.host->log(p->context.self, CS_LOG_ERROR,
		                     "password cannot be compared: out of memory or no hash of ours account=%llu",
		                     static_cast<unsigned long long>(a->id));
	if (result == 0)
		result = login_attempt_number(p, a.get());
	if (result == 0)
		(void)a.release(); /* login_attempt_numbered owns it now */
	else
		attempt_fail_result(p, conn, a.get(), result);
}

static int login_attempt_find(cs_db *db, void *arg)
{
	attempt *a = static_cast<attempt *>(arg);

	if (!a->name.empty())
		return user_find_name(db, a->name, &a->user);
	return user_find(db, a->id, &a->user);
}

/* The password for an unknown id is compared too, with a hash that no password fits. So the answer takes as long and
 * says the same as for a wrong password. */
static void login_attempt_found(void *state, cs_conn conn, int result, void *arg)
{
	attempt_ptr a(static_cast<attempt *>(arg));
	login_plugin *p = static_cast<login_plugin *>(state);
	const plugin_context &c = p->context;

	a->known = result == 0;
	if (a->known)
		a->id = a->user.id;
	/* Of a name it is known only now whose guess this is. */
	if (!a->name.empty() && (a->known || result == MODEL_NONE))
		a->wait_ms = c.host->guess_wait(c.self, a->peer.network, login_attempt_subject(*a), a->most_failures);
	if (a->wait_ms > 0) {
		login_attempt_refuse_early(p, conn, &a->request, a->id, a->peer, a->wait_ms);
		c.host->finish(c.self, conn);
		return;
	}
	a->hash = a->known ? a->user.password : p->dummy.data();
	if (result == MODEL_NONE)
		result = 0;
	if (result == 0)
		result = p->context.host->work(p->context.self, conn, CS_WORK_HASH, login_attempt_compare,
		                               login_attempt_compared, a.get());
	if (result == 0)
		(void)a.release(); /* login_attempt_compared owns it now */
	else
		attempt_fail_result(p, conn, a.get(), result);
}

/* ---- the request */

/* `want`, an array of texts, as bits in the order of want_words(). */
struct login_want {
	bool is_there = false;
	uint64_t mask = 0;
};

/* 0, or CS_REJECT after the request was refused. */
static int login_read_want(const plugin_context &c, const cs_frame *frame, login_want *want_r)
{
	const struct cJSON *tree = nullptr, *item;
	const char *const *words = c.host->want_words(c.self);
	const int rc = c.host->tree(frame, "want", &tree);

	if (rc == CS_ENOENT)
		return 0;
	if (rc != 0 || (tree->type & 0xff) != cJSON_Array)
		return c.host->refuse(c.self, frame->conn, &frame->request, CS_ERRNO_BAD_FRAME,
		                      "want must be an array of texts");
	want_r->is_there = true;
	cJSON_ArrayForEach(item, tree)
	{
		if ((item->type & 0xff) != cJSON_String)
			return c.host->refuse(c.self, frame->conn, &frame->request, CS_ERRNO_BAD_FRAME,
			                      "want must be an array of texts");
		for (unsigned i = 0; words[i]; i++)
			if (strcmp(words[i], item->valuestring) == 0)
				want_r->mask |= UINT64_C(1) << i;
	}
	return 0;
}

/* What a LOGIN asks for. */
struct login_request {
	int64_t id = 0; /* 0: the request has a name */
	std::string_view name, password, device;
	int acknowledges = 0, rosters = 1;
	login_want want;
};

static int login_refuse_frame(const plugin_context &c, const cs_frame *frame, const char *text)
{
	return c.host->refuse(c.self, frame->conn, &frame->request, CS_ERRNO_BAD_FRAME, "%s", text);
}

static int login_read_who(const plugin_context &c, const cs_frame *frame, login_request *r)
{
	const bool has_name = c.host->has(frame, "name") != 0;

	if (has_name && c.host->has(frame, "id"))
		return login_refuse_frame(c, frame, "either id or name, not both");
	if (!has_name)
		return field_integer(c, frame, "id", FIELD_REQUIRED, 1, &r->id);
	const int rc = field_text(c, frame, "name", FIELD_REQUIRED, &r->name);
	return rc == 0 && r->name.empty() ? login_refuse_frame(c, frame, "name is empty") : rc;
}

static int login_read_device(const plugin_context &c, const cs_frame *frame, login_request *r)
{
	const int rc = field_text(c, frame, "device", FIELD_OPTIONAL, &r->device);

	if (rc != 0 || !c.host->has(frame, "device"))
		return rc;
	if (r->device.empty() || r->device.size() > login_device_most)
		return login_refuse_frame(c, frame, "device has 1 to 64 bytes");
	return 0;
}

/* 0, or CS_REJECT after the request was refused. */
static int login_read(const plugin_context &c, const cs_frame *frame, login_request *r)
{
	int rc = login_read_who(c, frame, r);

	if (rc == 0)
		rc = field_text(c, frame, "password", FIELD_REQUIRED, &r->password);
	if (rc == 0)
		rc = field_flag(c, frame, "ack", FIELD_OPTIONAL, &r->acknowledges);
	if (rc == 0)
		rc = field_flag(c, frame, "rosters", FIELD_OPTIONAL, &r->rosters);
	if (rc == 0)
		rc = login_read_device(c, frame, r);
	return rc == 0 ? login_read_want(c, frame, &r->want) : rc;
}

static attempt_ptr login_attempt_make(const login_plugin *p, const cs_frame *frame, const login_request &r)
{
	const plugin_context &c = p->context;
	/* A longer password is wrong anyway: keep no more of it. */
	auto a = std::make_unique<attempt>(r.password.substr(0, login_password_most + 1));

	(void)c.host->peer(c.self, frame->conn, &a->peer); /* cannot fail: it sent this frame */
	a->most_failures = p->conf->failed_logins;
	a->context = c;
	a->request = frame->request;
	a->conn = frame->conn;
	a->id = static_cast<uint64_t>(r.id);
	a->name = r.name;
	a->device = r.device;
	a->acknowledges = r.acknowledges;
	a->rosters = r.rosters;
	a->want = r.want.mask;
	a->wants = r.want.is_there;
	a->cost = login_cost(p);
	return a;
}

static int login_attempt_begin(login_plugin *p, const cs_frame *frame, const login_request &r)
{
	const plugin_context &c = p->context;
	attempt_ptr a = login_attempt_make(p, frame, r);
	const int64_t wait_ms = a->id != 0 ? c.host->guess_wait(c.self, a->peer.network, a->id, a->most_failures) : 0;

	if (wait_ms > 0)
		return login_attempt_refuse_early(p, frame->conn, &frame->request, a->id, a->peer, wait_ms);
	const int rc =
		c.host->work(c.self, frame->conn, CS_WORK_READ, login_attempt_find, login_attempt_found, a.get());
	if (rc != 0)
		return attempt_refuse_result(p, frame->conn, &frame->request, rc);
	(void)a.release(); /* login_attempt_found owns it now */
	return CS_PENDING;
}

int login_on_login(void *state, const cs_frame *frame)
{
	login_plugin *p = static_cast<login_plugin *>(state);
	login_request r;

	if (const int rc = login_read(p->context, frame, &r))
		return rc;
	const bool is_same = r.id != 0 ? frame->account == static_cast<cs_account>(r.id) : frame->name == r.name;

	if (frame->account != 0 && is_same && r.device.empty())
		return attempt_refuse(p, frame->conn, &frame->request, CS_ERRNO_ALREADY_ONLINE,
		                      "this account is already online");
	if (frame->account != 0)
		return p->context.host->refuse(p->context.self, frame->conn, &frame->request, CS_ERRNO_NOT_ALLOWED,
		                               "log out first");
	return login_attempt_begin(p, frame, r);
}

/* ---- after the claim: friends and groups, the first page of stored messages, LOGIN_ACK */

/* A client that confirms deliveries sends something at least every 30 s. */
static const int64_t login_acknowledging_silence_ms = 75000;
static const int64_t login_acknowledging_doubt_ms = 35000;

/* ---- the last step: everything was read */

static void login_attempt_complete(login_plugin *p, cs_conn conn, const attempt *a)
{
	const plugin_context &context = p->context;

	if (!a->store.empty())
		p->store = a->store;
	const std::string ack =
		reply_logged_in(a->request.req, a->id, a->user.name,
	                        a->wants ? context.host->want_words(context.self) : nullptr, p->store, a->messages,
	                        roster_fill(a->roster, a->roster.friends), roster_fill(a->roster, a->roster.groups));
	uint64_t position = 0;

	if (a->acknowledges)
		context.host->set_silence(context.self, conn, login_acknowledging_silence_ms,
		                          login_acknowledging_doubt_ms);
	if (context.host->send(context.self, conn, ack.data(), ack.size(), nullptr, &position) == CS_ENOENT)
		return;
	login_log(p, "login", a->id, a->peer);
	if (p->mailbox->begin(p->mailbox_context, conn, position) != 0) {
		(void)context.host->close(context.self, conn, "the mailbox does not know this session");
		return;
	}
	if (a->outdated)
		rehash_begin(p, a->id, a->clear.bytes);
	context.host->finish(context.self, conn);
}

/* One of the two reads ended with result. The last one completes the login and frees the attempt. */
static void login_attempt_arrived(login_plugin *p, cs_conn conn, attempt *a, int result)
{
	if (a->result == 0)
		a->result = result;
	if (--a->waiting > 0)
		return;
	const attempt_ptr owner(a);
	if (a->result == 0) {
		login_attempt_complete(p, conn, a);
		return;
	}
	(void)p->context.host->logout(p->context.self, conn); /* nobody stays half logged in */
	if (a->result == MODEL_NONE)
		attempt_fail(p, conn, a, CS_ERRNO_BUSY, "this device was ended meanwhile; log in again");
	else
		attempt_fail_result(p, conn, a, a->result);
}

/* ---- the two reads after the claim: friends and groups with their states; the first page of stored messages */

/* The row of the device is looked for after the claim: a device that is ended later finds the session to close. */
static int login_attempt_look_for_device(cs_db *db, const attempt *a)
{
	const message_reader device = {a->id, a->number};
	std::vector<message_reader> missing;

	if (a->number == 0)
		return 0;
	if (const int rc = device_missing(db, {&device, 1}, &missing))
		return rc;
	return missing.empty() ? 0 : MODEL_NONE;
}

/* Runs on a store thread: to write the list of a large group takes too long for the worker. */
static int login_attempt_read_lists(cs_db *db, void *arg)
{
	attempt *a = static_cast<attempt *>(arg);
	std::vector<friend_entry> friends;
	std::vector<group_entry> groups;
	std::vector<uint64_t> blockers;
	int rc = login_attempt_look_for_device(db, a);

	if (rc == 0 && a->reads_store)
		rc = device_store_id(db, &a->store);
	if (rc != 0 || !a->rosters)
		return rc;
	rc = friend_list(db, a->id, &friends);

	if (rc == 0)
		rc = group_list(db, a->id, &groups);
	if (rc == 0)
		rc = contact_blockers(db, a->id, &blockers);
	if (rc != 0)
		return rc;
	a->roster = roster_write(friends, groups, blockers);
	return 0;
}

/* If an account's state could not be read, it is shown as offline. */
static void login_attempt_states_known(void *state, cs_conn conn, int, void *arg)
{
	login_attempt_arrived(static_cast<login_plugin *>(state), conn, static_cast<attempt *>(arg), 0);
}

static void login_attempt_lists_read(void *state, cs_conn conn, int result, void *arg)
{
	login_plugin *p = static_cast<login_plugin *>(state);
	attempt *a = static_cast<attempt *>(arg);
	roster *r = &a->roster;

	if (result != 0 || r->people.empty() ||
	    p->context.host->presence(p->context.self, conn, r->people.data(), r->online.data(), r->people.size(),
	                              login_attempt_states_known, a) != 0)
		login_attempt_arrived(p, conn, a, result);
}

/* The argument that the mailbox returns: the attempt and this plugin's instance. */
struct attempt_page {
	login_plugin *plugin = nullptr;
	struct attempt *of = nullptr;
};

static void login_attempt_page_read(void *arg, cs_conn conn, int result, const cs_mailbox_entry *entries, size_t count)
{
	const std::unique_ptr<attempt_page> page(static_cast<attempt_page *>(arg));

	for (size_t i = 0; i < count; i++)
		reply_add_item(&page->of->messages, {entries[i].frame, entries[i].size});
	login_attempt_arrived(page->plugin, conn, page->of, result);
}

static void login_attempt_attach(login_plugin *p, cs_conn conn, attempt *a)
{
	auto page = std::make_unique<attempt_page>();

	page->plugin = p;
	page->of = a;
	const cs_mailbox_session session = {.account = a->id,
	                                    .device = a->number,
	                                    .want = a->want,
	                                    .acknowledges = a->acknowledges,
	                                    .spare_flags = 0,
	                                    .spare = {}};
	const int rc = p->mailbox->attach(p->mailbox_context, conn, &session, login_attempt_page_read, page.get());
	if (rc == 0)
		(void)page.release(); /* login_attempt_page_read owns it now */
	else
		login_attempt_arrived(p, conn, a, rc);
}

static void login_attempt_read(login_plugin *p, cs_conn conn, attempt *a)
{
	const int rc = p->context.host->work(p->context.self, conn, CS_WORK_READ, login_attempt_read_lists,
	                                     login_attempt_lists_read, a);

	if (rc != 0)
		login_attempt_arrived(p, conn, a, rc);
}

void attempt_enter(login_plugin *p, cs_conn conn, attempt_ptr a)
{
	attempt *both = a.release(); /* owned by the two reads: the last one frees it in login_attempt_arrived */

	both->reads_store = both->wants && p->store.empty();
	const bool reads = both->rosters != 0 || both->reads_store || both->number != 0;

	both->waiting = reads ? 2 : 1;
	login_attempt_attach(p, conn, both);
	if (reads)
		login_attempt_read(p, conn, both);
}
