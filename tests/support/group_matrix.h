/* SPDX-License-Identifier: MIT
 * What PROTOCOL 10 says of every request on a group, for everybody who may ask and everybody whom it may be about. */
#ifndef TESTS_SUPPORT_GROUP_MATRIX_H
#define TESTS_SUPPORT_GROUP_MATRIX_H

#include <cstddef>

/* Who is who in the group of the matrix. Of admins and of those who are normal there are two, so that one can ask for
 * something that is about the other. */
enum matrix_person {
	MATRIX_CREATOR,
	MATRIX_ADMIN,
	MATRIX_NORMAL,
	MATRIX_FORMER,
	MATRIX_BANNED,
	MATRIX_INVITED,
	MATRIX_STRANGER,
	MATRIX_OTHER_ADMIN,
	MATRIX_OTHER_NORMAL,
	MATRIX_NOBODY,
	MATRIX_PEOPLE = MATRIX_NOBODY
};
inline constexpr size_t matrix_actors = MATRIX_STRANGER + 1;

enum matrix_action {
	MATRIX_REMOVE,
	MATRIX_BAN,
	MATRIX_MAKE_ADMIN,
	MATRIX_MAKE_NORMAL,
	MATRIX_MAKE_CREATOR,
	MATRIX_MUTE,
	MATRIX_UNMUTE,
	MATRIX_INVITE,
	MATRIX_MUTE_ALL, /* these and the following are about nobody */
	MATRIX_RENAME,
	MATRIX_JOIN
};

/* The outcomes. */
enum matrix_outcome : char {
	MATRIX_ENTRY = '+', /* done, an entry of the log */
	MATRIX_DONE = '~', /* done without an entry */
	MATRIX_IS_THERE = '=', /* errno 0, nothing changes */
	MATRIX_NOT_ALLOWED = '-',
	MATRIX_NO_USER = 'u', /* no such account, or no member */
	MATRIX_EXISTS = 'e'
};

struct matrix_row {
	matrix_action action;
	bool invite_only;
	/* For each actor: the outcome for itself, the creator, another admin, another normal one, then for the former,
	 * the banned, the invited one, the stranger, and an account that does not exist. A point: that is itself, too.
	 * Spaces mean nothing. If the request is about nobody, there is one outcome. */
	const char *outcomes[matrix_actors];
};

/* clang-format off */
inline constexpr matrix_row group_matrix[] = {
	{MATRIX_REMOVE, false, {
		"- . + +  = = ~ = u", /* the creator */
		"+ - - +  = = ~ = u", /* an admin */
		"+ - - -  = = - = u", /* a normal one */
		"= - - -  . - - - -", /* a former one */
		"= - - -  - . - - -", /* the banned one */
		"~ - - -  - - . - -", /* the invited one */
		"= - - -  - - - . -", /* the stranger */
	}},
	{MATRIX_BAN, false, {
		"- . + +  + = + + u", /* the creator */
		"- - - +  + = + + u", /* an admin */
		"- - - -  - = - - -", /* a normal one */
		"- - - -  . - - - -", /* a former one */
		"- - - -  - . - - -", /* the banned one */
		"- - - -  - - . - -", /* the invited one */
		"- - - -  - - - . -", /* the stranger */
	}},
	{MATRIX_MAKE_ADMIN, false, {
		"- . = +  u u u u u", /* the creator */
		"= - = -  - - - - -", /* an admin */
		"- - = -  - - - - -", /* a normal one */
		"- - - -  . - - - -", /* a former one */
		"- - - -  - . - - -", /* the banned one */
		"- - - -  - - . - -", /* the invited one */
		"- - - -  - - - . -", /* the stranger */
	}},
	{MATRIX_MAKE_NORMAL, false, {
		"- . + =  u u u u u", /* the creator */
		"- - - =  - - - - -", /* an admin */
		"= - - =  - - - - -", /* a normal one */
		"- - - -  . - - - -", /* a former one */
		"- - - -  - . - - -", /* the banned one */
		"- - - -  - - . - -", /* the invited one */
		"- - - -  - - - . -", /* the stranger */
	}},
	{MATRIX_MAKE_CREATOR, false, {
		"= . + +  u u u u u", /* the creator */
		"- = - -  - - - - -", /* an admin */
		"- = - -  - - - - -", /* a normal one */
		"- - - -  . - - - -", /* a former one */
		"- - - -  - . - - -", /* the banned one */
		"- - - -  - - . - -", /* the invited one */
		"- - - -  - - - . -", /* the stranger */
	}},
	{MATRIX_MUTE, false, {
		"- . + +  u u u u u", /* the creator */
		"- - - +  u u u u u", /* an admin */
		"- - - -  - - - - -", /* a normal one */
		"- - - -  . - - - -", /* a former one */
		"- - - -  - . - - -", /* the banned one */
		"- - - -  - - . - -", /* the invited one */
		"- - - -  - - - . -", /* the stranger */
	}},
	{MATRIX_UNMUTE, false, {
		"= . = =  u u u u u", /* the creator */
		"= = = =  u u u u u", /* an admin */
		"= = = =  - - - - -", /* a normal one */
		"- - - -  . - - - -", /* a former one */
		"- - - -  - . - - -", /* the banned one */
		"- - - -  - - . - -", /* the invited one */
		"- - - -  - - - . -", /* the stranger */
	}},
	{MATRIX_INVITE, false, {
		"e . e e  ~ ~ = ~ u", /* the creator */
		"e e e e  ~ ~ = ~ u", /* an admin */
		"e e e e  ~ - = ~ u", /* a normal one */
		"- - - -  . - - - -", /* a former one */
		"- - - -  - . - - -", /* the banned one */
		"- - - -  - - . - -", /* the invited one */
		"- - - -  - - - . -", /* the stranger */
	}},
	{MATRIX_INVITE, true, {
		"e . e e  ~ ~ = ~ u", /* the creator */
		"e e e e  ~ ~ = ~ u", /* an admin */
		"- - - -  - - - - -", /* a normal one */
		"- - - -  . - - - -", /* a former one */
		"- - - -  - . - - -", /* the banned one */
		"- - - -  - - . - -", /* the invited one */
		"- - - -  - - - . -", /* the stranger */
	}},
	{MATRIX_MUTE_ALL, false, {
		"+", /* the creator */
		"+", /* an admin */
		"-", /* a normal one */
		"-", /* a former one */
		"-", /* the banned one */
		"-", /* the invited one */
		"-", /* the stranger */
	}},
	{MATRIX_RENAME, false, {
		"+", /* the creator */
		"+", /* an admin */
		"-", /* a normal one */
		"-", /* a former one */
		"-", /* the banned one */
		"-", /* the invited one */
		"-", /* the stranger */
	}},
	{MATRIX_JOIN, false, {
		"e", /* the creator */
		"e", /* an admin */
		"e", /* a normal one */
		"+", /* a former one */
		"-", /* the banned one */
		"+", /* the invited one */
		"+", /* the stranger */
	}},
	{MATRIX_JOIN, true, {
		"e", /* the creator */
		"e", /* an admin */
		"e", /* a normal one */
		"-", /* a former one */
		"-", /* the banned one */
		"+", /* the invited one */
		"-", /* the stranger */
	}},
};
/* clang-format on */

/* One request of the matrix. */
struct matrix_case {
	matrix_action action;
	bool invite_only;
	matrix_person actor, target;
	matrix_outcome outcome;
	const char *text; /* which it is, for a failing test */
};

/* Calls run(c) for each case. */
template <class Run> void group_matrix_each(Run run)
{
	static constexpr matrix_person targets[] = {MATRIX_NOBODY,       MATRIX_CREATOR,  MATRIX_OTHER_ADMIN,
	                                            MATRIX_OTHER_NORMAL, MATRIX_FORMER,   MATRIX_BANNED,
	                                            MATRIX_INVITED,      MATRIX_STRANGER, MATRIX_NOBODY};

	for (const matrix_row &row : group_matrix)
		for (size_t actor = 0; actor < matrix_actors; actor++) {
			size_t at = 0;
			for (const char *c = row.outcomes[actor]; *c; c++) {
				if (*c == ' ')
					continue;
				const matrix_person who = static_cast<matrix_person>(actor);
				const matrix_case one = {row.action,
				                         row.invite_only,
				                         who,
				                         at == 0 ? who : targets[at],
				                         static_cast<matrix_outcome>(*c),
				                         row.outcomes[actor]};
				at++;
				if (*c != '.')
					run(one);
			}
		}
}

#endif
