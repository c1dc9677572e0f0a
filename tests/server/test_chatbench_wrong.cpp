/* SPDX-License-Identifier: MIT
 * Tests that chatbench finds what a server does wrong: a server of the test's own makes one mistake. */
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chatserverd/msgid.h>

#include "tests/support/check.h"

/* What it does wrong, with the fifth message; LAST_TWICE and LAST_LOST with the last. STALL: nothing for half a second.
 * LOGOUT: it refuses each. */
enum fault {
	FAULT_NONE,
	FAULT_TWICE,
	FAULT_SWAPPED,
	FAULT_STRANGER,
	FAULT_LOST,
	FAULT_LAST_TWICE,
	FAULT_LAST_LOST,
	FAULT_WRONG_TO,
	FAULT_WRONG_KIND,
	FAULT_OTHER_TEXT,
	FAULT_SAME_SEQ,
	FAULT_NO_SEQ,
	FAULT_KEPT_TWICE,
	FAULT_LOGOUT,
	FAULT_REFUSED,
	FAULT_UNASKED,
	FAULT_STALL
};

static constexpr long fault_at = 5;
static constexpr long last_message = 20;
static constexpr long signal_msgid = CS_MSGID_SIGNAL;
static constexpr int stall_ms = 500;

struct liar {
	fault what = FAULT_NONE;
	int listener = -1;
	std::map<int, std::string> input; /* by descriptor */
	std::map<long, int> online; /* by account */
	long last_account = 0;
	long messages = 0;
	std::map<std::pair<long, long>, long> seqs; /* by sender and receiver: the last seq */
	std::map<long, std::string> kept; /* by account: the frames for who is offline, in JSON texts */
	std::string held; /* a frame that comes after the next one of its receiver */
	long held_to = 0;
};

static long number_of(std::string_view frame, const char *key)
{
	const size_t at = frame.find(key);

	return at == std::string_view::npos ? -1 : atol(frame.data() + at + strlen(key));
}

static void say(int fd, const std::string &text)
{
	(void)!send(fd, text.data(), text.size(), MSG_NOSIGNAL);
}

/* The frame as its receiver gets it. */
static std::string frame_for(liar *l, long sender, long to, std::string_view frame)
{
	long *const last = &l->seqs[{sender, to}];
	const bool wrong = l->messages == fault_at;
	std::string text(frame);

	if (number_of(frame, "\"msgid\":") == signal_msgid)
		return text + "\n";
	const long seq = wrong && l->what == FAULT_SAME_SEQ ? *last : ++*last;
	if (wrong && l->what == FAULT_WRONG_TO)
		text.replace(text.find("\"toid\":") + 7, 1, "9");
	if (wrong && l->what == FAULT_WRONG_KIND)
		text.replace(text.find("\"msgid\":") + 8, 1, "10");
	if (wrong && l->what == FAULT_OTHER_TEXT)
		text.replace(text.size() - 3, 1, "y");
	text.pop_back();
	return text + (wrong && l->what == FAULT_NO_SEQ ? "}\n" : check_format(",\"seq\":%ld}\n", seq));
}

static void keep(liar *l, long to, const std::string &frame)
{
	std::string *const kept = &l->kept[to];

	for (int copy = 0; copy < (l->messages == fault_at && l->what == FAULT_KEPT_TWICE ? 2 : 1); copy++) {
		kept->append(kept->empty() ? "\"" : ",\"");
		for (const char c : std::string_view(frame).substr(0, frame.size() - 1))
			kept->append(c == '"' ? "\\" : "").append(1, c);
		kept->append("\"");
	}
}

static void deliver(liar *l, long sender, long to, const std::string &frame)
{
	const bool wrong = l->messages == fault_at, last = l->messages == last_message;

	if (wrong && l->what == FAULT_STALL)
		check_sleep_ms(stall_ms);
	if (!l->online.contains(to)) {
		keep(l, to, frame);
		return;
	}
	if (wrong && l->what == FAULT_STRANGER)
		for (const auto &[account, fd] : l->online)
			if (account != sender && account != to) {
				say(fd, frame);
				return;
			}
	if (wrong && l->what == FAULT_SWAPPED) {
		l->held = frame;
		l->held_to = to;
		return;
	}
	if (!(wrong && l->what == FAULT_LOST) && !(last && l->what == FAULT_LAST_LOST))
		say(l->online[to], frame);
	if ((wrong && l->what == FAULT_TWICE) || (last && l->what == FAULT_LAST_TWICE))
		say(l->online[to], frame);
	if (l->held_to == to) {
		say(l->online[to], l->held);
		l->held_to = 0;
	}
}

static void take_chat(liar *l, int fd, std::string_view frame)
{
	const long req = number_of(frame, "\"req\":"), sender = number_of(frame, "\"id\":");
	const long to = number_of(frame, "\"toid\":");

	l->messages++;
	const bool refused = l->what == FAULT_REFUSED && l->messages == fault_at;
	/* The answer comes first: a run must not end with the last answer and delivery. */
	const std::string answer =
		check_format("{\"msgid\":100,\"of\":6,\"req\":%ld,\"errno\":%d}\n", req, refused ? 10 : 0);
	say(fd, answer);
	if (!refused)
		deliver(l, sender, to, frame_for(l, sender, to, frame));
	if (l->what == FAULT_UNASKED && l->messages == fault_at)
		say(fd, answer);
}

static void log_in(liar *l, int fd, long id)
{
	l->online[id] = fd;
	say(fd, check_format("{\"msgid\":2,\"errno\":0,\"id\":%ld,\"name\":\"x\",\"offlinemsg\":[%s]}\n", id,
	                     l->kept[id].c_str()));
	l->kept.erase(id);
}

static void log_out(liar *l, int fd, long id)
{
	l->online.erase(id);
	say(fd, check_format("{\"msgid\":100,\"of\":3,\"req\":1,\"errno\":%d}\n", l->what == FAULT_LOGOUT ? 7 : 0));
}

static void take(liar *l, int fd, std::string_view frame)
{
	const long id = number_of(frame, "\"id\":");

	switch (number_of(frame, "\"msgid\":")) {
	case 4: say(fd, check_format("{\"msgid\":5,\"errno\":0,\"id\":%ld}\n", ++l->last_account)); break;
	case 1: log_in(l, fd, id); break;
	case 3: log_out(l, fd, id); break;
	case 6:
	case signal_msgid: take_chat(l, fd, frame); break;
	default: break;
	}
}

static void read_one(liar *l, int fd)
{
	char bytes[65536];
	const ssize_t got = recv(fd, bytes, sizeof bytes, 0);
	std::string *const input = &l->input[fd];
	size_t end;

	if (got <= 0) {
		l->input.erase(fd);
		(void)close(fd);
		return;
	}
	input->append(bytes, static_cast<size_t>(got));
	while ((end = input->find('\n')) != std::string::npos) {
		take(l, fd, std::string_view(*input).substr(0, end));
		input->erase(0, end + 1);
	}
}

[[noreturn]] static void serve(liar *l)
{
	for (;;) {
		std::vector<pollfd> all = {{l->listener, POLLIN, 0}};
		for (const auto &[fd, input] : l->input)
			all.push_back({fd, POLLIN, 0});
		(void)poll(all.data(), all.size(), -1);
		for (size_t i = 1; i < all.size(); i++)
			if (all[i].revents)
				read_one(l, all[i].fd);
		if (all[0].revents)
			l->input[accept(l->listener, nullptr, nullptr)] = "";
	}
}

struct outcome {
	int status;
	std::string text;
};

/* Runs chatbench against such a server. */
static outcome run_against(fault what, const char *arguments)
{
	const char *const build = getenv("CS_BUILD");
	sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t size = sizeof address;
	liar l;
	outcome result = {};
	char line[256];

	l.what = what;
	l.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(l.listener, reinterpret_cast<sockaddr *>(&address), size), 0);
	assert_int_equal(listen(l.listener, 100), 0);
	assert_int_equal(getsockname(l.listener, reinterpret_cast<sockaddr *>(&address), &size), 0);
	const pid_t pid = fork();
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		serve(&l);
	}
	(void)close(l.listener);
	FILE *const pipe = popen(check_format("timeout 60 %s/chatbench %s 127.0.0.1 %u 2>&1", build ? build : "build",
	                                      arguments, ntohs(address.sin_port))
	                                 .c_str(),
	                         "r");
	while (pipe && fgets(line, sizeof line, pipe))
		result.text += line;
	result.status = WEXITSTATUS(pclose(pipe));
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, nullptr, 0);
	return result;
}

/* The run ends with the status and one line that has the words. */
static void expect(fault what, const char *words, const char *arguments = "-s 2 -w 2 -n 10", int status = 1)
{
	const outcome o = run_against(what, arguments);
	const size_t at = ("\n" + o.text).find("\nchatbench: ");

	if (o.status != status || at == std::string::npos || o.text.find(words, at) == std::string::npos ||
	    o.text.find("chatbench: ", at + 1) != std::string::npos)
		check_fail(std::source_location::current(), "status %d, not \"%s\":\n%s", o.status, words,
		           o.text.c_str());
}

static void a_server_without_a_fault_passes(void **)
{
	for (const char *arguments :
	     {"-s 2 -w 2 -n 10", "-S -s 2 -w 2 -n 10", "--random -s 2 -n 10", "--away -s 2 -n 10"}) {
		const outcome o = run_against(FAULT_NONE, arguments);
		if (o.status != 0)
			check_fail(std::source_location::current(), "%s: status %d: %s", arguments, o.status,
			           o.text.c_str());
	}
}

static void a_message_that_comes_twice_is_told(void **)
{
	expect(FAULT_TWICE, " twice; ");
	expect(FAULT_TWICE, " twice; ", "-S -s 2 -w 2 -n 10");
	expect(FAULT_TWICE, " twice; ", "--random -s 2 -w 2 -n 10");
	expect(FAULT_LAST_TWICE, " twice; ");
	expect(FAULT_KEPT_TWICE, " twice; ", "--away -s 2 -w 2 -n 10");
}

static void a_message_out_of_order_is_told(void **)
{
	expect(FAULT_SWAPPED, " with a seq that does not follow the last; ");
	expect(FAULT_SWAPPED, " after a later one; ", "-S -s 2 -w 2 -n 10");
}

static void a_message_for_somebody_else_is_told(void **)
{
	expect(FAULT_STRANGER, " got a frame that is not for it: ", "-s 1 -a 3 -w 2 -n 10");
	expect(FAULT_WRONG_TO, " for another account; ");
	expect(FAULT_WRONG_KIND, " of another kind than was sent; ");
}

static void a_wrong_seq_is_told(void **)
{
	expect(FAULT_SAME_SEQ, " with a seq that does not follow the last; ", "-s 1 -w 2 -n 20");
	expect(FAULT_NO_SEQ, " without a seq; ");
}

static void a_message_whose_text_was_changed_is_told(void **)
{
	expect(FAULT_OTHER_TEXT, " with another text than was sent; ");
}

static void a_message_that_is_lost_is_told(void **)
{
	expect(FAULT_LOST, " with a seq that does not follow the last; ");
	expect(FAULT_LAST_LOST, "1 messages did not arrive");
}

static void a_logout_that_is_refused_is_told(void **)
{
	expect(FAULT_LOGOUT, "\"errno\":7", "--away -s 2 -n 10", 3);
}

static void a_message_that_is_refused_is_told(void **)
{
	expect(FAULT_REFUSED, "1 messages were refused, the first with errno 10");
}

static void an_answer_that_nobody_waits_for_is_told(void **)
{
	expect(FAULT_UNASKED, "an answer that it does not wait for");
}

/* In the half second 250 messages should have been sent. With a window only a few messages would show it. */
static void at_a_rate_all_messages_of_a_pause_show_it(void **)
{
	const outcome o = run_against(FAULT_STALL, "-s 2 -R 500 -t 1");
	const size_t at = o.text.find("ack_p90_ms "), longest = o.text.find("ack_max_ms ");

	if (o.status != 0 || at == std::string::npos || longest == std::string::npos)
		check_fail(std::source_location::current(), "status %d: %s", o.status, o.text.c_str());
	assert_true(atof(o.text.c_str() + at + 11) > 100);
	assert_true(atof(o.text.c_str() + longest + 11) >= stall_ms - 50);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_server_without_a_fault_passes),
		cmocka_unit_test(a_message_that_comes_twice_is_told),
		cmocka_unit_test(a_message_out_of_order_is_told),
		cmocka_unit_test(a_message_for_somebody_else_is_told),
		cmocka_unit_test(a_wrong_seq_is_told),
		cmocka_unit_test(a_message_whose_text_was_changed_is_told),
		cmocka_unit_test(a_message_that_is_lost_is_told),
		cmocka_unit_test(a_logout_that_is_refused_is_told),
		cmocka_unit_test(a_message_that_is_refused_is_told),
		cmocka_unit_test(an_answer_that_nobody_waits_for_is_told),
		cmocka_unit_test(at_a_rate_all_messages_of_a_pause_show_it),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
