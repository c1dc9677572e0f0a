/* SPDX-License-Identifier: MIT
 * Fuzz target of the handlers: login, chat, group, edit, history, people, presence, signal, skeleton and the mailbox
 * behind them, on the fake host with a real database.
 *
 * An input is text, a line per event; C is a connection, 0 to 3:
 *   C{...}   a frame (skipped where the server would refuse its form)
 *   s, r     one entry of the queue, or all
 *   xC wC    the connection ends; the kernel took its output
 *   bC       whichever C: all connections are slow from now on (or no more)
 *   fPKAR    the call of place P (0 to 4) after K others fails: A 0 later, 1 at once; R which result
 *   pPAH|B   a parcel of another node with head H and body B for plugin P (0 to 8) and account A, or for all (A is 0)
 *   cN       the state of the cluster changes; N is an enum cs_cluster_event
 *   aC       the account of C has a session on another node, too
 *   t        timers fire
 * There are the accounts 1 to 3 (password p) and the group 1 of 1 and 2; 1 has 2 as a friend. */
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include <cjson/cJSON.h>

#include "core/net/frame.h"
#include "core/net/guess.h"
#include "plugins/model/contacts.h"
#include "plugins/model/groups.h"
#include "plugins/model/users.h"
#include "tests/support/fake_host.h"

struct cjson_delete {
	void operator()(cJSON *json) const
	{
		cJSON_Delete(json);
	}
};

using cjson_ptr = std::unique_ptr<cJSON, cjson_delete>;

static const size_t connections = 4;
static const unsigned inputs_per_host = 200;
static const char *const plugin_names[] = {"mailbox", "login",  "chat",     "group",  "edit",
                                           "history", "people", "presence", "signal", "skeleton"};

struct handler_world {
	fake_host_ptr host;
	unsigned inputs = 0;
	std::string password_hash, old_hash; /* the second one has another cost than new ones */
	const struct cs_plugin *plugins[std::size(plugin_names)] = {};
	bool is_forged = false; /* a parcel came that no node sends: frames may be wrong, but not the memory */
	cs_conn conns[connections] = {};
	size_t seen[connections] = {}; /* frames of the connection that were judged */
	std::map<std::string, int64_t> last_seq[connections]; /* per conversation */
};

static void demand(bool holds, const char *what, std::string_view detail = "")
{
	if (holds)
		return;
	fprintf(stderr, "does not hold: %s\n%.*s\n", what, static_cast<int>(detail.size()), detail.data());
	abort();
}

/* ---- the world before an input */

static fake_host_ptr world_host(const char *password_memory)
{
	fake_host_ptr host = fake_host_open();

	fake_host_open_db(host.get(), ":memory:");
	fake_host_set(host.get(), "login.password_ops", "1");
	fake_host_set(host.get(), "login.password_memory", password_memory);
	return host;
}

static std::string world_hash(fake_host *host)
{
	const cs_conn conn = fake_host_connect(host);
	struct user user;

	(void)fake_host_request(host, conn, R"({"msgid":4,"name":"first","password":"p"})");
	demand(user_find(host->db, 1, &user) == 0, "an account can be made", fake_host_last(host, conn));
	fake_host_end(host, conn);
	return user.password;
}

static void world_open(handler_world *w)
{
	if (w->old_hash.empty()) {
		const fake_host_ptr older = world_host("16K");

		fake_host_load(older.get(), "mailbox");
		fake_host_load(older.get(), "login");
		w->old_hash = world_hash(older.get());
	}
	w->host = world_host("8K");
	fake_host *host = w->host.get();
	/* Limits that an input can reach. */
	fake_host_set(host, "login.failed_logins", "4");
	fake_host_set(host, "login.max_devices", "2");
	fake_host_set(host, "group.members_max", "3");
	fake_host_set(host, "group.max_groups", "4");
	fake_host_set(host, "group.max_invitations", "1");
	fake_host_set(host, "people.max_friends", "2");
	fake_host_set(host, "people.max_blocked", "1");
	fake_host_set(host, "people.find_user_limit", "3");
	for (size_t i = 0; i < std::size(plugin_names); i++)
		w->plugins[i] = fake_self_plugin(fake_host_load(host, plugin_names[i]));
	w->password_hash = world_hash(host);
	w->inputs = 0;
}

static void world_empty(const fake_host *host)
{
	static const char *const tables[] = {"cursor", "body",       "entry",          "member",
	                                     "mark",   "invitation", "contact",        "conversation",
	                                     "device", "account",    "sqlite_sequence"};

	for (const char *table : tables) {
		const std::string sql = std::string("DELETE FROM ") + table;
		demand(host->driver->query(host->db, sql.c_str(), nullptr, 0, nullptr, nullptr) == 0, sql.c_str());
	}
}

static void world_populate(handler_world *w)
{
	fake_host *host = w->host.get();
	uint64_t id = 0, group = 0, joined_seq = 0;

	world_empty(host);
	for (const char *name : {"a", "b", "c"})
		demand(user_insert(host->db, name, *name == 'c' ? w->old_hash : w->password_hash, 1, &id) == 0,
		       "accounts");
	demand(friend_add(host->db, 1, 2) == 0, "a friend");
	demand(group_create(host->db, 1, "group", "", &group) == 0 && group == 1, "a group");
	demand(group_join(host->db, 2, group, &joined_seq) == 0, "a member");
}

static void world_connect(handler_world *w, size_t c)
{
	w->conns[c] = fake_host_connect(w->host.get());
	w->seen[c] = 0;
	w->last_seq[c].clear();
}

/* ---- what must hold for everything that a client gets */

static int64_t number_of(const cJSON *fields, const char *key)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(fields, key);

	return cJSON_IsNumber(item) ? static_cast<int64_t>(item->valuedouble) : -1;
}

/* Within a session, what is delivered of a conversation comes in order and once. */
static void judge_delivery(handler_world *w, size_t c, const cJSON *fields, std::string_view frame)
{
	const int64_t msgid = number_of(fields, "msgid"), group = number_of(fields, "groupid"),
		      seq = number_of(fields, "seq");
	const bool of_pair =
		msgid == CS_MSGID_CHAT || ((msgid == CS_MSGID_EDIT || msgid == CS_MSGID_RECALL) && group <= 0);
	const std::string conversation = !of_pair ? "group " + std::to_string(group)
	                                          : "from " + std::to_string(number_of(fields, "id")) + " to " +
	                                                    std::to_string(number_of(fields, "toid"));

	demand(seq > 0 && number_of(fields, "ts") > 0, "a delivery has seq and ts", frame);
	int64_t &last = w->last_seq[c][conversation];
	demand(seq > last, "seq grows", frame);
	last = seq;
}

static void demand_is_accepted(std::string_view frame)
{
	struct frame_parser p;
	cs_error e = {"not whole"};

	demand(frame_parse(&p, frame.data(), frame.size()) == FRAME_COMPLETE && p.at == frame.size() &&
	               frame_fault(&p, &e) == 0,
	       e.text, frame);
}

/* Whether it is an entry of a log. */
static bool is_entry(int64_t msgid)
{
	switch (msgid) {
	case CS_MSGID_CHAT:
	case CS_MSGID_GROUP_CHAT:
	case CS_MSGID_CREATE_GROUP:
	case CS_MSGID_JOIN_GROUP:
	case CS_MSGID_REMOVE_MEMBER:
	case CS_MSGID_SET_ROLE:
	case CS_MSGID_SET_GROUP:
	case CS_MSGID_MUTE:
	case CS_MSGID_EDIT:
	case CS_MSGID_RECALL: return true;
	default: return false;
	}
}

static bool is_sent_beside(int64_t msgid)
{
	switch (msgid) {
	case CS_MSGID_ACK:
	case CS_MSGID_REGISTER_ACK:
	case CS_MSGID_INVITE:
	case CS_MSGID_READ:
	case CS_MSGID_SIGNAL:
	case CS_MSGID_PRESENCE:
	case CS_MSGID_ADDED: return true;
	default: return false;
	}
}

static void judge_frame(handler_world *w, size_t c, std::string_view frame)
{
	const cjson_ptr fields(cJSON_ParseWithLength(frame.data(), frame.size()));

	/* LOGIN_ACK carries lists of any length; its form is judged by the parser alone. */
	demand(fields != nullptr, "a frame is JSON", frame);
	const int64_t msgid = number_of(fields.get(), "msgid");
	if (msgid == CS_MSGID_LOGIN_ACK) {
		if (number_of(fields.get(), "errno") == 0)
			w->last_seq[c].clear();
		return;
	}
	/* Its own bytes may have been at the limits, so two more values and a few more bytes are none. */
	if (is_entry(msgid))
		judge_delivery(w, c, fields.get(), frame);
	else if (msgid != CS_MSGID_INVITE)
		demand_is_accepted(frame);
	demand(is_entry(msgid) || is_sent_beside(msgid), "the server sends this msgid", frame);
}

static void world_judge(handler_world *w)
{
	for (size_t c = 0; c < connections; c++) {
		const fake_conn *conn = fake_host_conn(w->host.get(), w->conns[c]);
		for (; w->seen[c] < conn->frames.size() && !w->is_forged; w->seen[c]++)
			judge_frame(w, c, conn->frames[w->seen[c]]);
	}
}

/* Runs all that can run. What failed is tried again by timers; until then a place is held and a login of that
 * account waits. */
static void world_settle(handler_world *w)
{
	fake_host *host = w->host.get();

	fake_host_run(host);
	for (int i = 0; i < 4 && !host->nodes[0].held.empty(); i++) {
		fake_host_fire(host);
		fake_host_run(host);
	}
	demand(host->nodes[0].held.empty(), "no place is held");
}

static void world_run(handler_world *w)
{
	world_settle(w);
	world_judge(w);
	for (const cs_conn handle : w->conns) {
		const fake_conn *conn = fake_host_conn(w->host.get(), handle);

		demand(!conn->open || !conn->pending, "nobody waits when all is done");
	}
}

/* ---- events */

static bool has_handler(uint32_t msgid)
{
	switch (msgid) {
	case CS_MSGID_LOGIN:
	case CS_MSGID_LOGOUT:
	case CS_MSGID_REGISTER:
	case CS_MSGID_CHAT:
	case CS_MSGID_ADD_FRIEND:
	case CS_MSGID_CREATE_GROUP:
	case CS_MSGID_JOIN_GROUP:
	case CS_MSGID_GROUP_CHAT:
	case CS_MSGID_DELIVERED:
	case CS_MSGID_REMOVE_MEMBER:
	case CS_MSGID_SET_ROLE:
	case CS_MSGID_SET_GROUP:
	case CS_MSGID_MEMBERS:
	case CS_MSGID_INVITE:
	case CS_MSGID_MUTE:
	case CS_MSGID_EDIT:
	case CS_MSGID_RECALL:
	case CS_MSGID_HISTORY:
	case CS_MSGID_INBOX:
	case CS_MSGID_DEVICES:
	case CS_MSGID_END_DEVICE:
	case CS_MSGID_SET_PASSWORD:
	case CS_MSGID_READ:
	case CS_MSGID_SIGNAL:
	case CS_MSGID_SET_CONTACT:
	case CS_MSGID_CONTACTS:
	case CS_MSGID_FIND_USER:
	case 1000: return true;
	default: return false;
	}
}

static void event_frame(handler_world *w, size_t c, std::string_view frame)
{
	struct frame_parser p;
	cs_error e = {};

	if (frame_parse(&p, frame.data(), frame.size()) != FRAME_COMPLETE || p.at != frame.size() ||
	    frame_fault(&p, &e) != 0 || !has_handler(p.request.msgid))
		return;
	if (fake_host_conn(w->host.get(), w->conns[c])->pending)
		world_run(w); /* the server would not dispatch it before */
	(void)fake_host_frame(w->host.get(), w->conns[c], frame);
	world_judge(w);
}

/* Only results that the contract of that call allows. */
static void event_fault(handler_world *w, std::string_view how)
{
	static const int at_call[] = {CS_EBUSY, CS_ECANCELED};
	static const int of_work[] = {CS_ENOSTORE, CS_ECANCELED, CS_EUNKNOWN, CS_DB_BAD_VALUE};
	static const int of_claim[] = {CS_EEXIST, CS_ECANCELED};

	if (how.size() != 4 || how.find_first_not_of("01234") != how.npos)
		return;
	const auto place = static_cast<fake_fault_place>(how[0] - '0');
	const size_t which = static_cast<size_t>(how[3] - '0');
	fake_fault fault = {place, how[1] - '0', how[2] == '1', 0};
	if (fault.at_call)
		fault.result = at_call[which % std::size(at_call)];
	else if (place == FAKE_CLAIM)
		fault.result = of_claim[which % std::size(of_claim)];
	else
		fault.result = of_work[which % std::size(of_work)];
	w->host->faults.push_back(fault);
}

static void event_parcel(handler_world *w, std::string_view text)
{
	fake_host *host = w->host.get();
	const size_t plugin =
		text.size() < 2 ? std::size(plugin_names) : static_cast<unsigned char>(text[0]) - size_t{'0'};
	const size_t bar = text.find('|');

	if (plugin >= std::size(plugin_names) || text.substr(2, bar - 2).size() > CS_PARCEL_HEAD_MOST)
		return;
	fake_parcel parcel = {w->plugins[plugin], std::string(text.substr(2, bar - 2)), nullptr};
	if (bar != text.npos)
		parcel.body.reset(host->table.share(text.data() + bar + 1, text.size() - bar - 1), host->table.unshare);
	w->is_forged = true;
	if (text[1] == '0')
		fake_host_deliver_all(host, 0, 0, parcel);
	else
		(void)fake_host_deliver(host, 0, static_cast<cs_account>(text[1] - '0'), parcel);
}

static void event_cluster(const handler_world *w, size_t number)
{
	if (number < CS_CLUSTER_DEGRADED || number > CS_CLUSTER_MISSED)
		return;
	for (fake_self *self : w->host->selves)
		if (fake_self_plugin(self)->cluster)
			fake_self_plugin(self)->cluster(fake_self_state(self), static_cast<cs_cluster_event>(number));
}

static void event_not_alone(const handler_world *w, size_t c)
{
	const fake_conn *conn = fake_host_conn(w->host.get(), w->conns[c]);

	for (fake_self *self : w->host->selves)
		if (conn->account && fake_self_plugin(self)->not_alone)
			fake_self_plugin(self)->not_alone(fake_self_state(self), conn->account);
}

static void event_connection(handler_world *w, char what, size_t c)
{
	fake_host *host = w->host.get();

	if (what == 'x') {
		fake_host_end(host, w->conns[c]);
		world_connect(w, c);
	} else if (what == 'a') {
		event_not_alone(w, c);
	} else if (what == 'w') {
		fake_host_written_all(host, w->conns[c]);
		world_judge(w);
	} else {
		host->soft_mark = host->soft_mark > 0 ? 0 : SIZE_MAX;
	}
}

static void event(handler_world *w, std::string_view line)
{
	if (line.empty())
		return;
	const size_t first = static_cast<unsigned char>(line[0]) - size_t{'0'};
	const size_t second = line.size() < 2 ? connections : static_cast<unsigned char>(line[1]) - size_t{'0'};
	if (first < connections)
		event_frame(w, first, line.substr(1));
	else if (line[0] == 's')
		(void)fake_host_step(w->host.get());
	else if (line[0] == 'r')
		world_run(w);
	else if (line[0] == 't')
		fake_host_fire(w->host.get());
	else if (line[0] == 'f')
		event_fault(w, line.substr(1));
	else if (line[0] == 'c')
		event_cluster(w, second);
	else if (line[0] == 'p')
		event_parcel(w, line.substr(1));
	else if (strchr("xwba", line[0]) && second < connections)
		event_connection(w, line[0], second);
	world_judge(w);
}

/* What no row of the store may be, whatever was asked for. */
static const struct {
	const char *promise, *sql;
} store_promises[] = {
	{"a recalled message has no text",
         "SELECT 1 FROM message WHERE kind = 1 AND"
         " (json_extract(body, '$.msg') <> '' OR json_extract(body, '$.recalled') <> edited)"},
	{"of the EDITs of a message only the last has a text",
         "SELECT 1 FROM message e WHERE e.kind = 2 AND json_extract(e.body, '$.msgid') = 160"
         " AND json_extract(e.body, '$.msg') IS NOT NULL AND NOT EXISTS (SELECT 1 FROM message m"
         " WHERE m.conversation = e.conversation AND m.kind = 0 AND m.edited = e.seq"
         " AND m.seq = json_extract(e.body, '$.of')"
         " AND COALESCE(json_extract(m.body, '$.msg'), json_extract(e.body, '$.msg')) = json_extract(e.body, '$.msg'))"},
	{"seq counts 1, 2, 3",
         "SELECT 1 FROM message GROUP BY conversation HAVING COUNT(*) <> MAX(seq) OR MIN(seq) <> 1"},
	{"a group knows how many members it has",
         "SELECT 1 FROM conversation c WHERE kind = 1 AND (members > 3 OR members <>"
         " (SELECT COUNT(*) FROM member WHERE conversation = c.id AND left_seq IS NULL))"},
	{"a group has one creator",
         "SELECT 1 FROM conversation c WHERE kind = 1 AND members > 0 AND"
         " (SELECT COUNT(*) FROM member WHERE conversation = c.id AND left_seq IS NULL AND role = 1) <> 1"},
	{"who has left has no role", "SELECT 1 FROM member WHERE left_seq IS NOT NULL AND role <> 0"},
	{"the name of a group that has ended is free",
         "SELECT 1 FROM conversation WHERE kind = 1 AND (members = 0) <> (name IS NULL)"},
	{"members are not invited, nor is anybody to a group that has ended",
         "SELECT 1 FROM invitation i JOIN conversation c ON c.id = i.conversation WHERE members = 0 OR EXISTS"
         " (SELECT 1 FROM member m WHERE m.conversation = c.id AND m.account = i.account AND left_seq IS NULL)"},
	{"invitations are at most as many as the limit",
         "SELECT 1 FROM invitation GROUP BY conversation HAVING COUNT(*) > 1"},
	{"contacts are at most as many as the limits",
         "SELECT 1 FROM contact GROUP BY account HAVING SUM(listed) > 2 OR SUM(blocked) > 1 OR MIN(listed + blocked) = 0"},
	{"a pair has the flags of its contacts",
         "SELECT 1 FROM conversation c WHERE kind = 0 AND low <> high AND flags & 15 <>"
         " COALESCE((SELECT blocked + listed * 4 FROM contact WHERE account = low AND other = high), 0) +"
         " COALESCE((SELECT blocked * 2 + listed * 8 FROM contact WHERE account = high AND other = low), 0)"},
	{"devices are at most as many as the limit",
         "SELECT 1 FROM device WHERE number > 0 GROUP BY account HAVING COUNT(*) > 2"},
	{"what was shown as read was read, and is there",
         "SELECT 1 FROM mark JOIN conversation_state s ON s.id = conversation"
         " WHERE read_seq > last_seq OR shown_seq > read_seq"},
	{"a cid names an entry",
         "SELECT 1 FROM entry e WHERE k >= '' AND NOT EXISTS"
         " (SELECT 1 FROM entry m WHERE m.conversation = e.conversation AND m.k = e.ref AND m.owner = 0)"},
	{"a body is of an entry", "SELECT 1 FROM body WHERE id NOT IN (SELECT ref FROM entry WHERE k < '')"},
	{"an entry has a body", "SELECT 1 FROM entry WHERE k < '' AND ref NOT IN (SELECT id FROM body)"},
	{"a stored frame is JSON", "SELECT 1 FROM body WHERE NOT json_valid(body)"},
};

static int judge_store_row(void *promise, const cs_db_value *, size_t)
{
	demand(false, *static_cast<const char *const *>(promise));
	return 0;
}

static void judge_store(const fake_host *host)
{
	for (auto promise : store_promises)
		demand(host->driver->query(host->db, promise.sql, nullptr, 0, judge_store_row, &promise.promise) == 0,
		       promise.sql);
}

/* Everybody goes; nothing may be left. */
static void world_close(handler_world *w)
{
	fake_host *host = w->host.get();

	world_run(w);
	host->faults.clear();
	for (const cs_conn conn : w->conns)
		fake_host_end(host, conn);
	world_settle(w);
	demand(host->nodes[0].online.empty(), "nobody is online");
	demand(host->jobs.empty(), "nothing waits");
	judge_store(host);
	fake_host_forget(host);
	host->soft_mark = SIZE_MAX;
	host->guess_table.reset();
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* Plugins are loaded once: an input costs a hundredth of that. */
	static const std::unique_ptr<handler_world> w = std::make_unique<handler_world>();
	std::string_view rest(reinterpret_cast<const char *>(data), size);

	if (!w->host || ++w->inputs >= inputs_per_host) {
		w->host.reset();
		world_open(w.get());
	}
	world_populate(w.get());
	w->is_forged = false;
	for (size_t c = 0; c < connections; c++)
		world_connect(w.get(), c);
	while (!rest.empty()) {
		const size_t end = std::min(rest.find('\n'), rest.size());
		event(w.get(), rest.substr(0, end));
		rest.remove_prefix(std::min(end + 1, rest.size()));
	}
	world_close(w.get());
	return 0;
}
