/* SPDX-License-Identifier: MIT
 * Tests the log and the audit log of a real server: places, forms, rotation by logrotate, and a reader who hangs. */
#include <csignal>
#include <cstring>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <base/raii.h>

#include "tests/support/admin_page.h"
#include "tests/support/check.h"
#include "tests/support/client.h"
#include "tests/support/process.h"
#include "tests/support/server.h"

using wide = long long;

static bool contains(const std::string &text, const std::string &part)
{
	return text.find(part) != text.npos;
}

static std::vector<std::string> lines_of(const std::string &text)
{
	std::vector<std::string> lines;

	for (size_t at = 0, end; (end = text.find('\n', at)) != text.npos; at = end + 1)
		lines.push_back(text.substr(at, end - at));
	return lines;
}

static void wait_text(const std::string &path, const std::string &text, test_at at = test_at::current())
{
	check_wait(
		text.c_str(), [&] { return std::filesystem::exists(path) && contains(check_read_file(path), text); },
		at);
}

static void write_file(const std::string &path, const std::string &text)
{
	const unique_fd file(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));

	assert_int_equal(write(file.fd, text.data(), text.size()), static_cast<ssize_t>(text.size()));
}

/* The server's log goes into the file that standard error goes to, so that the kit finds it. */
static std::string own_file(const test_server *s)
{
	return "file:" + s->folder + "/log";
}

/* ---- places */

static void what_cannot_be_a_log_is_refused_before_anything_is_made(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	const std::string missing = "file:" + s->folder + "/none/log", none = s->folder + "/none";

	test_server_write_conf(s);
	for (const auto &[option, why] :
	     {std::pair<std::string, std::string>("core.log=journal", "core.log: cannot be \"journal\""),
	      {"core.audit=x", "core.audit: cannot be \"x\""},
	      {"core.log=" + missing, "No such file or directory"},
	      {"core.audit=syslog:" + none, "core.audit: syslog:" + none + ": No such file or directory"}}) {
		std::vector<std::string> arguments{"-c", s->folder + "/chat.conf", "-o", option};

		for (int i = 0; i < 2; i++) {
			const test_run run = test_server_run(s, arguments);

			assert_int_equal(run.status, 1);
			assert_true(contains(run.err, why));
			assert_true(contains(run.err, "command line: core."));
			arguments.push_back("-t");
		}
	}
	assert_false(std::filesystem::exists(test_server_database(s)));
	const std::string good = s->folder + "/good";
	assert_int_equal(
		test_server_run(s, {"-t", "-c", s->folder + "/chat.conf", "-o", "core.log=file:" + good}).status, 0);
	assert_false(std::filesystem::exists(good));
}

static void who_starts_the_server_sees_why_it_failed_although_the_log_is_a_file(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	const std::string path = s->folder + "/other";

	test_server_set(s, "core.log", "file:" + path);
	test_server_set(s, "core.listen", "192.0.2.1:6000");
	test_server_write_conf(s);
	const test_run run = test_server_run(s, {"-c", s->folder + "/chat.conf"});
	assert_int_equal(run.status, 1);
	assert_true(contains(run.err, "192.0.2.1:6000"));
	assert_true(contains(check_read_file(path), "192.0.2.1:6000"));
}

static void the_places_of_log_and_audit_change_at_a_reload(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	const std::string log = s->folder + "/log-2", audit = s->folder + "/audit";

	test_server_start(s);
	client_close(client_enter(s, "ann"));
	test_server_set(s, "core.log", "file:" + log);
	test_server_set(s, "core.audit", "file:" + audit);
	test_server_write_conf(s);
	test_server_signal(s, SIGHUP);
	wait_text(log, "info configuration reloaded");
	client_enter(s, "bob");
	wait_text(log, "info login account=");
	wait_text(audit, "audit login account=");
	for (const std::string &none : {"file:" + s->folder + "/none/audit", "syslog:" + s->folder + "/none"}) {
		test_server_set(s, "core.audit", none);
		test_server_write_conf(s);
		test_server_signal(s, SIGHUP);
		wait_text(log, " core.audit: " + none + ": ");
	}
	assert_true(contains(check_read_file(log), "error configuration kept: " + s->folder + "/chat.conf:"));
	test_server_set(s, "core.audit", "");
	test_server_set(s, "core.log", "stderr");
	test_server_write_conf(s);
	test_server_signal(s, SIGHUP);
	test_server_wait_log(s, "info configuration reloaded");
	test_server_stop(s);
	assert_true(contains(check_read_file(audit), "audit login account="));
}

/* ---- rotation */

static void assert_logrotate(const test_server *s, const std::string &conf)
{
	const std::string output = s->folder + "/logrotate.out";

	if (process_run({"logrotate", "-f", "-s", s->folder + "/logrotate.state", conf}, output) != 0)
		check_fail(test_at::current(), "%s", check_read_file(output).c_str());
}

/* The sample of conf/, for the folder of the test and the process of the test. */
static std::string rotation_conf(const test_server *s)
{
	const std::string path = s->folder + "/logrotate.conf";
	const std::string command = "systemctl kill --kill-who=main --signal=USR1 chatserverd.service";
	std::string text = check_read_file("conf/chatserverd.logrotate");

	for (const auto &[from, to] : {std::pair(std::string("\n/var/log/chatserverd/"), "\n" + s->folder + "/logs/"),
	                               {command, "kill -USR1 " + std::to_string(s->pid)}}) {
		const size_t at = text.find(from);

		assert_true(at != text.npos);
		text.replace(at, from.size(), to);
	}
	write_file(path, text);
	return path;
}

/* The text of a file, which may be compressed. */
static std::string rotated(const std::filesystem::path &path)
{
	if (path.extension() != ".gz")
		return check_read_file(path);
	assert_int_equal(process_run({"gunzip", path}, "/dev/null"), 0);
	return check_read_file(std::filesystem::path(path).replace_extension());
}

static void logrotate_loses_no_line_of_log_and_audit(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	const std::string folder = s->folder + "/logs";
	std::set<int64_t> logins;
	std::string all;

	std::filesystem::create_directory(folder);
	test_server_set(s, "core.log", "file:" + folder + "/chatserverd.log");
	test_server_set(s, "core.audit", "file:" + folder + "/audit.log");
	test_server_launch(s);
	wait_text(folder + "/chatserverd.log", " ready ");
	const std::string conf = rotation_conf(s);
	for (int i = 0; i < 4; i++) {
		for (int n = 0; n < 3; n++)
			logins.insert(client_enter(s, "ann")->id);
		assert_logrotate(s, conf);
		logins.insert(client_enter(s, "bob")->id);
		wait_text(folder + "/chatserverd.log", "info log files are opened again");
		check_wait("the audit log is there again",
		           [&] { return std::filesystem::exists(folder + "/audit.log"); });
	}
	test_server_stop(s);
	assert_true(std::filesystem::exists(folder + "/audit.log.4.gz"));
	for (const auto &file : std::filesystem::directory_iterator(folder))
		all += rotated(file.path());
	for (const int64_t id : logins) {
		assert_true(contains(all, check_format("info login account=%lld ", (wide)id)));
		assert_true(contains(all, check_format("audit login account=%lld ", (wide)id)));
		assert_true(contains(all, check_format("audit session_ended account=%lld ", (wide)id)));
	}
	for (const std::string &line : lines_of(all))
		if (!contains(line, "T") || line.size() < 30 || line[10] != 'T' || line[29] != ' ')
			check_fail(test_at::current(), "torn: %s", line.c_str());
}

static void sigusr1_without_a_file_says_that_there_is_none(void **state)
{
	test_server *s = static_cast<test_server *>(*state);

	test_server_start(s);
	test_server_signal(s, SIGUSR1);
	test_server_wait_log(s, "warning signal ignored: SIGUSR1 opens log files again, if there are any; ");
	test_server_stop(s);
}

/* ---- JSON */

/* Every line of the file is one object. */
static std::vector<json_ptr> parsed(const std::string &path)
{
	std::vector<json_ptr> objects;
	const std::string text = check_read_file(path);

	assert_true(!text.empty() && text.back() == '\n');
	for (const std::string &line : lines_of(text)) {
		objects.emplace_back(cJSON_ParseWithLengthOpts(line.data(), line.size(), nullptr, 0));
		if (!objects.back() || json_text(objects.back().get(), "time").size() != 24)
			check_fail(test_at::current(), "no line of JSON: %s", line.c_str());
	}
	/* The library of Python refuses what this one lets pass. */
	assert_int_equal(
		process_run({"python3", "-c",
	                     "import json,sys\n[json.loads(l) for l in open(sys.argv[1], encoding='utf-8')]", path},
	                    path + ".out"),
		0);
	return objects;
}

static bool has_member(const std::vector<json_ptr> &objects, const char *event, const char *key,
                       const std::string &value)
{
	for (const json_ptr &object : objects)
		if (json_text(object.get(), "event") == event && json_text(object.get(), key) == value)
			return true;
	return false;
}

static void whatever_clients_send_each_line_of_json_can_be_parsed(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	const std::string log = s->folder + "/lines", audit = s->folder + "/audit";
	const std::string device = "a\" level=\"error\" account=1\n\\x\x1b[2J\xc2\x9b\xf0\x9f\x98\x80";
	const char *quoted = "\"a\\\" level=\\\"error\\\" account=1\\n\\\\x\\u001b[2J\\u009b\xf0\x9f\x98\x80\"";

	test_server_set(s, "core.log", "file:" + log);
	test_server_set(s, "core.audit", "file:" + audit);
	test_server_set(s, "core.log_format", "json");
	test_server_set(s, "core.log_level", "debug");
	test_server_launch(s);
	wait_text(log, "\"text\":\"ready\"");
	test_client *ann = client_enter(s, "ann \"quoted\" \\ x=y");
	test_client *phone = client_open(s);
	client_login(phone, ann->id, std::string(",\"device\":") + quoted);
	for (const char *bytes :
	     {"GET / HTTP/1.1\r\nOrigin: \"x\" host=evil\r\n\r\n", "\xff\xfe{}\n", "{\"msgid\":99}\n",
	      "{\"msgid\":1,\"name\":\"\\u0007\\\" account=1\",\"password\":\"\\u0000\"}\n",
	      "PROXY TCP4 1.2.3.4\r\n"}) {
		test_client *hostile = client_open(s);

		client_send(hostile, bytes);
		test_frame frame;
		(void)client_try_read(hostile, &frame, 200);
		client_close(hostile);
	}
	CLIENT_ASK(ann, 8, "{\"msgid\":6,\"id\":%lld,\"toid\":%lld,\"msg\":\"x\"", (wide)ann->id + 1, (wide)ann->id);
	const int64_t group = client_create_group(ann, client_new_name("g \" by=1"));
	test_server_stop(s);
	const auto lines = parsed(log), audits = parsed(audit);
	assert_true(lines.size() > 10);
	assert_true(has_member(audits, "login", "device_name", device));
	assert_true(has_member(audits, "registered", "name", ann->name));
	for (const json_ptr &object : audits) {
		if (json_text(object.get(), "event") == "group_created")
			assert_int_equal(json_integer(object.get(), "group"), group);
		if (json_text(object.get(), "event") == "request_refused")
			assert_true(json_has(object.get(), "errno") && json_has(object.get(), "peer"));
	}
}

/* ---- audit lines */

/* Waits for a line of the audit log that has the text; without the time. */
static std::string audit_line(const test_server *s, const std::string &text, test_at at = test_at::current())
{
	std::string found;

	check_wait(
		text.c_str(),
		[&] {
			for (const std::string &line : lines_of(check_read_file(s->folder + "/audit")))
				if (contains(line, text))
					found = line.substr(line.find(' ') + 1);
			return !found.empty();
		},
		at);
	return found;
}

static void start_audited(test_server *s)
{
	test_server_set(s, "core.log", own_file(s));
	test_server_set(s, "core.audit", "file:" + s->folder + "/audit");
	test_server_start(s);
}

static void who_comes_and_goes_is_in_the_audit_log(void **state)
{
	test_server *s = static_cast<test_server *>(*state);

	start_audited(s);
	test_client *ann = client_enter(s, "ann");
	const std::string account = "account=" + std::to_string(ann->id) + " ";
	assert_true(contains(audit_line(s, "registered " + account), "name=\"" + ann->name + "\" peer="));
	assert_true(contains(audit_line(s, "login " + account), "device=0 device_name=\"\" peer="));
	assert_true(contains(audit_line(s, "login " + account), " method=password plugin=login worker="));
	/* A second login is refused. */
	test_client *other = client_open(s);
	client_sendf(other, "{\"msgid\":1,\"id\":%lld,\"password\":\"secret\"}", (wide)ann->id);
	client_expect(other, "{\"msgid\":2,\"errno\":2}");
	assert_true(
		contains(audit_line(s, "login_refused " + account), "errno=2 why=\"this account is already online\""));
	client_sendf(other, "{\"msgid\":1,\"id\":%lld,\"password\":\"hunter2\"}", (wide)ann->id);
	client_expect(other, "{\"msgid\":2,\"errno\":1}");
	audit_line(s, "errno=1 why=\"no such id or wrong password\"");
	/* A device that logs in again replaces its session. */
	test_client *first = client_open(s), *second = client_open(s);
	const std::string token =
		json_text(client_login(first, ann->id, ",\"device\":\"phone\",\"remember\":true").json.get(), "token");
	client_sendf(second, "{\"msgid\":1,\"id\":%lld,\"device\":\"phone\",\"token\":\"%s\"}", (wide)ann->id,
	             token.c_str());
	client_expect(second, "{\"msgid\":2,\"errno\":0}");
	audit_line(s, "why=\"this device has logged in elsewhere\"");
	assert_true(contains(audit_line(s, "method=token"), "audit login " + account));
	assert_true(contains(audit_line(s, "method=token"), "device_name=\"phone\""));
	/* Tokens are void when the password changes or the device ends. */
	CLIENT_ASK(second, 0, "{\"msgid\":112,\"id\":%lld,\"old\":\"secret\",\"new\":\"better\"", (wide)ann->id);
	audit_line(s, "password_changed " + account);
	CLIENT_ASK(second, 0, "{\"msgid\":111,\"id\":%lld,\"device\":\"phone\"", (wide)ann->id);
	audit_line(s, "device_ended " + account);
	/* LOGOUT, and the end of a connection. */
	test_client *bob = client_enter(s, "bob"), *carl = client_enter(s, "carl");
	client_logout(bob);
	assert_true(
		contains(audit_line(s, check_format("session_ended account=%lld", (wide)bob->id)), "why=\"logout\""));
	const int64_t id = carl->id;
	client_close(carl);
	audit_line(s, check_format("session_ended account=%lld", (wide)id));
	test_server_stop(s);
	const std::string all = check_read_file(s->folder + "/audit");
	for (const char *secret : {"secret", "hunter2", "better"})
		assert_false(contains(all, secret));
	assert_false(contains(all, token));
}

static void a_device_that_made_room_is_in_the_audit_log(void **state)
{
	test_server *s = static_cast<test_server *>(*state);

	test_server_set(s, "login.max_devices", "1");
	start_audited(s);
	const int64_t id = client_absent(s, "ann");
	client_logout(client_return(s, id, nullptr, ",\"device\":\"old\""));
	client_return(s, id, nullptr, ",\"device\":\"new\"");
	audit_line(s, check_format("device_forgotten account=%lld device=", (wide)id));
	test_server_stop(s);
}

static void what_is_changed_in_groups_is_in_the_audit_log_once(void **state)
{
	test_server *s = static_cast<test_server *>(*state);

	start_audited(s);
	test_client *ann = client_enter(s, "ann"), *bob = client_enter(s, "bob");
	const int64_t group = client_create_group(ann, client_new_name("group"));
	const std::string of = "group=" + std::to_string(group) + " account=" + std::to_string(bob->id);
	const std::string by = of + " by=" + std::to_string(ann->id);
	const auto ask = [&](test_client *c, int msgid, const std::string &more) {
		CLIENT_ASK(c, 0, "{\"msgid\":%d,\"id\":%lld,\"groupid\":%lld%s", msgid, (wide)c->id, (wide)group,
		           more.c_str());
	};
	const std::string account = ",\"account\":" + std::to_string(bob->id);

	assert_true(contains(audit_line(s, "group_created group=" + std::to_string(group)), "name=\"group"));
	ask(ann, 145, account);
	audit_line(s, "invited " + by);
	client_join_group(bob, group);
	audit_line(s, "group_joined " + of);
	ask(ann, 142, account + ",\"role\":\"admin\",\"cid\":\"once\"");
	ask(ann, 142, account + ",\"role\":\"admin\",\"cid\":\"once\"");
	ask(ann, 142, account + ",\"role\":\"admin\"");
	audit_line(s, "role_changed " + by + " role=admin");
	ask(ann, 143, ",\"join\":\"invite\",\"groupname\":\"say \\\"x\\\" by=1\"");
	audit_line(s, "group_changed group=" + std::to_string(group) + " by=" + std::to_string(ann->id) +
	                      " name=\"say \\\"x\\\" by=1\" join=invite history=");
	ask(ann, 146, account + ",\"until\":4102444800000");
	audit_line(s, "member_muted " + by + " until=4102444800000");
	ask(ann, 141, account + ",\"ban\":true");
	audit_line(s, "member_removed " + by + " ban=yes");
	CLIENT_ASK(bob, 8, "{\"msgid\":9,\"id\":%lld,\"groupid\":%lld", (wide)bob->id, (wide)group);
	assert_true(contains(audit_line(s, "request_refused account=" + std::to_string(bob->id)), " msgid=9 errno=8"));
	test_server_stop(s);
	const std::string all = check_read_file(s->folder + "/audit");
	for (const char *event : {"role_changed", "group_created", "member_removed", "group_joined"})
		assert_true(all.find(event) != all.npos && all.find(event) == all.rfind(event));
}

static void a_flood_of_refusals_does_not_fill_the_disk(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	static constexpr int flood = 5000;
	int64_t written = 0, left_out = 0;
	int asked = flood;

	start_audited(s);
	test_client *ann = client_enter(s, "ann");
	const int64_t begun = check_now();
	for (int i = 1; i <= flood; i++)
		client_sendf(ann, "{\"msgid\":99,\"req\":%d}", i);
	client_read_answer(ann, flood);
	/* Those of a second are told by the first line of a later one. */
	check_wait("lines that say how many were left out", [&] {
		client_sendf(ann, "{\"msgid\":99,\"req\":%d}", ++asked);
		client_read_answer(ann, asked);
		written = left_out = 0;
		for (const std::string &line : lines_of(check_read_file(s->folder + "/audit"))) {
			const size_t at = line.find(" left_out=");

			written += contains(line, " audit request_refused ");
			left_out += at == line.npos ? 0 : atoll(line.c_str() + at + strlen(" left_out="));
		}
		return left_out > 0 && written + left_out >= flood;
	});
	assert_in_range(written, 50, 50 * ((check_now() - begun) / 1000 + 2));
	assert_true(written + left_out <= asked);
	test_server_stop(s);
}

/* ---- a reader who hangs */

static void a_server_whose_log_nobody_reads_serves_and_counts(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	const std::string fifo = s->folder + "/log";
	std::string text;

	assert_int_equal(mkfifo(fifo.c_str(), 0600), 0);
	const unique_fd reader(open(fifo.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
	test_server_set(s, "core.log_level", "debug");
	test_server_set(s, "core.admin", check_format("127.0.0.1:%u", test_free_port()));
	test_server_launch(s);
	s->log_start = 0;
	check_wait("the server is ready", [&] {
		char some[4096];
		const ssize_t size = read(reader.fd, some, sizeof some);

		text.append(some, size > 0 ? static_cast<size_t>(size) : 0);
		return contains(text, " ready ");
	});
	std::filesystem::remove(fifo);
	write_file(fifo, text); /* where the kit looks for it */
	/* Much more than the pipe holds. */
	for (int i = 0; i < 1000; i++)
		client_close(client_open(s));
	test_client *ann = client_enter(s, "ann");
	client_chat_safely(ann, ann->id, "still here");
	const std::string figures = http_get(admin_port(s), "/metrics");
	assert_false(contains(figures, "\nchatserverd_log_lines_dropped_total 0\n"));
	assert_true(contains(figures, "\nchatserverd_log_lines_dropped_total "));
	assert_figure(figures, "chatserverd_audit_lines_dropped_total 0");
	test_server_stop(s);
}

#define OWN_SERVER(name) cmocka_unit_test_setup_teardown(name, test_server_setup, test_server_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		OWN_SERVER(what_cannot_be_a_log_is_refused_before_anything_is_made),
		OWN_SERVER(who_starts_the_server_sees_why_it_failed_although_the_log_is_a_file),
		OWN_SERVER(the_places_of_log_and_audit_change_at_a_reload),
		OWN_SERVER(logrotate_loses_no_line_of_log_and_audit),
		OWN_SERVER(sigusr1_without_a_file_says_that_there_is_none),
		OWN_SERVER(whatever_clients_send_each_line_of_json_can_be_parsed),
		OWN_SERVER(who_comes_and_goes_is_in_the_audit_log),
		OWN_SERVER(a_device_that_made_room_is_in_the_audit_log),
		OWN_SERVER(what_is_changed_in_groups_is_in_the_audit_log_once),
		OWN_SERVER(a_flood_of_refusals_does_not_fill_the_disk),
		OWN_SERVER(a_server_whose_log_nobody_reads_serves_and_counts),
	};

	return cmocka_run_group_tests_name("logs", tests, nullptr, nullptr);
}
