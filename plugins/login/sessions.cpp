/* SPDX-License-Identifier: MIT
 * The sessions of this worker, and their ends when a password was changed, an account locked or a device forgotten. */
#include "sessions.h"

#include <algorithm>
#include <array>
#include <memory>

static const int64_t login_sessions_check_ms = 8000; /* at least, between two checks */
static const int64_t login_sessions_doubt_ms = 500; /* at least, that a session must seem to be over */
/* A node can die between the commit and the parcels. */
static const int64_t login_sessions_sweep_ms = 10 * 60 * 1000;
/* In that time the bus has said that the account is not alone. If the bus is away for longer, all is compared. */
static const int64_t login_sessions_former_ms = 60 * 1000;

/* One read has at most so many sessions. */
static const size_t login_sessions_most = 256;

/* ---- the sessions */

static void login_sessions_route_new(const login_plugin *plugin, cs_conn conn, const login_session &session);

void login_sessions_add(login_plugin *plugin, cs_conn conn, const login_session &session)
{
	plugin->sessions[conn] = session;
	login_sessions_route_new(plugin, conn, session);
}

void login_sessions_set_series(login_plugin *plugin, cs_conn conn, uint64_t series)
{
	const auto found = plugin->sessions.find(conn);

	if (found == plugin->sessions.end())
		return;
	found->second.series = series;
	found->second.seems_over = 0;
	login_sessions_route_new(plugin, conn, found->second);
}

void login_sessions_remove(login_plugin *plugin, cs_conn conn)
{
	plugin->sessions.erase(conn);
}

static login_session *login_sessions_find(login_plugin *plugin, cs_conn conn)
{
	const auto found = plugin->sessions.find(conn);

	return found == plugin->sessions.end() ? nullptr : &found->second;
}

/* ---- parcels. Their heads are 'E': the device was ended; 'L': the account is locked; 'C': it was locked just now, so
 * the session is compared with the store; or 'P' and two numbers of 8 bytes, low byte first: sessions of named devices
 * with a series below the first, and of device 0 below the second, end; or 'N', the connection, series and device, and
 * 1 if it has a token: from an instance that was replaced, to the one in force on its worker. */

static const size_t login_sessions_head_size = 1 + 8 + 8;
static const size_t login_sessions_new_size = 1 + 8 + 8 + 8 + 1;

static uint64_t login_sessions_take(const unsigned char *at)
{
	uint64_t number = 0;

	for (size_t i = 0; i < 8; i++)
		number |= static_cast<uint64_t>(at[i]) << (8 * i);
	return number;
}

static void login_sessions_put(unsigned char *at, uint64_t number)
{
	for (size_t i = 0; i < 8; i++)
		at[i] = static_cast<unsigned char>(number >> (8 * i));
}

/* A login or a change of the password has ended in an instance that was replaced meanwhile: the one in force must know
 * the session, for it ends it when the password is changed. */
static void login_sessions_route_new(const login_plugin *plugin, cs_conn conn, const login_session &session)
{
	std::array<unsigned char, login_sessions_new_size> head = {'N'};
	const cs_parcel parcel = {head.data(), head.size(), nullptr};

	if (!plugin->leaves)
		return;
	login_sessions_put(head.data() + 1, conn);
	login_sessions_put(head.data() + 9, session.series);
	login_sessions_put(head.data() + 17, session.device);
	head[25] = session.has_token;
	(void)plugin->context.host->route(plugin->context.self, session.account, session.device, &parcel, 0);
}

static void login_sessions_take_new(login_plugin *plugin, cs_conn conn, cs_account account, const unsigned char *head)
{
	if (conn == 0 || login_sessions_take(head + 1) != conn)
		return;
	login_session *session = &plugin->sessions[conn];

	session->account = account;
	session->series = login_sessions_take(head + 9);
	session->device = static_cast<uint32_t>(login_sessions_take(head + 17));
	session->has_token = head[25] != 0;
	session->seems_over = 0;
}

static void login_sessions_route_former(const login_plugin *plugin, uint64_t account, const user_series &series)
{
	std::array<unsigned char, login_sessions_head_size> head = {'P'};
	const cs_parcel parcel = {head.data(), head.size(), nullptr};

	login_sessions_put(head.data() + 1, user_series_of(series, true));
	login_sessions_put(head.data() + 9, user_series_of(series, false));
	(void)plugin->context.host->route(plugin->context.self, account, CS_EVERY_DEVICE, &parcel, 0);
}

static void login_sessions_route_word(const login_plugin *plugin, uint64_t account, uint64_t device, char head)
{
	const cs_parcel parcel = {&head, sizeof head, nullptr};

	(void)plugin->context.host->route(plugin->context.self, account, device, &parcel, 0);
}

static login_former *login_sessions_remember(login_plugin *plugin, uint64_t account)
{
	login_former *former = &plugin->formers[account];

	former->until = plugin->context.host->monotonic() + login_sessions_former_ms;
	return former;
}

void login_sessions_end_former(login_plugin *plugin, uint64_t account, const user_series &series)
{
	login_sessions_remember(plugin, account)->series = series;
	login_sessions_route_former(plugin, account, series);
}

void login_sessions_end_locked(login_plugin *plugin, uint64_t account)
{
	login_sessions_remember(plugin, account)->was_locked = true;
	login_sessions_route_word(plugin, account, CS_EVERY_DEVICE, 'L');
}

/* Perhaps another node has unlocked it since it was locked here. */
void login_sessions_on_not_alone(const login_plugin *plugin, uint64_t account)
{
	const auto found = plugin->formers.find(account);

	if (found == plugin->formers.end() || plugin->context.host->monotonic() >= found->second.until)
		return;
	/* 0: the account was only locked. */
	if (found->second.series.all != 0)
		login_sessions_route_former(plugin, account, found->second.series);
	if (found->second.was_locked)
		login_sessions_route_word(plugin, account, CS_EVERY_DEVICE, 'C');
}

void login_sessions_end_device(const login_plugin *plugin, uint64_t account, uint64_t device)
{
	login_sessions_route_word(plugin, account, device, 'E');
}

/* The instance that has sent it was perhaps replaced meanwhile: then nobody else does it again. */
static void login_sessions_note_former(login_plugin *plugin, cs_account account, const unsigned char *head)
{
	const uint64_t named = login_sessions_take(head + 1), other = login_sessions_take(head + 9);

	user_series *known = &login_sessions_remember(plugin, account)->series;

	if (named >= known->all)
		*known = {.all = named, .unnamed = other - named};
}

static void login_sessions_check_more(login_plugin *p);

static void login_sessions_on_word(login_plugin *plugin, cs_conn conn, char word)
{
	if (conn == 0)
		return;
	if (word != 'C') {
		(void)plugin->context.host->close(plugin->context.self, conn,
		                                  word == 'L' ? "the account is locked" : "its device was ended");
		return;
	}
	plugin->unchecked.push_back(conn);
	login_sessions_check_more(plugin);
}

void login_sessions_on_routed(login_plugin *plugin, cs_conn conn, cs_account account, const cs_parcel *parcel)
{
	const unsigned char *head = static_cast<const unsigned char *>(parcel->head);

	if (parcel->head_size == login_sessions_new_size && head[0] == 'N')
		return login_sessions_take_new(plugin, conn, account, head);
	if (parcel->head_size == 1)
		return login_sessions_on_word(plugin, conn, static_cast<char>(head[0]));
	const login_session *session = login_sessions_find(plugin, conn);

	if (!session || parcel->head_size != login_sessions_head_size || head[0] != 'P')
		return;
	login_sessions_note_former(plugin, account, head);
	if (session->series < login_sessions_take(head + (session->device != 0 ? 1 : 9)))
		(void)plugin->context.host->close(plugin->context.self, conn, "the password was changed");
}

/* ---- comparing with the store */

struct login_sessions_check {
	std::vector<cs_conn> conns;
	std::vector<device_session> sessions;
	std::vector<unsigned char> is_over;
};

static int login_sessions_look(cs_db *db, void *arg)
{
	login_sessions_check *check = static_cast<login_sessions_check *>(arg);

	return device_over(db, check->sessions, &check->is_over);
}

/* Meanwhile the connection can have another session, and the session another series. */
static bool login_sessions_is_same(const login_session *now, const device_session &then)
{
	return now && now->account == then.reader.account && now->device == then.reader.device &&
	       now->series == then.series;
}

/* The store may know more than this instance: the session itself has changed its password, and the end of that request
 * is on its way, perhaps from an instance that was replaced. So the store is asked twice. */
static void login_sessions_judge(login_plugin *p, cs_conn conn, login_session *session, bool is_over)
{
	const plugin_context &c = p->context;
	const int64_t now = c.host->monotonic();

	if (!is_over) {
		session->seems_over = 0;
		return;
	}
	if (session->seems_over && now - session->seems_over >= login_sessions_doubt_ms) {
		(void)c.host->close(c.self, conn, "its device was ended, the password changed or the account locked");
		return;
	}
	if (!session->seems_over)
		session->seems_over = now;
	p->doubtful.push_back(conn);
}

static void login_sessions_were_looked_up(void *state, cs_conn, int result, void *arg)
{
	const std::unique_ptr<login_sessions_check> check(static_cast<login_sessions_check *>(arg));
	login_plugin *p = static_cast<login_plugin *>(state);

	p->check_runs = false;
	if (p->leaves) /* the connections perhaps have other sessions, which it does not know */
		return;
	if (result != 0) {
		p->check_again = true;
		p->unchecked.clear();
		return;
	}
	for (size_t i = 0; i < check->conns.size(); i++) {
		login_session *session = login_sessions_find(p, check->conns[i]);

		if (login_sessions_is_same(session, check->sessions[i]))
			login_sessions_judge(p, check->conns[i], session, check->is_over[i]);
	}
	login_sessions_check_more(p);
}

/* One read at a time, and each begins in the tick if the store has no room now. */
static void login_sessions_check_more(login_plugin *p)
{
	const plugin_context &c = p->context;
	auto check = std::make_unique<login_sessions_check>();
	const size_t count = std::min(login_sessions_most, p->unchecked.size());

	if (p->check_runs || count == 0)
		return;
	for (auto at = p->unchecked.end() - static_cast<ptrdiff_t>(count); at != p->unchecked.end(); ++at)
		if (const login_session *session = login_sessions_find(p, *at)) {
			check->conns.push_back(*at);
			check->sessions.push_back({{session->account, session->device}, session->series});
		}
	if (c.host->work(c.self, 0, CS_WORK_READ, login_sessions_look, login_sessions_were_looked_up, check.get()) != 0)
		return;
	(void)check.release(); /* login_sessions_were_looked_up frees it */
	p->unchecked.resize(p->unchecked.size() - count);
	p->check_runs = true;
}

/* If it is wanted again while one is under way, it begins anew behind that one. */
static void login_sessions_check_begin(login_plugin *p)
{
	const int64_t now = p->context.host->monotonic();

	if (p->check_again && !p->check_runs && p->unchecked.empty() && now >= p->next_check) {
		p->check_again = false;
		p->next_check = now + login_sessions_check_ms;
		for (const auto &[conn, session] : p->sessions)
			p->unchecked.push_back(conn);
	}
	login_sessions_check_more(p);
}

void login_sessions_on_cluster(login_plugin *plugin, cs_cluster_event event)
{
	if (event == CS_CLUSTER_DEGRADED)
		return;
	if (plugin->sessions.empty())
		return;
	plugin->check_again = true;
	login_sessions_check_begin(plugin);
}

void login_sessions_tick(login_plugin *plugin)
{
	const plugin_context &c = plugin->context;
	const int64_t now = c.host->monotonic();

	if (now >= plugin->next_sweep) {
		plugin->check_again |= plugin->next_sweep != 0 && !c.host->store_is_exclusive(c.self);
		plugin->next_sweep = now + login_sessions_sweep_ms;
	}
	plugin->unchecked.insert(plugin->unchecked.end(), plugin->doubtful.begin(), plugin->doubtful.end());
	plugin->doubtful.clear();
	std::erase_if(plugin->formers, [now](const auto &former) { return former.second.until <= now; });
	login_sessions_check_begin(plugin);
}
