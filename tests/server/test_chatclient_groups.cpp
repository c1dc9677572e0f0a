/* SPDX-License-Identifier: MIT
 * Tests groups, people and devices in chatclient, as a person at a terminal and a script use them. */
#include <string>

#include "tests/support/check.h"
#include "tests/support/scene.h"
#include "tests/support/talker.h"

/* Two people at terminals. The first one has made a group, and both are in it. */
struct two_people {
	scene first;
	terminal second;
	std::string ben, group;
	int64_t second_id = 0;
};

/* The text may be wrapped anywhere. */
static std::string squeezed(std::string text)
{
	std::erase_if(text, [](char c) { return c == ' ' || c == '\n'; });
	return text;
}

static void command(terminal *t, const std::string &line, const std::string &answer)
{
	const size_t from = t->screen.lines.size() - 1;

	terminal_type(t, line + "\r");
	terminal_wait_for(t, answer, [&] {
		std::string all;
		for (size_t i = from; i < t->screen.lines.size(); i++)
			all += terminal_screen_line(&t->screen, i);
		return squeezed(all).find(squeezed(answer)) != std::string::npos;
	});
}

static void second_sees(two_people *tp, const std::string &text)
{
	terminal_wait_for(&tp->second, text, [&] {
		return squeezed(terminal_text(&tp->second)).find(squeezed(text)) != std::string::npos;
	});
}

static void two_begin(two_people *tp, test_server *s)
{
	scene_begin(&tp->first, s);
	tp->ben = client_new_name("ben");
	tp->group = client_new_name("group");
	tp->second_id = client_register(tp->first.other, tp->ben);
	terminal_start(&tp->second, s->port, 40, 15);
	terminal_log_in(&tp->second, tp->second_id);
	terminal_wait_cursor(&tp->second, tp->ben + "> ");
	terminal *const t = &tp->first.t;
	terminal_type(t, "/group " + tp->group + " to talk\r");
	terminal_wait_for(t, "the group",
	                  [&] { return terminal_text(t).find("You made " + tp->group) != std::string::npos; });
	terminal_type(t, "/with #" + tp->group + "\r");
	terminal_wait_cursor(t, tp->first.name + " -> group " + tp->group + "> ");
	command(t, "/closed", "* you let only those join who are invited");
	command(t, "/invite " + tp->ben, "* you invited " + tp->ben);
	second_sees(tp, "[" + tp->group + "] * " + tp->first.name + " invited you; /accept or /decline");
}

static void two_accept(two_people *tp)
{
	command(&tp->second, "/accept", "You are in " + tp->group + ".");
	terminal_wait(&tp->first.t, "* " + tp->ben + " joined");
	terminal_type(&tp->second, "/with #" + tp->group + "\r");
	terminal_wait_cursor(&tp->second, tp->ben + " -> group " + tp->group + "> ");
}

static void two_end(two_people *tp)
{
	terminal_type(&tp->second, "\025\r/quit\r");
	assert_int_equal(terminal_finish(&tp->second), 0);
	scene_end(&tp->first);
}

static void who_is_invited_accepts_or_declines(void **state)
{
	two_people tp;

	two_begin(&tp, (test_server *)*state);
	command(&tp.second, "/decline", "You declined " + tp.group + ".");
	command(&tp.second, "/accept", "no group has invited you");
	command(&tp.first.t, "/invite " + tp.ben, "* you invited " + tp.ben);
	terminal_wait_for(&tp.second, "the second invitation", [&] {
		const std::string all = squeezed(terminal_text(&tp.second)), line = "invitedyou;/acceptor/decline";

		return all.find(line) != all.rfind(line);
	});
	two_accept(&tp);
	command(&tp.first.t, "/members", tp.ben + " online");
	two_end(&tp);
}

static void a_group_is_led_by_names(void **state)
{
	two_people tp;

	two_begin(&tp, (test_server *)*state);
	two_accept(&tp);
	terminal *const t = &tp.first.t;
	command(t, "/role " + tp.ben + " admin", "* you made " + tp.ben + " an admin");
	second_sees(&tp, "* " + tp.first.name + " made you an admin");
	command(t, "/role " + tp.ben + " admin", "That is so already.");
	command(t, "/newcomers all", "* you let members see what was said before they joined");
	command(t, "/open", "* you let everybody join");
	const std::string renamed = client_new_name("renamed");
	command(t, "/rename " + renamed, "* you renamed the group to " + renamed);
	terminal_wait_cursor(&tp.second, tp.ben + " -> group " + renamed + "> ");
	command(t, "/role " + tp.ben + " normal", "* you made " + tp.ben + " a normal member");
	terminal_type(t, "/mute " + tp.ben + " 10m\r");
	second_sees(&tp, "muted you until");
	terminal_type(&tp.second, "may I?\r");
	second_sees(&tp, renamed + ": you may not speak in this group until");
	second_sees(&tp, "Not sent: may I?");
	command(t, "/mute " + tp.ben + " off", "* you let " + tp.ben + " speak again");
	terminal_type(t, "/mute * 1h\r");
	second_sees(&tp, "muted everybody until");
	two_end(&tp);
}

static void a_refusal_says_what_one_may_do_instead(void **state)
{
	two_people tp;

	two_begin(&tp, (test_server *)*state);
	terminal_type(&tp.second, "/with #" + tp.group + "\r");
	second_sees(&tp, "/with " + tp.group + ": you are not in that group; /join NAME joins it");
	terminal_wait_cursor(&tp.second, tp.ben + "> ");
	two_accept(&tp);
	terminal_type(&tp.second, "/kick " + tp.first.name + "\r");
	second_sees(&tp, "/kick " + tp.first.name + ": that takes a higher role than the member has");
	terminal_type(&tp.second, "/rename other\r");
	second_sees(&tp, "only admins of the group may do that; /members shows them");
	terminal_type(&tp.second, "/role " + tp.ben + " admin\r");
	second_sees(&tp, "only the creator of the group gives roles");
	terminal *const t = &tp.first.t;
	command(t, "/leave", "it is your group: hand it over first, by /role NAME creator, or remove the others");
	command(t, "/kick " + tp.first.name, "that is you: /leave leaves the group");
	command(t, "/kick " + tp.ben, "* you removed " + tp.ben);
	terminal_wait_cursor(&tp.second, tp.ben + "> ");
	command(t, "/kick " + tp.ben, tp.ben + " is not in the group, nor invited any more.");
	command(t, "/leave", "You left " + tp.group + ".");
	command(t, "/kick " + tp.ben, "in which group? /with #GROUP enters one; /groups lists yours");
	two_end(&tp);
}

static void who_is_banned_waits_for_an_invitation(void **state)
{
	two_people tp;

	two_begin(&tp, (test_server *)*state);
	two_accept(&tp);
	terminal *const t = &tp.first.t;
	command(t, "/open", "* you let everybody join");
	command(t, "/ban " + tp.ben, "* you banned " + tp.ben);
	terminal_wait_cursor(&tp.second, tp.ben + "> ");
	terminal_type(&tp.second, "/join " + tp.group + "\r");
	second_sees(&tp, "you are banned from that group until an admin invites you");
	command(t, "/invite " + tp.ben, "* you invited " + tp.ben);
	command(&tp.second, "/join #" + tp.group, "You are in " + tp.group + ".");
	command(t, "/role " + tp.ben + " creator", "* you handed the group over to " + tp.ben);
	command(t, "/leave", "You left " + tp.group + ".");
	terminal_type(&tp.second, "/groups\r");
	second_sees(&tp, "creator, 1 member");
	two_end(&tp);
}

static void wrong_usage_shows_the_usage(void **state)
{
	scene sc;

	scene_begin(&sc, (test_server *)*state);
	command(&sc.t, "/kick", "the NAME is missing; usage: /kick NAME");
	command(&sc.t, "/mute ben", "the TIME is missing; usage: /mute NAME TIME");
	command(&sc.t, "/mute ben 10x", "a TIME is 90s, 10m, 2h, 1d or off; usage: /mute NAME TIME");
	command(&sc.t, "/role ben boss", "a ROLE is admin, normal or creator; usage: /role NAME ROLE");
	command(&sc.t, "/rename", "the new NAME is missing; usage: /rename NAME");
	command(&sc.t, "/newcomers some", "; usage: /newcomers all|joined");
	command(&sc.t, "/devices all", "this command takes no argument; usage: /devices");
	command(&sc.t, "/enddevice", "the text is missing; usage: /enddevice DEVICE");
	command(&sc.t, "/friend", "the NAME is missing; usage: /friend NAME");
	command(&sc.t, "/help mute", "/mute #GROUP NAME TIME  the same in another group");
	command(&sc.t, "/help nothing", "There is no such command; /help lists them.");
	command(&sc.t, "/more", "there is nothing more; /older goes back in a conversation");
	/* The terminal echoes what is typed before the editor has it again. */
	terminal_wait_cursor(&sc.t, sc.prompt);
	terminal_type(&sc.t, "\025/memb\t");
	terminal_wait_cursor(&sc.t, sc.prompt + "/members ");
	terminal_type(&sc.t, "\025/role #x ben ad\t");
	terminal_wait_cursor(&sc.t, sc.prompt + "/role #x ben admin ");
	scene_end(&sc);
}

static void friends_are_listed_as_they_are_now(void **state)
{
	scene sc;

	scene_begin(&sc, (test_server *)*state);
	const std::string ben = sc.other->name;
	command(&sc.t, "/friends", "Nobody is on your list of friends; /friend NAME puts somebody there.");
	command(&sc.t, "/friend " + ben, ben + " is on your list of friends.");
	command(&sc.t, "/friends", "  " + ben + " online");
	command(&sc.t, "/block " + ben, ben + " is blocked.");
	command(&sc.t, "/friends", "  " + ben + " online, blocked");
	command(&sc.t, "/unblock " + ben, ben + " is not blocked.");
	client_sendf(sc.other, "{\"msgid\":7,\"id\":%lld,\"friendid\":%lld}", (long long)sc.other->id,
	             (long long)sc.id);
	terminal_wait(&sc.t, "* " + ben + " put you on the list of friends");
	command(&sc.t, "/friends", "  " + ben + " online, has you on the list, too");
	command(&sc.t, "/unfriend " + ben, ben + " is not on your list of friends.");
	command(&sc.t, "/friends", "  " + ben + " online, has you on the list; not on yours");
	scene_end(&sc);
}

static void a_device_is_ended_from_another_one(void **state)
{
	test_server *s = (test_server *)*state;
	scene sc;
	terminal other;

	scene_begin(&sc, s);
	terminal_start(&other, s->port);
	terminal_log_in(&other, sc.id);
	terminal_wait_cursor(&other, sc.prompt);
	terminal_type(&other, "/quit\r");
	assert_int_equal(terminal_finish(&other), 0);
	std::string device = check_read_file(other.folder + "/chatclient/device1");
	std::string own = check_read_file(sc.t.folder + "/chatclient/device1");
	std::erase(device, '\n');
	std::erase(own, '\n');
	command(&sc.t, "/devices", "  " + own + " this one");
	terminal_wait_for(&sc.t, "the other device",
	                  [&] { return terminal_text(&sc.t).find("  " + device + " ") != std::string::npos; });
	terminal_type(&sc.t, "/enddevice " + device.substr(0, device.size() - 3) + "\t");
	terminal_wait_cursor(&sc.t, sc.prompt + "/enddevice " + device + " ");
	command(&sc.t, "", "Device " + device + " is not logged in any more.");
	command(&sc.t, "/enddevice " + own, "that is this device; /logout logs out here");
	talker script;
	assert_int_equal(talker_run(&script, s->port, "login:" + std::to_string(sc.id) + ":secret\ndevices"), 0);
	assert_true(talker_has(&script, "device|" + own + "|online|"));
	assert_true(talker_has(&script, "device|-|online|"));
	assert_false(talker_has(&script, "device|" + device + "|"));
	scene_end(&sc);
}

static void one_sees_that_the_other_has_read(void **state)
{
	two_people tp;

	two_begin(&tp, (test_server *)*state);
	terminal *const t = &tp.first.t;
	command(t, "/with " + tp.ben, "Nothing was said here yet.");
	command(t, "did you see it?", ": did you see it?");
	terminal_wait(&tp.second, ": did you see it?");
	assert_true(terminal_text(t).find("(read by") == std::string::npos);
	terminal_type(&tp.second, "/with " + tp.first.name + "\r");
	terminal_wait(t, "(read by " + tp.ben + ")");
	terminal_type(&tp.second, "yes\r");
	terminal_wait(t, tp.ben + ": yes");
	terminal_wait_for(t, "no mark", [&] { return terminal_text(t).find("(read by") == std::string::npos; });
	two_end(&tp);
}

/* The names of a group that was left are no longer in any list. */
static void what_came_from_a_group_that_one_is_no_longer_in_has_its_name(void **state)
{
	test_server *s = (test_server *)*state;
	const std::string home = "XDG_STATE_HOME=" + s->folder + "/left";
	two_people tp;
	terminal again;

	two_begin(&tp, s);
	two_accept(&tp);
	terminal_start(&again, s->port, 80, 24, {home});
	terminal_log_in(&again, tp.second_id);
	terminal_wait_cursor(&again, tp.ben + "> ");
	terminal_type(&again, "/quit\r");
	assert_int_equal(terminal_finish(&again), 0);
	terminal *const t = &tp.first.t;
	const std::string renamed = client_new_name("renamed");
	command(t, "you there?", ": you there?");
	command(t, "/rename " + renamed, "* you renamed the group to " + renamed);
	command(t, "/kick " + tp.ben, "* you removed " + tp.ben);
	terminal late;
	terminal_start(&late, s->port, 80, 24, {home});
	terminal_log_in_again(&late, tp.ben);
	terminal_wait(&late, "[" + renamed + "] " + tp.first.name + ": you there?");
	terminal_wait(&late, "[" + renamed + "] * " + tp.first.name + " removed you");
	terminal_type(&late, "/quit\r");
	assert_int_equal(terminal_finish(&late), 0);
	two_end(&tp);
}

static void a_number_becomes_a_name_as_soon_as_it_is_known(void **state)
{
	scene sc;

	scene_begin(&sc, (test_server *)*state);
	terminal_type(&sc.t, "/with " + std::to_string(sc.other->id) + "\r");
	terminal_wait_cursor(&sc.t, sc.name + " -> " + std::to_string(sc.other->id) + "> ");
	terminal_type(&sc.t, "hello\r");
	terminal_wait_cursor(&sc.t, sc.name + " -> " + sc.other->name + "> ");
	scene_end(&sc);
}

static void a_script_leads_a_group_and_lists_its_people(void **state)
{
	test_server *s = (test_server *)*state;
	test_client *ben = client_enter(s, "ben");
	const std::string a = std::to_string(client_absent(s, "ann")), b = std::to_string(ben->id);
	const std::string group = client_new_name("group");
	talker t;

	assert_int_equal(talker_run(&t, s->port,
	                            "register:" + client_new_name("cid") + ":secret\nlogin:" + a +
	                                    ":secret\ncreategroup:" + group + ":\n/invite #" + group + " " + ben->name +
	                                    "\n/closed " + group + "\nmembers:" + group + "\naddfriend:" + b +
	                                    "\n/block " + b + "\ncontacts\n/kick #" + group +
	                                    " nobody at all\n/kick #none " + b + "\n/mute #" + group + " * 1h"),
	                 1);
	const std::string id = talker_lines(&t, "ok|creategroup|")[0].substr(15);
	assert_true(talker_has(&t, "ok|invite|" + id) && talker_has(&t, "ok|closed|" + id));
	assert_true(talker_has(&t, "member|" + id + "|" + a + "|") && talker_has(&t, "ok|members|" + id));
	assert_true(talker_has(&t, "contact|" + b + "|" + ben->name + "|online|yes|no|yes"));
	assert_true(talker_has(&t, "ok|contacts|-"));
	/* Everybody, not the account that was registered last. */
	assert_true(talker_has(&t, "ok|mute|" + id));
	assert_true(talker_has(&t, "invalid|10|nobody has that name"));
	assert_true(talker_has(&t, "invalid|11|no group of that name was heard of"));
}

#define TEST(name) cmocka_unit_test_teardown(name, test_server_close_clients)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(who_is_invited_accepts_or_declines),
		TEST(a_group_is_led_by_names),
		TEST(a_refusal_says_what_one_may_do_instead),
		TEST(who_is_banned_waits_for_an_invitation),
		TEST(wrong_usage_shows_the_usage),
		TEST(friends_are_listed_as_they_are_now),
		TEST(a_device_is_ended_from_another_one),
		TEST(one_sees_that_the_other_has_read),
		TEST(what_came_from_a_group_that_one_is_no_longer_in_has_its_name),
		TEST(a_number_becomes_a_name_as_soon_as_it_is_known),
		TEST(a_script_leads_a_group_and_lists_its_people),
	};

	return cmocka_run_group_tests(tests, test_server_group_setup, test_server_group_teardown);
}
