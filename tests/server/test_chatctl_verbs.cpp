/* SPDX-License-Identifier: MIT
 * Tests what chatctl prints for the verbs about accounts, groups, invitations, bans and the store: lines and tables for
 * people, one document for programs, and what a refusal looks like. */
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include <unistd.h>

#include <cjson/cJSON.h>

#include "tests/support/chatctl_runner.h"
#include "tests/support/check.h"
#include "tests/support/client.h"
#include "tests/support/operator.h"
#include "tests/support/server.h"

/* Two accounts, 1 and 2, and a group of both whose description could clear a terminal. */
static int set_up(void **state)
{
	test_server *s = test_server_new();

	operator_allow(s);
	test_server_set_transport(s, TRANSPORT_PLAIN);
	*state = s;
	test_server_start(s);
	test_client *ann = client_open(s), *bob = client_open(s);
	client_login(ann, client_register(ann, "ann"));
	client_login(bob, client_register(bob, "bob"));
	const test_frame made =
		CLIENT_ASK(ann, 0, R"({"msgid":8,"id":1,"groupname":"club","groupdesc":"\u001b[2Jours")");
	client_join_group(bob, json_integer(made.json.get(), "groupid"));
	(void)client_chat_safely(ann, bob->id, "hello");
	return 0;
}

static int tear_down(void **state)
{
	test_server_free(static_cast<test_server *>(*state));
	return 0;
}

/* words: for the shell, in the folder of the server. A password stands on standard input. */
static chatctl_output run(const test_server *s, const std::string &words)
{
	return chatctl_type(s, words, {.input = "a-password\n", .before = "TZ=UTC"});
}

/* Each number becomes N, and blanks in a row one. */
static std::string picture(const std::string &text)
{
	std::string shown;

	for (const char c : text) {
		const bool is_digit = c >= '0' && c <= '9';

		if ((is_digit && shown.ends_with('N')) || (c == ' ' && shown.ends_with(' ')))
			continue;
		shown += is_digit ? 'N' : c;
	}
	return shown;
}

static void shows(const test_server *s, const std::string &words, const char *expected, test_at at = test_at::current())
{
	const chatctl_output done = run(s, words);

	if (done.status != 0 || picture(done.out) != expected)
		check_fail(at, "chatctl %s: status %d, not\n%s but\n%s%s", words.c_str(), done.status, expected,
		           picture(done.out).c_str(), done.err.c_str());
}

static void is_document(const test_server *s, const std::string &words, int status, const char *part,
                        test_at at = test_at::current())
{
	const chatctl_output done = run(s, "--json " + words);
	const char *end = nullptr;
	cJSON *document = cJSON_ParseWithOpts(done.out.c_str(), &end, 0);
	const bool is_one = cJSON_IsObject(document) && strcmp(end, "\n") == 0;

	cJSON_Delete(document);
	if (!is_one || done.status != status || !strstr(done.out.c_str(), part))
		check_fail(at, "chatctl --json %s: status %d, not one document with %s:\n%s%s", words.c_str(),
		           done.status, part, done.out.c_str(), done.err.c_str());
}

static void is_refused(const test_server *s, const std::string &words, const char *why, test_at at = test_at::current())
{
	const chatctl_output done = run(s, words);

	if (done.status != 1 || !done.out.empty() || done.err != std::string("chatctl: refused: ") + why + "\n")
		check_fail(at, "chatctl %s: status %d:\n%s%s", words.c_str(), done.status, done.out.c_str(),
		           done.err.c_str());
	is_document(s, words, 1, "{\"errno\":", at);
}

/* A table whose cells begin below their heads. */
static void is_aligned(const test_server *s, const std::string &words, const std::string &head, const std::string &cell,
                       test_at at = test_at::current())
{
	const std::string text = run(s, words).out;
	const size_t line = text.rfind('\n', text.find(head)) + 1;

	for (size_t i = line; i != 0 || line == 0; i = text.find('\n', i) + 1) {
		if (text.compare(i + text.find(head) - line, cell.size(), cell) == 0)
			return;
		if (text.find('\n', i) == std::string::npos)
			break;
	}
	check_fail(at, "chatctl %s: no %s below %s:\n%s", words.c_str(), cell.c_str(), head.c_str(), text.c_str());
}

static void verbs_about_accounts(void **state)
{
	const auto *s = static_cast<const test_server *>(*state);

	shows(s, "account add 'carl the third'", "account N carl the third added\n");
	shows(s, "account password bob", "account N bob has the new password; its sessions end\n");
	shows(s, "account lock bob too much", "account N bob is locked; its sessions end\n");
	is_aligned(s, "account list", "NAME", "carl the third");
	is_aligned(s, "account list", "STATE", "locked");
	shows(s, "account unlock 2", "account N bob is free\n");
	shows(s, "account export ann ann.jsonl", "N items written to ann.jsonl\n");
	is_document(s, "account add dora", 0, "\"name\":\"dora\"");
	is_document(s, "account list", 0, "{\"accounts\":[{\"account\":1,\"name\":\"ann\",");
	is_document(s, "account show bob", 0, "\"state\":\"free\"");
	is_document(s, "account export bob bob.jsonl", 0, "{\"items\":");
	is_document(s, "account erase dora yes", 0, "\"state\":\"erasing\"");
	is_refused(s, "account add ann", "the name is taken");
	is_refused(s, "account lock nobody", "no such account");
	is_refused(s, "kick nobody", "no such account");
	is_document(s, "kick ann", 0, "\"ended\":1");
	is_document(s, "sessions ann", 0, "{\"sessions\":[]}");
}

static void verbs_about_groups(void **state)
{
	const auto *s = static_cast<const test_server *>(*state);
	const std::string shown = run(s, "group show club").out;

	/* What could control a terminal is shown instead. */
	assert_non_null(strstr(shown.c_str(), "\\u001b[2Jours\n"));
	assert_null(strchr(shown.c_str(), '\033'));
	is_aligned(s, "group show 1", "NAME", "bob");
	is_aligned(s, "group show 1", "ROLE", "creator");
	is_aligned(s, "group list", "NAME", "club");
	shows(s, "group keep club 30d", "group N \"club\" keeps its log: Nd\n");
	shows(s, "group keep club default", "group N \"club\" keeps its log: as mailbox.keep says\n");
	shows(s, "mute club bob 10m", "group N \"club\": account N may not write before N-N-N N:N:N\n");
	shows(s, "mute club all off", "group N \"club\": all who are normal may write\n");
	for (const char *words : {"mute club bob 36501d", "mute club bob 0m", "group keep club 876001h",
	                          "group keep club d", "group keep club 99999999999s", "group keep club never"})
		assert_int_equal(run(s, words).status, 2);
	shows(s, "group keep club 876000h", "group N \"club\" keeps its log: Nd\n");
	is_document(s, "group list", 0, "{\"groups\":[");
	is_document(s, "group show club", 0, "\\u001b[2Jours");
	is_document(s, "group keep club forever", 0, "\"keep\":-1");
	is_document(s, "mute club 2 off", 0, "\"until\":0");
	is_refused(s, "group show nothing", "no such group");
	is_refused(s, "mute club ann 1m", "the creator of a group cannot be muted");
	shows(s, "group dissolve club yes", "group N \"club\" has ended; N members were removed\n");
	is_refused(s, "group dissolve club yes", "no such group");
}

static void verbs_about_invitations_and_bans(void **state)
{
	const auto *s = static_cast<const test_server *>(*state);
	const chatctl_output made = run(s, "invite create uses 3 expires 2d");
	const std::string code = made.out.substr(0, made.out.find('\n'));

	assert_non_null(strstr(made.out.c_str(), "\ninvitation 1, for 3 accounts, until "));
	is_aligned(s, "invite list", "MADE", "20");
	shows(s, "invite list", "INVITATION USED OF MADE ENDS\n N N N N-N-N N:N:N N-N-N N:N:N\n");
	is_document(s, "invite list", 0, "{\"invites\":[{\"invite\":1,");
	is_document(s, "invite create", 0, "\"code\":\"");
	shows(s, "invite revoke " + code, "invitation N is not good any more\n");
	is_document(s, "invite revoke 2", 0, "{\"invite\":2}");
	is_refused(s, "invite revoke 2", "there is no such invitation");
	shows(s, "ban 192.0.2.0/24 7d spam '\u202e'", "N.N.N.N/N is banned until N-N-N N:N:N\n");
	shows(s, "ban 2001:db8::1", "N:dbN::/N is banned\n");
	is_aligned(s, "bans", "REASON", "spam \\u202e");
	is_aligned(s, "bans", "ENDS", "never");
	is_document(s, "bans", 0, "{\"bans\":[{\"network\":");
	shows(s, "unban 192.0.2.0/24", "N.N.N.N/N is not banned any more\n");
	is_document(s, "ban 198.51.100.7", 0, "{\"network\":\"198.51.100.7");
	is_document(s, "unban 198.51.100.7", 0, "{\"network\":\"198.51.100.7");
	is_refused(s, "unban 198.51.100.7", "there is no ban of exactly this network");
	is_refused(s, "unban garbage",
	           "there is no ban of exactly this network: \"garbage\" is no address or network, such as 127.0.0.1, "
	           "10.0.0.0/8 or fd00::/8");
	is_refused(s, "ban 198.51.100.7/24",
	           "\"198.51.100.7/24\" has bits behind the mask: the network is 198.51.100.0/24");
	is_refused(s, "ban 127.0.0.1", "127.0.0.1 cannot be banned: it holds addresses of this machine (loopback)");
}

static void verbs_about_the_store(void **state)
{
	const auto *s = static_cast<const test_server *>(*state);
	const std::string file = s->folder + "/copy.db";

	shows(s, "check", "nothing is wrong in N rows\n");
	is_document(s, "check", 0, "{\"findings\":[],\"rows\":");
	assert_int_equal(run(s, "backup copy.db").status, 0);
	is_document(s, "backup second.db", 0, "\"done\":true");
	const chatctl_output again = run(s, "backup copy.db");
	assert_int_equal(again.status, 1);
	assert_non_null(strstr(again.err.c_str(), "chatctl: refused: "));
	is_document(s, "backup copy.db", 1, "{\"errno\":");
	is_document(s, "export all.jsonl", 0, "\"lines\":");
	is_document(s, "export second.jsonl", 0, "\"lines\":");
	assert_int_equal(run(s, "export all.jsonl").status, 1);
	shows(s, "import all.jsonl", "N lines added, N were there\n");
	is_document(s, "import all.jsonl", 0, "{\"added\":0,\"skipped\":");
	assert_int_equal(run(s, "import none.jsonl").status, 1);
	shows(s, "purge status", "nothing was purged since the start of the server\n");
	is_document(s, "purge before 2020-01-01 all yes", 0, "\"before\":1577836800000");
	assert_int_equal(run(s, "purge before 2999-01-01 all yes").status, 1);
	is_refused(s, "purge before 2020-01-01 nothing yes", "no such group");
	assert_int_equal(run(s, "purge before 2020-01-01 yes").status, 2); /* without a terminal it is the group */
}

/* A head for each subject; and nothing is cut on a terminal of 80 columns. */
static void the_help_has_the_verbs_by_subject_in_80_columns(void **state)
{
	const auto *s = static_cast<const test_server *>(*state);
	std::string help = run(s, "-h").out;

	for (const char *head : {"\nThe server:\n", "\nAccounts:\n", "\nInvitations to register:\n", "\nGroups:\n",
	                         "\nAddresses:\n", "\nThe store:\n", "\nBots:\n"})
		assert_non_null(strstr(help.c_str(), head));
	for (size_t end = help.find('\n'); end != std::string::npos; end = help.find('\n')) {
		assert_true(end <= 80);
		help.erase(0, end + 1);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const CMUnitTest tests[] = {
		TEST(verbs_about_accounts),
		TEST(verbs_about_groups),
		TEST(verbs_about_invitations_and_bans),
		TEST(verbs_about_the_store),
		TEST(the_help_has_the_verbs_by_subject_in_80_columns),
	};

	return cmocka_run_group_tests_name("chatctl_verbs", tests, nullptr, nullptr);
}
