/* SPDX-License-Identifier: MIT
 * Tests invitations to register on a real server: what an operator makes, lists and takes back; who may register with
 * it, and how often. */
#include <cstring>
#include <set>
#include <string>
#include <vector>

#include "tests/support/chatctl_runner.h"
#include "tests/support/check.h"
#include "tests/support/client.h"
#include "tests/support/operator.h"
#include "tests/support/server.h"

static const char *const needed = R"({"msgid":5,"errno":1,"errmsg":"an invitation is needed to register"})";
static const char *const bad = R"=({"msgid":5,"errno":1,"errmsg":"this invitation is not good (any more)"})=";

static int set_up(void **state)
{
	test_server *s = test_server_new();

	operator_allow(s);
	test_server_set(s, "login.registration", "invite");
	test_server_set(s, "core.audit", "file:" + s->folder + "/audit.log");
	*state = s;
	test_server_start(s);
	return 0;
}

static int tear_down(void **state)
{
	test_server_free(static_cast<test_server *>(*state));
	return 0;
}

static std::string create(test_server *s, const char *more = "", int64_t *id_r = nullptr)
{
	test_client *o = operator_open(s);
	const test_frame frame = CLIENT_ASK(o, 0, "{\"msgid\":940%s", more);

	if (id_r)
		*id_r = json_integer(frame.json.get(), "invite");
	client_close(o);
	return json_text(frame.json.get(), "code");
}

static void ask_to_register(test_client *c, const std::string &name, const std::string &code)
{
	client_sendf(c, R"({"msgid":4,"name":%s,"password":"secret","invite":%s})", json_quote(name).c_str(),
	             json_quote(code).c_str());
}

static void register_with(test_server *s, const std::string &name, const std::string &code, const char *answer)
{
	test_client *c = client_open(s);

	ask_to_register(c, name, code);
	client_expect(c, answer);
	client_close(c);
}

static const char *const done = R"({"msgid":5,"errno":0})";

static void nobody_registers_without_an_invitation_that_is_good(void **state)
{
	auto *s = static_cast<test_server *>(*state);
	test_client *c = client_open(s);

	client_sendf(c, R"({"msgid":4,"name":"ann","password":"secret"})");
	client_expect(c, needed);
	for (const char *code : {"x", "AAAAA-AAAAA-AAAAA-AAAAA", "' OR 1=1"})
		register_with(s, "ann", code, bad);
	const std::string code = create(s);
	assert_int_equal(code.size(), 23);
	register_with(s, "ann", code, done);
	register_with(s, "ben", code, bad);
}

/* People copy codes by hand. */
static void a_code_may_be_written_small_and_without_hyphens(void **state)
{
	auto *s = static_cast<test_server *>(*state);
	std::string code = create(s), typed;

	for (const char c : code)
		if (c != '-')
			typed += static_cast<char>(c == '0' ? 'o' : c == '1' ? 'l' : tolower(c));
	register_with(s, "ann", " " + typed, done);
}

static void a_registration_that_is_refused_uses_nothing(void **state)
{
	auto *s = static_cast<test_server *>(*state);
	const std::string code = create(s, ",\"uses\":2");

	register_with(s, "ann", code, done);
	register_with(s, "ann", code, R"({"msgid":5,"errno":1,"errmsg":"the name is taken"})");
	register_with(s, "", code, R"({"msgid":5,"errno":1})");
	register_with(s, "ben", code, done);
	register_with(s, "cid", code, bad);
}

/* Thirty at once with three uses: three of them get an account. */
static void at_once_it_is_used_as_often_as_it_may_be(void **state)
{
	auto *s = static_cast<test_server *>(*state);
	const std::string code = create(s, ",\"uses\":3");
	std::vector<test_client *> all;
	int accounts = 0;

	for (int i = 0; i < 30; i++)
		all.push_back(client_open(s));
	for (size_t i = 0; i < all.size(); i++)
		ask_to_register(all[i], "one " + std::to_string(i), code);
	for (test_client *c : all) {
		const test_frame frame = client_read(c);

		accounts += json_integer(frame.json.get(), "errno") == 0;
		assert_true(json_integer(frame.json.get(), "errno") == 0 || json_matches(frame.json.get(), bad));
	}
	assert_int_equal(accounts, 3);
}

static void it_ends_and_can_be_taken_back(void **state)
{
	auto *s = static_cast<test_server *>(*state);
	test_client *o = operator_open(s);
	int64_t first = 0;
	const std::string brief = create(s, ",\"expires\":1000"), one = create(s, ",\"uses\":5", &first),
			  other = create(s);

	check_wait("the end", [since = check_now()] { return check_now() - since > 1100; });
	register_with(s, "ann", brief, bad);
	(void)CLIENT_ASK(o, 0, "{\"msgid\":942,\"invite\":%lld", static_cast<long long>(first));
	(void)CLIENT_ASK(o, 0, "{\"msgid\":942,\"code\":\"%s\"", other.c_str());
	(void)CLIENT_ASK(o, 8, "{\"msgid\":942,\"code\":\"%s\"", other.c_str());
	(void)CLIENT_ASK(o, 8, "{\"msgid\":942,\"invite\":%lld", static_cast<long long>(first));
	register_with(s, "ann", one, bad);
	register_with(s, "ann", other, bad);
}

static void the_list_has_all_by_pages_but_no_code(void **state)
{
	auto *s = static_cast<test_server *>(*state);
	test_client *o = operator_open(s);
	std::set<int64_t> seen;
	std::string after, code;

	for (int i = 0; i < 203; i++)
		(void)CLIENT_ASK(o, 0, "{\"msgid\":940,\"uses\":7");
	code = create(s, ",\"uses\":7,\"expires\":60000");
	register_with(s, "ann", code, done);
	for (int pages = 1;; pages++) {
		const test_frame frame = CLIENT_ASK(o, 0, "{\"msgid\":941%s", after.c_str());
		const cJSON *item;

		assert_null(strstr(frame.bytes.c_str(), code.c_str()));
		cJSON_ArrayForEach(item, cJSON_GetObjectItem(frame.json.get(), "invites"))
		{
			assert_true(seen.insert(json_integer(item, "invite")).second);
			assert_int_equal(json_integer(item, "uses"), 7);
			assert_int_equal(json_integer(item, "used"), seen.size() == 204);
			assert_true(json_integer(item, "ends") > json_integer(item, "created"));
		}
		if (!json_has(frame.json.get(), "more")) {
			assert_int_equal(pages, 2);
			break;
		}
		after = ",\"after\":\"" + json_text(frame.json.get(), "next") + "\"";
	}
	assert_int_equal(seen.size(), 204);
}

static void bad_orders_are_refused(void **state)
{
	test_client *o = operator_open(static_cast<test_server *>(*state));

	for (const char *frame :
	     {R"({"msgid":940,"uses":0)", R"({"msgid":940,"uses":100001)", R"({"msgid":940,"expires":999)",
	      R"({"msgid":940,"expires":315360000001)", R"({"msgid":940,"uses":"5")", R"({"msgid":941,"after":"x")",
	      R"({"msgid":941,"after":"")", R"({"msgid":942)", R"({"msgid":942,"invite":0)",
	      R"({"msgid":942,"invite":1,"code":"x")"})
		(void)CLIENT_ASK(o, 4, "%s", frame);
	client_send(o, "{\"msgid\":940}\n");
	client_expect(o, R"({"msgid":100,"of":940,"errno":4,"errmsg":"req is missing"})");
	(void)CLIENT_ASK(o, 8, R"({"msgid":942,"code":"no code")");
}

/* The operator finds out who made what, and nobody finds a code. */
static void log_and_audit_tell_who_and_never_a_code(void **state)
{
	auto *s = static_cast<test_server *>(*state);
	int64_t id = 0;
	const std::string code = create(s, "", &id);

	register_with(s, "ann", code, done);
	const std::string line = "verb=invite_create by=operator:uid=0 invite=" + std::to_string(id);
	test_server_wait_log(s, line);
	test_server_stop(s);
	const std::string log = test_server_log(s), audit = check_read_file(s->folder + "/audit.log");
	assert_non_null(strstr(audit.c_str(), ("invite=" + std::to_string(id)).c_str()));
	assert_non_null(strstr(audit.c_str(), "registered account="));
	assert_null(strstr(log.c_str(), code.c_str()));
	assert_null(strstr(audit.c_str(), code.c_str()));
}

static void who_makes_an_invitation_is_told_where_it_is_of_no_use(void **state)
{
	auto *s = static_cast<test_server *>(*state);
	const struct {
		const char *registration, *said;
	} cases[] = {
		{"closed", "chatctl: login.registration is closed, so nobody can use the code now\n"},
		{"open", "chatctl: login.registration is open, so everybody can register without a code\n"},
		{"invite", ""},
	};

	for (const auto &[registration, said] : cases) {
		test_server_stop(s);
		test_server_set(s, "login.registration", registration);
		test_server_start(s);
		const chatctl_output made = chatctl_type(s, "invite create");
		assert_int_equal(made.status, 0);
		assert_string_equal(made.err.c_str(), said);
		assert_non_null(strstr(chatctl_type(s, "--json invite create").out.c_str(),
		                       check_format("\"registration\":\"%s\"", registration).c_str()));
	}
}

static void guesses_are_slowed_down_like_those_of_passwords(void **state)
{
	auto *s = static_cast<test_server *>(*state);
	test_client *c = client_open(s);

	for (int i = 0; i < 5; i++) {
		ask_to_register(c, "ann", "AAAAA-AAAAA-AAAAA-AAAA" + std::to_string(i));
		client_expect(c, bad);
	}
	ask_to_register(c, "ann", create(s));
	const test_frame frame = client_expect(c, R"({"msgid":5,"errno":10})");
	assert_non_null(strstr(frame.bytes.c_str(), "too many wrong invitations; try again in "));
}

static void where_registration_is_open_an_invitation_is_not_looked_at(void **state)
{
	auto *s = static_cast<test_server *>(*state);

	test_server_set(s, "login.registration", "open");
	test_server_restart(s);
	register_with(s, "ann", "nonsense", done);
}

/* chatclient and the page tell these apart. */
static void the_page_quotes_the_texts_by_which_clients_tell_refusals_apart(void **state)
{
	auto *s = static_cast<test_server *>(*state);
	const std::string page = check_read_file("man/chatserverd-protocol.7");
	const auto quoted = [&](const std::string &name, const std::string &code) {
		test_client *c = client_open(s);

		ask_to_register(c, name, code);
		const std::string text = json_text(client_read(c).json.get(), "errmsg");
		assert_non_null(strstr(page.c_str(), ("\n.Ql " + text + "\n").c_str()));
		client_close(c);
		return text;
	};
	const std::string code = create(s, ",\"uses\":2");
	std::set<std::string> texts;

	register_with(s, "ann", code, done);
	texts.insert(quoted("ann", code));
	texts.insert(quoted("ben", ""));
	texts.insert(quoted("ben", "x"));
	test_server_set(s, "login.registration", "closed");
	test_server_restart(s);
	texts.insert(quoted("ben", code));
	assert_int_equal(texts.size(), 4);
}

int main()
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(nobody_registers_without_an_invitation_that_is_good),
		TEST(a_code_may_be_written_small_and_without_hyphens),
		TEST(a_registration_that_is_refused_uses_nothing),
		TEST(at_once_it_is_used_as_often_as_it_may_be),
		TEST(it_ends_and_can_be_taken_back),
		TEST(the_list_has_all_by_pages_but_no_code),
		TEST(bad_orders_are_refused),
		TEST(log_and_audit_tell_who_and_never_a_code),
		TEST(who_makes_an_invitation_is_told_where_it_is_of_no_use),
		TEST(guesses_are_slowed_down_like_those_of_passwords),
		TEST(the_page_quotes_the_texts_by_which_clients_tell_refusals_apart),
		TEST(where_registration_is_open_an_invitation_is_not_looked_at),
	};

	return cmocka_run_group_tests_name("invites", tests, nullptr, nullptr);
}
