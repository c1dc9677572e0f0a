/* SPDX-License-Identifier: MIT
 * A person who is logged in at a terminal, and somebody who talks to this person. */
#include "tests/support/scene.h"

#include <algorithm>

#include "tests/support/check.h"

void terminal_answer(terminal *t, std::string_view question, std::string_view line, std::source_location at)
{
	terminal_wait_cursor(t, question, at);
	terminal_type(t, std::string(line) + "\r");
}

void terminal_log_in(terminal *t, int64_t id, std::string_view offered, std::source_location at)
{
	terminal_answer(t, "choice: ", "1", at);
	terminal_answer(t, offered.empty() ? "name or number: " : "name or number [" + std::string(offered) + "]: ",
	                std::to_string(id), at);
	terminal_answer(t, "password: ", "secret", at);
}

void terminal_log_in_again(terminal *t, const std::string &name, std::source_location at)
{
	terminal_answer(t, "choice: ", "1", at);
	terminal_answer(t, "name or number [" + name + "]: ", "", at);
	terminal_wait_cursor(t, name + "> ", at);
}

void scene_begin(scene *sc, test_server *s, std::string_view stem, size_t columns,
                 const std::vector<std::string> &environment, std::source_location at)
{
	sc->name = client_new_name(stem);
	sc->prompt = sc->name + "> ";
	sc->other = client_enter(s, "ben");
	sc->id = client_register(sc->other, sc->name);
	terminal_start(&sc->t, s->port, columns, 24, environment);
	terminal_log_in(&sc->t, sc->id, "", at);
	terminal_wait_cursor(&sc->t, sc->prompt, at);
	/* A message that comes before INBOX is answered would be seen in its list, too. */
	terminal_type(&sc->t, "/raw {\"msgid\":102}\r");
	terminal_wait_for(
		&sc->t, "the answer",
		[&] { return scene_joined(sc).find("{\"msgid\":100,\"of\":102,") != std::string::npos; }, at);
	terminal_wait_cursor(&sc->t, sc->prompt, at);
}

void scene_end(scene *sc, std::source_location at)
{
	terminal_type(&sc->t, "\025\r/quit\r");
	const int status = terminal_finish(&sc->t, at);
	if (status != 0 || !sc->t.screen.strange.empty())
		terminal_fail(&sc->t, at, "it ends with status " + std::to_string(status));
}

std::string scene_joined(const scene *sc)
{
	std::string text = terminal_text(&sc->t);

	std::erase(text, '\n');
	return text;
}

void scene_expect_above(scene *sc, std::string_view message, const std::string &typed, std::source_location at)
{
	std::string end = std::string(message) + sc->prompt + typed;

	while (end.ends_with(' '))
		end.pop_back();
	terminal_wait_for(
		&sc->t, end, [&] { return scene_joined(sc).ends_with(end); }, at);
	const std::string all = scene_joined(sc);
	if (all.find(message) != all.rfind(message) ||
	    (!typed.empty() && all.find(sc->prompt + typed) != all.rfind(sc->prompt + typed)))
		terminal_fail(&sc->t, at, "something is seen twice");
}
