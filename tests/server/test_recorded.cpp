/* SPDX-License-Identifier: MIT
 * Plays recorded conversations of clients in the field and compares every byte that they get with what 0.1.0 sent.
 *
 * The recordings are tests/server/recorded/ *.talk. Each line is the name of a client and:
 *   +        it connects
 *   > BYTES  it sends them; \xNN is a byte, @seq is the last seq that it got
 *   =        the store has what it sent last
 *   -        it closes the connection
 *   < BYTES  what it got, one frame with the byte behind it
 *   |        the server closed the connection
 * The lines < and | follow the step that caused them, by the clients' names. A `*` stands for what may differ: ts, and
 * seq in groups. A line with # is a comment.
 *
 * To record again, or after new steps were written into a file, build 0.1.0 (commit c6c18f8) in another folder, say
 * /tmp/old, and run from here
 *   CS_BUILD=/tmp/old/build CS_RECORD=/tmp/old build/tests/server/test_recorded
 * It plays the steps on that server and writes the lines < and | anew, into the same files. */
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/admin_page.h"
#include "tests/support/check.h"
#include "tests/support/client.h"
#include "tests/support/server.h"

/* While recording, a step is over when nobody got anything for so long. */
static constexpr int quiet_ms = 300;

/* Where 0.1.0 was not as the protocol says, or the protocol leaves it open. */
struct difference {
	const char *step; /* how the line of the step begins */
	const char *old_line; /* nullptr: it sent nothing */
	const char *line; /* what is right */
};

static const char own_message[] = R"(cid < {"msgid":6,"id":3,"name":"cid","toid":3,"msg":"to myself",)"
				  R"("time":"2025-01-02 03:04:05","req":30,"seq":1,"ts":*}\x0a)";

static const difference differences[] = {
	/* Section 1: a number that no double holds is refused. */
	{R"(ann > {"msgid":102,"x":1e400})", R"(ann < {"msgid":103}\x00)",
         R"(ann < {"msgid":100,"of":102,"errno":4,"errmsg":"a number that no double holds at byte 17"}\x00)"},
	/* Section 1: the frame ends where a NUL breaks off a string. */
	{R"(cid > {"msgid":102,"x":"forgotten})", nullptr,
         R"(cid < {"msgid":100,"of":102,"errno":4,"errmsg":"control character in a string at byte 28"}\x00)"},
	/* Section 4: a name has a visible character. */
	{R"(cid > {"msgid":4,"name":"   ")", R"(cid < {"msgid":5,"errno":0,"id":3}\x00)",
         R"(cid < {"msgid":5,"errno":1,"errmsg":"name must have a visible character"}\x00)"},
	/* Section 5: what is over its limit is TOO_LONG. */
	{R"(ann > {"msgid":4,"name":"nnnnn)",
         R"(ann < {"msgid":5,"errno":1,"errmsg":"name must have 1 to 50 characters"}\x00)",
         R"(ann < {"msgid":5,"errno":12,"errmsg":"name must have 1 to 50 characters"}\x00)"},
	{R"(ann > {"msgid":4,"name":"x","password":"ppppp)",
         R"(ann < {"msgid":5,"errno":1,"errmsg":"password must have 1 to 128 bytes"}\x00)",
         R"(ann < {"msgid":5,"errno":12,"errmsg":"password must have 1 to 128 bytes"}\x00)"},
	/* Section 7: who asked with req for what becomes an entry gets its seq. */
	{R"(ann > {"msgid":8,)", R"(ann < {"msgid":100,"of":8,"req":14,"errno":0,"groupid":2}\x00)",
         R"(ann < {"msgid":100,"of":8,"req":14,"errno":0,"seq":*,"groupid":2}\x00)"},
	{R"(ann > {"msgid":8,)", R"(ann < {"msgid":100,"of":8,"req":10,"errno":0,"groupid":3}\x00)",
         R"(ann < {"msgid":100,"of":8,"req":10,"errno":0,"seq":*,"groupid":3}\x00)"},
	{R"(bob > {"msgid":9,)", R"(bob < {"msgid":100,"of":9,"req":15,"errno":0}\x0a)",
         R"(bob < {"msgid":100,"of":9,"req":15,"errno":0,"seq":*}\x0a)"},
	{R"(cid > {"msgid":9,)", R"(cid < {"msgid":100,"of":9,"req":26,"errno":0}\x0a)",
         R"(cid < {"msgid":100,"of":9,"req":26,"errno":0,"seq":*}\x0a)"},
	/* Section 7: who made the group of that name is told its number. */
	{R"(ann > {"msgid":8,)", R"(ann < {"msgid":100,"of":8,"errno":9,"errmsg":"the group name is taken"}\x00)",
         R"(ann < {"msgid":100,"of":8,"errno":9,"errmsg":"the group name is taken","groupid":3}\x00)"},
	{R"(ann > {"msgid":8,)",
         R"(ann < {"msgid":100,"of":8,"req":13,"errno":9,"errmsg":"the group name is taken"}\x00)",
         R"(ann < {"msgid":100,"of":8,"req":13,"errno":9,"errmsg":"the group name is taken","groupid":3}\x00)"},
	/* Nothing says whether a message to oneself or the answer to it comes first. 0.1.0 answered first, because it
	 * had to read the message from the store. */
	{R"(cid > {"msgid":6,"id":3,"name":"cid","toid":3,)",
         R"(cid < {"msgid":100,"of":6,"req":30,"errno":0,"seq":1}\x0a)", own_message},
	{R"(cid > {"msgid":6,"id":3,"name":"cid","toid":3,)", own_message,
         R"(cid < {"msgid":100,"of":6,"req":30,"errno":0,"seq":1}\x0a)"},
};

struct talk_line {
	std::string who;
	char kind = '#'; /* one of # + > = - < | */
	std::string bytes; /* as in the file */
};

struct stage {
	test_server *server = nullptr;
	std::map<std::string, test_client *> clients;
	std::map<std::string, int64_t> last_seq;
	int64_t stored = 0; /* messages, before the last step */
	bool records = false;
};

/* ---- the files */

static talk_line talk_parse(const std::string &line)
{
	const size_t blank = line.find(' ');

	if (line.empty() || line[0] == '#' || blank == line.npos || blank + 1 == line.size())
		return {.who = "", .kind = '#', .bytes = line};
	return {.who = line.substr(0, blank),
	        .kind = line[blank + 1],
	        .bytes = line.size() > blank + 3 ? line.substr(blank + 3) : ""};
}

static std::string talk_text(const talk_line &l)
{
	if (l.kind == '#')
		return l.bytes;
	return l.who + " " + l.kind + (l.bytes.empty() ? "" : " " + l.bytes);
}

static bool is_heard(const talk_line &l)
{
	return l.kind == '<' || l.kind == '|';
}

static std::vector<talk_line> talk_read(const std::string &path)
{
	const std::string text = check_read_file(path);
	std::vector<talk_line> lines;

	for (size_t at = 0; at < text.size();) {
		const size_t end = text.find('\n', at);

		lines.push_back(talk_parse(text.substr(at, end - at)));
		at = end == text.npos ? text.size() : end + 1;
	}
	return lines;
}

static void talk_write(const std::string &path, const std::vector<talk_line> &lines)
{
	FILE *file = fopen(path.c_str(), "w");

	assert_non_null(file);
	for (const talk_line &l : lines)
		fprintf(file, "%s\n", talk_text(l).c_str());
	assert_int_equal(fclose(file), 0);
}

static std::string escape(std::string_view bytes)
{
	std::string text;

	for (const char byte : bytes)
		if (byte >= 0 && byte < 0x20)
			text += check_format("\\x%02x", byte);
		else
			text += byte;
	return text;
}

static std::string unescape(const stage *s, const talk_line &l)
{
	std::string bytes;

	for (size_t i = 0; i < l.bytes.size(); i++) {
		if (l.bytes.compare(i, 2, "\\x") == 0 && i + 4 <= l.bytes.size()) {
			bytes += static_cast<char>(strtol(l.bytes.substr(i + 2, 2).c_str(), nullptr, 16));
			i += 3;
		} else if (l.bytes.compare(i, 4, "@seq") == 0) {
			bytes += std::to_string(s->last_seq.at(l.who));
			i += 3;
		} else {
			bytes += l.bytes[i];
		}
	}
	return bytes;
}

/* ---- what may differ */

/* Whether the object in front of that place is about a group: a message to it, or the answer to a request on it. */
static bool is_of_group(const std::string &text, size_t at)
{
	const std::string object = text.substr(text.rfind('{', at), at);

	for (const char *sign : {"\"groupid\"", "\\\"groupid\\\"", "\"of\":8,", "\"of\":9,", "\"of\":10,"})
		if (object.find(sign) < at - text.rfind('{', at))
			return true;
	return false;
}

/* Puts a * in place of the numbers of ts, and of seq in groups. Notes the last seq. */
static std::string hide_numbers(std::string text, int64_t *last_seq)
{
	for (const std::string key : {"\"seq", "\"ts"})
		for (size_t at = text.find(key); at != text.npos; at = text.find(key, at + 1)) {
			size_t begin = at + key.size();

			if (text[begin] == '\\')
				begin++;
			if (text.compare(begin, 2, "\":") != 0)
				continue;
			begin += 2;
			if (key == "\"seq")
				*last_seq = atoll(text.c_str() + begin);
			if (key == "\"seq" && !is_of_group(text, at))
				continue;
			text.replace(begin, text.find_first_not_of("0123456789", begin) - begin, "*");
		}
	return text;
}

/* ---- playing */

static void wait_for_ends(const stage *s)
{
	const std::string line = check_format("\nchatserverd_connections{transport=\"%s\"} %zu\n",
	                                      transport_name(s->server->transport), s->clients.size());

	check_wait("the connection to be closed",
	           [&] { return http_get(admin_port(s->server), "/metrics").find(line) != std::string::npos; });
}

static int64_t count_stored(const stage *s)
{
	const std::string text = http_get(admin_port(s->server), "/metrics"), name = "\nchatserverd_store_items_total ";
	const size_t at = text.find(name);

	assert_true(at != text.npos);
	return atoll(text.c_str() + at + name.size());
}

static void take_step(stage *s, const talk_line &l)
{
	if (l.kind == '=') {
		check_wait("the message to be stored", [&] { return count_stored(s) > s->stored; });
		return;
	}
	if (l.kind == '+') {
		s->clients[l.who] = client_open(s->server);
		wait_for_ends(s);
		return;
	}
	if (s->clients.count(l.who) == 0)
		check_fail(test_at::current(), "%s is not connected: %s", l.who.c_str(), talk_text(l).c_str());
	if (l.kind == '>') {
		s->stored = count_stored(s);
		client_send(s->clients[l.who], unescape(s, l));
		return;
	}
	client_close(s->clients[l.who]);
	s->clients.erase(l.who);
	wait_for_ends(s);
}

/* Adds what the client gets within that time; false when that is nothing. */
static bool hear(stage *s, const std::string &who, int timeout_ms, std::vector<talk_line> *heard_r)
{
	test_client *c = s->clients[who];
	test_frame frame;

	if (client_try_read(c, &frame, timeout_ms)) {
		const std::string bytes =
			escape(transport_is_message_based() ? frame.bytes : frame.bytes + frame.terminator);

		heard_r->push_back({.who = who, .kind = '<', .bytes = hide_numbers(bytes, &s->last_seq[who])});
		return true;
	}
	if (!c->ended)
		return false;
	if (!c->input.empty())
		client_fail(c, test_at::current(), "the connection ended inside a frame");
	heard_r->push_back({.who = who, .kind = '|', .bytes = ""});
	client_close(c);
	s->clients.erase(who);
	wait_for_ends(s);
	return true;
}

static std::vector<std::string> names_of(const stage *s)
{
	std::vector<std::string> names;

	for (const auto &[name, client] : s->clients)
		names.push_back(name);
	return names;
}

/* Everything that the clients get until all are quiet, by the clients' names. */
static std::vector<talk_line> hear_until_quiet(stage *s)
{
	std::map<std::string, std::vector<talk_line>> heard;
	std::vector<talk_line> all;
	int64_t end = check_now() + quiet_ms;

	while (check_now() < end)
		for (const std::string &name : names_of(s))
			if (s->clients.count(name) != 0 && hear(s, name, 5, &heard[name]))
				end = check_now() + quiet_ms;
	for (const auto &[name, lines] : heard)
		all.insert(all.end(), lines.begin(), lines.end());
	return all;
}

/* A message of WebSocket is the frame without the byte behind it. */
static void drop_terminator(talk_line *l)
{
	for (const char *terminator : {"\\x00", "\\x0a"})
		if (l->kind == '<' && l->bytes.ends_with(terminator)) {
			l->bytes.resize(l->bytes.size() - 4);
			return;
		}
}

/* What must be heard after the step: what was recorded, but for the differences. */
static std::vector<talk_line> lines_of_now(const std::vector<talk_line> &lines, size_t step, size_t end)
{
	const std::string text = talk_text(lines[step]);
	std::vector<talk_line> expected(lines.begin() + static_cast<ptrdiff_t>(step) + 1,
	                                lines.begin() + static_cast<ptrdiff_t>(end));

	for (talk_line &l : expected)
		for (const difference &d : differences)
			if (text.starts_with(d.step) && d.old_line && talk_text(l) == d.old_line) {
				l = talk_parse(d.line);
				break;
			}
	for (const difference &d : differences)
		if (text.starts_with(d.step) && !d.old_line)
			expected.push_back(talk_parse(d.line));
	if (transport_is_message_based())
		for (talk_line &l : expected)
			drop_terminator(&l);
	return expected;
}

/* Each client gets the lines that were recorded, and nothing else has come. */
static void hear_recorded(stage *s, const std::vector<talk_line> &lines, size_t step, size_t end)
{
	const std::string after = talk_text(lines[step]);
	std::vector<talk_line> heard;

	for (const talk_line &l : lines_of_now(lines, step, end)) {
		const std::string wanted = talk_text(l);

		if (s->clients.count(l.who) == 0 || !hear(s, l.who, static_cast<int>(check_patience_ms()), &heard))
			check_fail(test_at::current(), "after   %s\nmissing %s", after.c_str(), wanted.c_str());
		const std::string got = talk_text(heard.back());

		if (got != wanted)
			check_fail(test_at::current(), "after  %s\n0.1.0  %s\nnow    %s", after.c_str(), wanted.c_str(),
			           got.c_str());
	}
	for (const std::string &name : names_of(s))
		if (hear(s, name, 0, &heard))
			check_fail(test_at::current(), "after  %s\n0.1.0 did not send  %s", after.c_str(),
			           talk_text(heard.back()).c_str());
}

static size_t next_step(const std::vector<talk_line> &lines, size_t i)
{
	for (i++; i < lines.size() && is_heard(lines[i]);)
		i++;
	return i;
}

static void play(stage *s, const std::string &path)
{
	const std::vector<talk_line> lines = talk_read(path);
	std::vector<talk_line> recorded;
	size_t end;

	assert_true(lines.size() > 10);
	for (size_t i = 0; i < lines.size(); i = end) {
		end = next_step(lines, i);
		recorded.push_back(lines[i]);
		if (lines[i].kind == '#')
			continue;
		/* Messages of two conversations are kept in the order of their ts. */
		check_sleep_ms(2);
		take_step(s, lines[i]);
		if (!s->records) {
			hear_recorded(s, lines, i, end);
			continue;
		}
		for (talk_line &heard : hear_until_quiet(s))
			recorded.push_back(std::move(heard));
	}
	if (s->records) {
		talk_write(path, recorded);
		return;
	}
	for (const auto &[name, client] : s->clients)
		client_expect_quiet(client);
}

static void play_on_a_new_server(test_server *server, const char *name)
{
	const char *folder = getenv("CS_RECORD");
	stage s = {.server = server, .clients = {}, .last_seq = {}, .records = folder != nullptr};

	if (folder)
		test_server_set(server, "db_sqlite.schema", std::string(folder) + "/conf/schema/sqlite");
	test_server_set(server, "core.admin", "127.0.0.1:0");
	test_server_set(server, "core.max_frame", "16K");
	test_server_start(server);
	play(&s, check_format("tests/server/recorded/%s.talk", name));
	test_server_stop(server);
}

static void a_plain_client_gets_the_bytes_that_it_always_got(void **state)
{
	play_on_a_new_server(static_cast<test_server *>(*state), "plain");
}

static void a_client_that_confirms_gets_the_bytes_that_it_always_got(void **state)
{
	play_on_a_new_server(static_cast<test_server *>(*state), "confirming");
}

static void refusals_have_the_bytes_that_they_always_had(void **state)
{
	play_on_a_new_server(static_cast<test_server *>(*state), "refused");
}

static void who_was_away_for_long_gets_the_bytes_that_it_always_got(void **state)
{
	play_on_a_new_server(static_cast<test_server *>(*state), "away");
}

#define OWN_SERVER(name) cmocka_unit_test_setup_teardown(name, test_server_setup, test_server_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		OWN_SERVER(a_plain_client_gets_the_bytes_that_it_always_got),
		OWN_SERVER(a_client_that_confirms_gets_the_bytes_that_it_always_got),
		OWN_SERVER(refusals_have_the_bytes_that_they_always_had),
		OWN_SERVER(who_was_away_for_long_gets_the_bytes_that_it_always_got),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
