/* SPDX-License-Identifier: MIT
 * Plays random requests one by one: waits for the answer, then for all frames that the model expects of it. */
#include "tests/support/conversation_play.h"

#include <cstdlib>
#include <ctime>

#include <unistd.h>

#include "tests/support/check.h"

static uint64_t play_number_of(const char *variable, uint64_t otherwise)
{
	const char *value = getenv(variable);
	return value && *value ? strtoull(value, nullptr, 10) : otherwise;
}

unsigned play_new_seed(void)
{
	const uint64_t now = static_cast<uint64_t>(time(nullptr)) * 1000 + static_cast<uint64_t>(getpid()) % 1000;
	return static_cast<unsigned>(play_number_of("CS_SEED", now % 1000000000));
}

uint64_t play_steps(uint64_t briefly)
{
	return play_number_of("CS_STEPS", play_number_of("CS_LONG", 0) ? 30 * briefly : briefly);
}

void play_report(const conversation_play *p)
{
	print_message("%llu steps, %llu logins, %llu granted, %llu refused, %llu frames, %llu bursts, %llu kills, "
	              "%llu unanswered, of these %llu done\n",
	              static_cast<unsigned long long>(p->steps), static_cast<unsigned long long>(p->logins),
	              static_cast<unsigned long long>(p->granted), static_cast<unsigned long long>(p->refused),
	              static_cast<unsigned long long>(p->m.delivered), static_cast<unsigned long long>(p->bursts),
	              static_cast<unsigned long long>(p->kills), static_cast<unsigned long long>(p->unanswered),
	              static_cast<unsigned long long>(p->unanswered_done));
	for (const auto &[msgid, count] : p->grants)
		print_message("  msgid %d granted %llu times\n", msgid, static_cast<unsigned long long>(count));
	for (const auto &[number, count] : p->refusals)
		print_message("  errno %d answered %llu times\n", number, static_cast<unsigned long long>(count));
	print_message("  %llu frames that are not stored, %llu further pages, %llu of %llu own entries from the log\n",
	              static_cast<unsigned long long>(p->m.told), static_cast<unsigned long long>(p->pages),
	              static_cast<unsigned long long>(p->m.own_came),
	              static_cast<unsigned long long>(p->m.own_may_come));
}

/* The least of a run's options that the model depends on. */
void play_set_options(test_server *s)
{
	test_server_set(s, "group.members_max", "4");
	test_server_set(s, "people.find_user_limit", "0");
	test_server_set(s, "login.new_devices", "0");
}

void play_set_strict(conversation_play *p, test_server *s)
{
	test_server_set(s, "mailbox.strangers", "refuse");
	test_server_set(s, "edit.edit_window", "400ms");
	test_server_set(s, "edit.recall_window", "800ms");
	p->is_strict = true;
	p->m.refuses_strangers = true;
	p->m.edit_window = 400;
	p->m.recall_window = 800;
}

void play_fail(const conversation_play *p, size_t account, size_t device, const std::string &what)
{
	const auto found = p->clients.find({account, device});

	print_error("---- CS_SEED=%u, step %llu; the last steps:\n", p->seed,
	            static_cast<unsigned long long>(p->steps));
	for (const std::string &line : p->recent)
		check_report(line);
	check_report("---- " + conversation_describe(&p->m, account, device));
	if (found != p->clients.end())
		client_fail(found->second, test_at::current(), "\n%s", what.c_str());
	check_fail(test_at::current(), "%s", what.c_str());
}

void play_note(conversation_play *p, const std::string &line)
{
	p->recent.push_back(check_format("%llu: ", static_cast<unsigned long long>(p->steps)) + line);
	if (p->recent.size() > 3000)
		p->recent.pop_front();
}

void play_begin(conversation_play *p, const std::vector<test_server *> &nodes, unsigned seed)
{
	static const char *const names[] = {"", "phone", "desk"};
	test_client *c = client_open(nodes[0]);

	p->nodes = nodes;
	p->m.catches_up = nodes.size() > 1 || nodes[0]->database;
	p->seed = seed;
	p->random.seed(seed);
	print_message("CS_SEED=%u\n", seed);
	for (int i = 0; i < 5; i++) {
		conversation_account &account = p->m.accounts.emplace_back();

		account.name = client_new_name("model");
		account.id = client_register(c, account.name);
		for (const char *name : names)
			account.devices.emplace_back().name = name;
	}
	client_close(c);
}

/* ---- what comes */

void play_take(conversation_play *p, size_t account, size_t device, const test_frame &frame)
{
	const std::string wrong = conversation_take(&p->m, account, device, frame);

	if (!wrong.empty())
		play_fail(p, account, device, frame.bytes + "\n" + wrong);
}

/* Only 256 frames may be on their way unconfirmed. */
static void play_confirm_all(conversation_play *p, size_t account, size_t device)
{
	const conversation_device &d = p->m.accounts[account].devices[device];
	const std::map<size_t, int64_t> received = d.session.received;

	for (const auto &[place, seq] : received) {
		const conversation &c = p->m.conversations[place];
		const auto floor = d.floors.find(place);
		conversation_request r;

		r.msgid = 104;
		r.actor = account;
		r.device = device;
		r.is_group = c.is_group;
		r.group = c.group;
		r.to = c.low == account ? c.high : c.low;
		r.seq = seq;
		if (floor == d.floors.end() || floor->second < seq)
			play_request(p, r);
	}
}

static void play_read_due(conversation_play *p, size_t account, size_t device, test_client *c)
{
	while (conversation_awaits(p->m.accounts[account].devices[device].session)) {
		test_frame frame;

		if (p->m.accounts[account].devices[device].session.ack &&
		    conversation_unconfirmed(&p->m, account, device) > 100)
			play_confirm_all(p, account, device);
		if (!client_try_read(c, &frame, static_cast<int>(check_patience_ms())))
			play_fail(p, account, device, "an expected frame does not come");
		play_take(p, account, device, frame);
	}
}

/* Everybody has what the model expects, and nothing else. */
void play_settle(conversation_play *p)
{
	for (const auto &[who, c] : p->clients)
		play_read_due(p, who.first, who.second, c);
	for (const auto &[who, c] : p->clients)
		for (const test_frame &frame : client_read_all(c))
			play_take(p, who.first, who.second, frame);
}

/* Of READ only the last of a second must come, some time. */
void play_settle_marks(conversation_play *p)
{
	for (const auto &[who, c] : p->clients)
		while (!p->m.accounts[who.first].devices[who.second].session.marks.empty()) {
			test_frame frame;

			if (!client_try_read(c, &frame, static_cast<int>(check_patience_ms()))) {
				const auto wait = *p->m.accounts[who.first].devices[who.second].session.marks.begin();
				play_fail(
					p, who.first, who.second,
					check_format("READ of account %zu up to %lld of conversation %zu does not come",
				                     wait.first.second, static_cast<long long>(wait.second),
				                     wait.first.first));
			}
			play_take(p, who.first, who.second, frame);
		}
}

/* ---- sessions */

/* The server ends the connection; at most it says why. What is not stored may come before that. */
static void play_expect_end(conversation_play *p, size_t account, size_t device, test_client *c)
{
	for (const test_frame &frame : client_read_to_end(c))
		if (const int64_t msgid = json_integer(frame.json.get(), "msgid");
		    msgid != 120 && msgid != 122 && msgid != 123 &&
		    !json_matches(frame.json.get(), "{\"msgid\":100,\"errno\":13}"))
			play_fail(p, account, device, "before the end: " + frame.bytes);
	client_close(c);
}

static std::string play_login_frame(conversation_play *p, size_t account, size_t device, const conversation_session &s)
{
	const conversation_account &a = p->m.accounts[account];
	std::string want;

	for (const auto &[word, wanted] :
	     {std::pair{"event", s.event}, std::pair{"echo", s.echo}, std::pair{"read", s.read},
	      std::pair{"signal", s.signal}, std::pair{"presence", s.presence}})
		if (wanted)
			want += check_format("%s\"%s\"", want.empty() ? "" : ",", word);
	std::string frame =
		play_roll(p, 4)
			? check_format("{\"msgid\":1,\"id\":%lld,\"password\":\"secret\"", static_cast<long long>(a.id))
			: check_format("{\"msgid\":1,\"name\":%s,\"password\":\"secret\"", json_quote(a.name).c_str());

	if (!a.devices[device].name.empty())
		frame += ",\"device\":" + json_quote(a.devices[device].name);
	if (s.ack)
		frame += ",\"ack\":true";
	if (!want.empty())
		frame += ",\"want\":[" + want + "]";
	if (play_roll(p, 3) == 0)
		frame += ",\"rosters\":false";
	return frame + "}";
}

/* A session of device 0 whose connection was only cut may count for a moment. */
static test_frame play_send_login(conversation_play *p, size_t account, size_t device, test_client *c,
                                  const std::string &login)
{
	const int64_t end = check_now() + check_patience_ms();

	for (;;) {
		client_send(c, login + c->ending);
		test_frame ack = client_read(c);

		if (json_matches(ack.json.get(), "{\"msgid\":2,\"errno\":0}"))
			return ack;
		if (!json_matches(ack.json.get(), "{\"msgid\":2,\"errno\":2}") || device != 0 || check_now() > end)
			play_fail(p, account, device, "login: " + ack.bytes);
	}
}

static void play_take_offline(conversation_play *p, size_t account, size_t device, const test_frame &ack)
{
	const cJSON *all = cJSON_GetObjectItemCaseSensitive(ack.json.get(), "offlinemsg"), *item;
	int64_t before = 0;

	cJSON_ArrayForEach(item, all)
	{
		test_frame frame;

		frame.bytes = item->valuestring;
		frame.json.reset(cJSON_Parse(item->valuestring));
		play_take(p, account, device, frame);
		/* Each node has its own clock. */
		if (p->nodes.size() == 1 && json_integer(frame.json.get(), "ts") < before)
			play_fail(p, account, device, "offlinemsg is not in the order of time: " + ack.bytes);
		before = json_integer(frame.json.get(), "ts");
	}
}

void play_login(conversation_play *p, size_t account, size_t device)
{
	static const conversation_session kinds[] = {{.event = false},
	                                             {.event = true},
	                                             {.event = true, .echo = true},
	                                             {.event = true, .echo = true, .read = true},
	                                             {.echo = true},
	                                             {.read = true}};
	conversation_session s = kinds[play_roll(p, std::size(kinds))];
	test_server *node = p->nodes[play_roll(p, p->nodes.size())];
	const auto older = p->clients.find({account, device});

	s.ack = play_roll(p, 2) == 0;
	s.signal = play_roll(p, 2) == 0;
	s.presence = play_roll(p, 2) == 0;
	test_client *c = client_open(node);
	const std::string login = play_login_frame(p, account, device, s);

	play_note(p, login);
	const test_frame ack = play_send_login(p, account, device, c, login);

	if (older != p->clients.end()) {
		play_expect_end(p, account, device, older->second);
		conversation_logout(&p->m, account, device);
	}
	c->id = p->m.accounts[account].id;
	p->clients[{account, device}] = c;
	conversation_login(&p->m, account, device, s);
	play_take_offline(p, account, device, ack);
	const std::string wrong =
		conversation_check_login(&p->m, account, ack.json.get(), login.find("\"rosters\":false") == login.npos);
	if (!wrong.empty())
		play_fail(p, account, device, wrong);
	p->logins++;
}

static void play_logout(conversation_play *p, size_t account, size_t device)
{
	test_client *c = p->clients.at({account, device});

	play_note(p, check_format("logout of account %zu device %zu", account, device));
	client_logout(c);
	client_close(c);
	p->clients.erase({account, device});
	conversation_logout(&p->m, account, device);
}

/* The connection breaks, and the device comes back. */
static void play_cut(conversation_play *p, size_t account, size_t device)
{
	test_client *c = p->clients.at({account, device});

	play_note(p, check_format("cut of account %zu device %zu", account, device));
	if (play_roll(p, 2))
		client_reset(c);
	else
		client_close(c);
	p->clients.erase({account, device});
	conversation_logout(&p->m, account, device);
	play_login(p, account, device);
}

/* ---- requests */

static void play_drop_ended(conversation_play *p, size_t account, size_t device)
{
	const auto found = p->clients.find({account, device});

	if (found == p->clients.end())
		return;
	play_expect_end(p, account, device, found->second);
	p->clients.erase(found);
}

static std::string play_errnos(const std::set<int> &errnos)
{
	std::string text;

	for (const int number : errnos)
		text += check_format(" %d", number);
	return text;
}

static void play_judge(conversation_play *p, const conversation_request &r, const test_frame &answer)
{
	const conversation_verdict v = conversation_judge(&p->m, r);
	const int got = static_cast<int>(json_integer(answer.json.get(), "errno"));
	std::string wrong;

	if (!v.errnos.count(got) || json_integer(answer.json.get(), "of") != r.msgid)
		play_fail(p, r.actor, r.device,
		          r.bytes + "\n" + answer.bytes + "\nexpected errno" + play_errnos(v.errnos));
	if (got != 0) {
		p->refused++;
		p->refusals[got]++;
		return;
	}
	p->granted++;
	p->grants[r.msgid]++;
	wrong = conversation_check_answer(&p->m, r, answer.json.get());
	if (wrong.empty())
		wrong = conversation_grant(&p->m, r, json_integer(answer.json.get(), "seq"),
		                           json_integer(answer.json.get(), "groupid"));
	if (!wrong.empty())
		play_fail(p, r.actor, r.device, r.bytes + "\n" + answer.bytes + "\n" + wrong);
}

void play_request(conversation_play *p, conversation_request r)
{
	test_client *c = p->clients.at({r.actor, r.device});

	r.req = c->next_req++;
	conversation_write(&p->m, &r);
	play_note(p, check_format("device %zu: ", r.device) + r.bytes);
	r.sent = conversation_clock();
	client_send(c, r.bytes + c->ending);
	test_frame answer = client_read_answer(c, r.req);

	r.answered = conversation_clock();
	p->recent.back() += "  " + answer.bytes.substr(0, 200);
	play_read_on(p, r, &answer);
	play_judge(p, r, answer);
	if (!r.cid.empty())
		p->repeatable.push_back(r);
	if (r.msgid == 111)
		play_drop_ended(p, r.actor, r.account);
}

void play_step(conversation_play *p)
{
	const size_t account = play_roll(p, p->m.accounts.size()),
		     device = play_roll(p, p->m.accounts[account].devices.size()), kind = play_roll(p, 100);
	const bool is_in = p->clients.count({account, device});

	p->steps++;
	if (p->clients.empty() || (!is_in && kind < 12))
		is_in ? play_logout(p, account, device) : play_login(p, account, device);
	else if (is_in && kind < 3)
		play_logout(p, account, device);
	else if (is_in && kind < 5)
		play_cut(p, account, device);
	else if (is_in && kind < 7 && device != 0)
		play_login(p, account, device);
	else
		play_request(p, play_choose(p));
	play_settle(p);
	if (p->steps % 100 == 0)
		play_settle_marks(p);
}
