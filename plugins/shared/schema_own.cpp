/* SPDX-License-Identifier: MIT
 * Checks that a schema file of a plugin changes only tables of that plugin. */
#include "schema_own.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

#include <strings.h>

/* What a file consists of for this check: names (words of SQL included), texts, and single other characters. */
enum own_kind { OWN_END, OWN_NAME, OWN_TEXT, OWN_OTHER };

struct own_scan {
	std::string_view left; /* what follows the token */
	size_t line = 1; /* of the token */
	own_kind kind = OWN_END;
	std::string token; /* without its quotes */
	std::string why; /* what is wrong; "": nothing yet */
};

static bool schema_own_is_letter(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$' ||
	       static_cast<unsigned char>(c) >= 0x80;
}

static void schema_own_drop(own_scan *s, size_t size)
{
	size = std::min(size, s->left.size());
	s->line +=
		static_cast<size_t>(std::count(s->left.begin(), s->left.begin() + static_cast<ptrdiff_t>(size), '\n'));
	s->left.remove_prefix(size);
}

/* Whether a comment begins here. After -- MySQL wants a blank. */
static bool schema_own_is_comment(std::string_view text)
{
	return text.starts_with("#") ||
	       (text.starts_with("--") && (text.size() == 2 || strchr(" \t\r\n\f\v", text[2])));
}

/* The length of the blanks or the comment at the beginning; 0: there is none. MySQL runs what is in a comment that
 * begins with an exclamation mark, so that is none here. */
static size_t schema_own_gap(std::string_view text)
{
	const size_t blanks = std::min(text.find_first_not_of(" \t\r\n\f\v"), text.size());

	if (blanks > 0)
		return blanks;
	if (schema_own_is_comment(text))
		return std::min(text.find('\n'), text.size());
	if (text.starts_with("/*") && !text.starts_with("/*!") && !text.starts_with("/*M!"))
		return std::min(text.find("*/", 2), text.size() - 2) + 2;
	return 0;
}

/* A quote within is written twice. */
static void schema_own_take_quoted(own_scan *s, char quote)
{
	size_t at = 1;

	for (; at < s->left.size(); at++) {
		if (s->left[at] == '\\' && s->left.substr(at + 1, 1) == std::string_view(&quote, 1))
			s->why = "write a quote within quotes twice, not with a backslash";
		if (s->left[at] == quote && (at + 1 == s->left.size() || s->left[at + 1] != quote))
			break;
		if (s->left[at] == quote)
			at++;
		s->token += s->left[at];
	}
	s->kind = quote == '\'' ? OWN_TEXT : OWN_NAME;
	schema_own_drop(s, at + 1);
}

static void schema_own_next(own_scan *s)
{
	while (const size_t gap = schema_own_gap(s->left))
		schema_own_drop(s, gap);
	s->token.clear();
	s->kind = OWN_END;
	if (s->left.empty())
		return;
	if (s->left.starts_with("--"))
		s->why = "put a blank after --"; /* a comment of SQLite, and none of MySQL */
	const char first = s->left.front();
	if (first == '\'' || first == '"' || first == '`') {
		schema_own_take_quoted(s, first);
		return;
	}
	const auto end = std::find_if_not(s->left.begin(), s->left.end(), schema_own_is_letter);
	const size_t size = std::max<size_t>(static_cast<size_t>(end - s->left.begin()), 1);

	s->kind = schema_own_is_letter(first) ? OWN_NAME : OWN_OTHER;
	s->token = s->left.substr(0, size);
	s->left.remove_prefix(size);
}

static bool schema_own_is(const own_scan *s, const char *word)
{
	return (s->kind == OWN_NAME || s->kind == OWN_OTHER) && strcasecmp(s->token.c_str(), word) == 0;
}

static bool schema_own_take(own_scan *s, const char *word)
{
	const bool is = schema_own_is(s, word);

	if (is)
		schema_own_next(s);
	return is;
}

static bool schema_own_is_end(const own_scan *s)
{
	return s->kind == OWN_END || (s->kind == OWN_OTHER && s->token == ";");
}

/* Goes on within the statement until the word is taken. false: it has no such word. */
static bool schema_own_find(own_scan *s, const char *word)
{
	while (!schema_own_is_end(s) && !schema_own_is(s, word))
		schema_own_next(s);
	return schema_own_take(s, word);
}

/* Takes the name of a table or an index. false: it is not the plugin's. */
static bool schema_own_take_name(own_scan *s, const std::string &prefix)
{
	const std::string name = s->token;

	if (s->kind == OWN_NAME && name.starts_with(prefix) && name != "schema_version") {
		schema_own_next(s);
		if (!schema_own_is(s, "."))
			return true;
	}
	s->why = (name.empty() ? "a name is missing" : name + " is not the plugin's") +
	         ": the names of its tables and indexes begin with " + prefix;
	return false;
}

static bool schema_own_take_create(own_scan *s, const std::string &prefix)
{
	const bool unique = schema_own_take(s, "UNIQUE"), index = schema_own_take(s, "INDEX");

	if (!index && (unique || !schema_own_take(s, "TABLE")))
		return false;
	if (schema_own_take(s, "IF") && !(schema_own_take(s, "NOT") && schema_own_take(s, "EXISTS")))
		return false;
	return schema_own_take_name(s, prefix) &&
	       (!index || (schema_own_find(s, "ON") && schema_own_take_name(s, prefix)));
}

/* What follows RENAME. MySQL renames a table by RENAME a, SQLite a column by RENAME a TO b. */
static bool schema_own_take_rename(own_scan *s, const std::string &prefix)
{
	if (schema_own_take(s, "TO") || schema_own_take(s, "AS"))
		return schema_own_take_name(s, prefix);
	own_scan ahead = *s;

	schema_own_next(&ahead);
	return schema_own_is(&ahead, "TO") || schema_own_is(s, "COLUMN") || schema_own_is(s, "INDEX") ||
	       schema_own_is(s, "KEY") || schema_own_take_name(s, prefix);
}

static bool schema_own_take_alter(own_scan *s, const std::string &prefix)
{
	if (!schema_own_take(s, "TABLE") || (schema_own_take(s, "IF") && !schema_own_take(s, "EXISTS")) ||
	    !schema_own_take_name(s, prefix))
		return false;
	while (schema_own_find(s, "RENAME"))
		if (!schema_own_take_rename(s, prefix))
			return false;
	return true;
}

static bool schema_own_take_drop(own_scan *s, const std::string &prefix)
{
	const bool index = schema_own_take(s, "INDEX");

	if ((!index && !schema_own_take(s, "TABLE")) || (schema_own_take(s, "IF") && !schema_own_take(s, "EXISTS")))
		return false;
	do {
		if (!schema_own_take_name(s, prefix))
			return false;
	} while (schema_own_take(s, ",") || schema_own_take(s, "ON"));
	return true;
}

/* Goes on to the word. MySQL changes all tables that are listed before it. */
static bool schema_own_take_alone(own_scan *s, const char *until)
{
	for (; !schema_own_is_end(s) && !schema_own_is(s, until); schema_own_next(s))
		for (const char *word : {",", "JOIN", "STRAIGHT_JOIN", "USING"})
			if (schema_own_is(s, word)) {
				s->why = s->token + " is not allowed here: a statement changes one table";
				return false;
			}
	return true;
}

/* INSERT, REPLACE, UPDATE, DELETE. */
static bool schema_own_take_change(own_scan *s, const std::string &prefix)
{
	const bool update = schema_own_take(s, "UPDATE"), erase = schema_own_take(s, "DELETE");

	if (!update && !erase && !schema_own_take(s, "INSERT") && !schema_own_take(s, "REPLACE"))
		return false;
	if (schema_own_take(s, "OR"))
		schema_own_next(s);
	(void)schema_own_take(s, "IGNORE");
	if (!update && !schema_own_take(s, erase ? "FROM" : "INTO"))
		return false;
	if (!schema_own_take_name(s, prefix))
		return false;
	return (!update && !erase) || schema_own_take_alone(s, update ? "SET" : "WHERE");
}

static bool schema_own_take_statement(own_scan *s, const std::string &prefix)
{
	own_scan ahead = *s;

	schema_own_next(&ahead);
	const std::string words = s->token + (ahead.token.empty() ? "" : " ") + ahead.token;
	const bool fine = schema_own_take(s, "CREATE")  ? schema_own_take_create(s, prefix)
	                  : schema_own_take(s, "ALTER") ? schema_own_take_alter(s, prefix)
	                  : schema_own_take(s, "DROP")  ? schema_own_take_drop(s, prefix)
	                                                : schema_own_take_change(s, prefix);

	if (!fine && s->why.empty())
		s->why = words + " is not allowed here: only CREATE, ALTER and DROP of TABLE and INDEX, INSERT INTO, "
		                 "REPLACE INTO, UPDATE and DELETE FROM";
	return fine;
}

int schema_own_check(const std::string &plugin, const std::string &path, std::string_view text, cs_error *e)
{
	const std::string prefix = plugin + "_";
	own_scan s{.left = text, .token = {}, .why = {}};

	for (schema_own_next(&s); s.kind != OWN_END && s.why.empty();) {
		if (schema_own_take(&s, ";") || !schema_own_take_statement(&s, prefix))
			continue;
		while (!schema_own_is_end(&s) && s.why.empty())
			schema_own_next(&s);
	}
	if (s.why.empty())
		return 0;
	snprintf(e->text, sizeof(e->text), "%s:%zu: %s", path.c_str(), s.line, s.why.c_str());
	return CS_EINVAL;
}
