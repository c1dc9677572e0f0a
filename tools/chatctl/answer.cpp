/* SPDX-License-Identifier: MIT
 * The words of a request and the members of an answer, as all verbs read and show them. */
#include "answer.h"

#include <cstdio>
#include <cstdlib>

#include <base/raii.h>
#include <chatserverd/plugin.h>

#include "text.h"

const cJSON *chatctl_member(const cJSON *object, const char *key)
{
	return cJSON_GetObjectItemCaseSensitive(object, key);
}

int64_t chatctl_number(const cJSON *object, const char *key)
{
	const cJSON *item = chatctl_member(object, key);

	return cJSON_IsNumber(item) ? static_cast<int64_t>(item->valuedouble) : 0;
}

std::string chatctl_document(const cJSON *item)
{
	const std::unique_ptr<char, function_deleter<cJSON_free>> text(cJSON_PrintUnformatted(item));

	return text.get();
}

std::string chatctl_raw_text(const cJSON *object, const char *key)
{
	const cJSON *item = chatctl_member(object, key);

	return cJSON_IsString(item) ? item->valuestring : "";
}

std::string chatctl_text(const cJSON *object, const char *key)
{
	return chatctl_harmless(chatctl_raw_text(object, key));
}

bool chatctl_flag(const cJSON *object, const char *key)
{
	return cJSON_IsTrue(chatctl_member(object, key));
}

struct chatctl_cell chatctl_number_cell(const cJSON *object, const char *key)
{
	return {std::to_string(chatctl_number(object, key))};
}

struct chatctl_cell chatctl_text_cell(const cJSON *object, const char *key)
{
	return {chatctl_text(object, key)};
}

struct chatctl_cell chatctl_size_cell(const cJSON *object, const char *key)
{
	return {chatctl_size(chatctl_number(object, key))};
}

struct chatctl_cell chatctl_time_cell(const cJSON *object, const char *key)
{
	return {chatctl_duration(chatctl_number(object, key))};
}

std::string chatctl_counts(const cJSON *object)
{
	std::string text;
	const cJSON *item;

	cJSON_ArrayForEach(item, object) text += (text.empty() ? "" : ", ") + chatctl_harmless(item->string) + " " +
	                                         std::to_string(static_cast<int64_t>(item->valuedouble));
	return text;
}

const char *chatctl_plural(int64_t n)
{
	return n == 1 ? "" : "s";
}

/* ---- words */

bool chatctl_mistake(const char *what, const std::string &word)
{
	(void)fprintf(stderr, "chatctl: %s, not \"%s\"\n", what, chatctl_harmless(word).c_str());
	return false;
}

/* Digits only. */
static bool chatctl_is_number(const std::string &word)
{
	return !word.empty() && word.find_first_not_of("0123456789") == std::string::npos;
}

bool chatctl_add_number(cJSON *request, const char *key, const std::string &word, int64_t least, int64_t most,
                        const char *must_be)
{
	const bool is_number = chatctl_is_number(word) && word.size() <= 16;
	const int64_t value = is_number ? strtoll(word.c_str(), nullptr, 10) : -1;

	if (value < least || value > most)
		return chatctl_mistake(must_be, word);
	(void)cJSON_AddNumberToObject(request, key, static_cast<double>(value));
	return true;
}

bool chatctl_add_named(cJSON *request, const char *number, const char *name, const std::string &word)
{
	if (chatctl_is_number(word))
		return chatctl_add_number(request, number, word, 1, CS_INTEGER_MAX,
		                          "digits are a number here, of 1 or more");
	(void)cJSON_AddStringToObject(request, name, word.c_str());
	return true;
}

bool chatctl_add_account(cJSON *request, const std::string &word)
{
	return chatctl_add_named(request, "account", "name", word);
}

bool chatctl_add_group(cJSON *request, const std::string &word)
{
	return chatctl_add_named(request, "groupid", "groupname", word);
}

bool chatctl_add_duration(cJSON *request, const char *key, const std::string &word, int64_t most_days,
                          const char *must_be)
{
	static constexpr struct {
		char unit;
		int64_t ms;
	} units[] = {{'s', 1000}, {'m', 60000}, {'h', 3600000}, {'d', 86400000}};
	const std::string digits = word.substr(0, word.empty() ? 0 : word.size() - 1);

	for (const auto &[unit, ms] : units) {
		const bool is_time = chatctl_is_number(digits) && digits.size() <= 10 && word.back() == unit;
		const int64_t value = is_time ? strtoll(digits.c_str(), nullptr, 10) * ms : 0;

		if (value < 1 || value > most_days * 86400000)
			continue;
		(void)cJSON_AddNumberToObject(request, key, static_cast<double>(value));
		return true;
	}
	return chatctl_mistake(must_be, word);
}

/* ---- lines of a table */

void chatctl_add_line(struct chatctl_table *table, const char *name, const std::string &text,
                      enum chatctl_colour colour)
{
	table->rows.push_back({{name, CHATCTL_BOLD}, {text, colour}});
}
