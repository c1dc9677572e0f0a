/* SPDX-License-Identifier: MIT
 * The verbs about the whole store: backup, restore, check, export; import is in a file of its own. */
#include "verbs.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <sys/stat.h>
#include <unistd.h>

#include <chatserverd/msgid.h>

#include "answer.h"
#include "export.h"
#include "import.h"
#include "text.h"

/* ---- files */

/* The server has another folder. */
static std::string chatctl_absolute(const std::string &path)
{
	const std::unique_ptr<char, function_deleter<free>> folder(getcwd(nullptr, 0));

	return path.starts_with('/') || !folder ? path : std::string(folder.get()) + "/" + path;
}

static bool chatctl_read_file(const chatctl_words &words, cJSON *request)
{
	if (words[0].empty() || words[0].ends_with('/'))
		return chatctl_mistake("FILE is the name of a file", words[0]);
	(void)cJSON_AddStringToObject(request, "file", chatctl_absolute(words[0]).c_str());
	return true;
}

static std::string chatctl_file_of(const cJSON *request)
{
	return chatctl_raw_text(request, "file");
}

/* ---- backup */

static void chatctl_show_backup(const cJSON *answer, bool)
{
	(void)printf("%s: %s in %s\n", chatctl_text(answer, "file").c_str(),
	             chatctl_size(chatctl_number(answer, "size")).c_str(),
	             chatctl_duration(chatctl_number(answer, "ms")).c_str());
}

/* The server may see another folder of that name: that of its unit is a /tmp of its own. */
static enum chatctl_status chatctl_find_copy(const cJSON *answer)
{
	const std::string file = chatctl_raw_text(answer, "file");
	struct stat info {};

	if (stat(file.c_str(), &info) == 0 && info.st_size == chatctl_number(answer, "size"))
		return CHATCTL_DONE;
	(void)fprintf(stderr,
	              "chatctl: the server has written %s, but here it is not: the server sees another folder of that "
	              "name, such as a /tmp of its own; name a folder that both see\n",
	              chatctl_harmless(file).c_str());
	return CHATCTL_REFUSED;
}

/* The server answers each second how far it has come. */
static enum chatctl_status chatctl_run_backup(const struct chatctl_options *options, struct chatctl_wire *w,
                                              cJSON *request)
{
	const bool tells = isatty(STDERR_FILENO) == 1 && !options->json;
	enum chatctl_status status;
	chatctl_json_ptr answer = chatctl_ask_or_tell(options, w, request, &status);

	cJSON_DeleteItemFromObjectCaseSensitive(request, "file");
	if (answer)
		(void)cJSON_AddNumberToObject(request, "backup",
		                              static_cast<double>(chatctl_number(answer.get(), "backup")));
	while (answer && !chatctl_flag(answer.get(), "done")) {
		if (tells)
			(void)fprintf(stderr, "%s left of %s\n",
			              chatctl_size(chatctl_number(answer.get(), "left")).c_str(),
			              chatctl_size(chatctl_number(answer.get(), "size")).c_str());
		answer = chatctl_ask_or_tell(options, w, request, &status);
	}
	if (!answer)
		return status;
	if (const enum chatctl_status failed = chatctl_find_copy(answer.get()))
		return failed;
	chatctl_print_answer(options, answer.get(), chatctl_show_backup);
	return CHATCTL_DONE;
}

/* ---- restore */

static bool chatctl_read_restore(const chatctl_words &words, cJSON *request)
{
	if (!chatctl_read_file({words[0]}, request))
		return false;
	if (words.size() > 1)
		(void)cJSON_AddStringToObject(request, "conf", words[1].c_str());
	return true;
}

/* The server's program does it: it knows where the store is, and its lock. That of the same build or installation is
 * meant, so it is looked for beside chatctl first. */
static enum chatctl_status chatctl_run_restore(const struct chatctl_options *, struct chatctl_wire *, cJSON *request)
{
	std::string file = chatctl_file_of(request), conf = chatctl_raw_text(request, "conf");
	std::string program = "chatserverd", restore = "--restore", option = "-c";
	std::vector<char *> words = {program.data(), restore.data(), file.data()};
	char own[4096] = "";
	const ssize_t size = readlink("/proc/self/exe", own, sizeof own - 1);
	const std::string folder = size > 0 ? std::string(own, std::string_view(own).rfind('/') + 1) : "/usr/sbin/";

	if (!conf.empty())
		words.insert(words.end(), {option.data(), conf.data()});
	words.push_back(nullptr);
	for (const std::string &path : {folder + program, folder + "../sbin/" + program, program})
		(void)execvp(path.c_str(), words.data());
	(void)fprintf(stderr, "chatctl: chatserverd, which restores the store, cannot be run: %s\n", strerror(errno));
	return CHATCTL_REFUSED;
}

/* ---- check */

static enum chatctl_status chatctl_run_check(const struct chatctl_options *options, struct chatctl_wire *w,
                                             cJSON *request)
{
	int64_t rows = 0, findings = 0;
	const chatctl_json_ptr all(cJSON_CreateObject());
	cJSON *list = cJSON_AddArrayToObject(all.get(), "findings");

	chatctl_wait_long(options, w);
	const enum chatctl_status status = chatctl_ask_pages(options, w, request, [&](chatctl_json_ptr page) {
		cJSON *item;

		rows += chatctl_number(page.get(), "rows");
		cJSON_ArrayForEach(item, chatctl_member(page.get(), "findings"))
		{
			findings++;
			if (options->json)
				(void)cJSON_AddItemToArray(list, cJSON_Duplicate(item, 1));
			else
				(void)printf("%s: %s\n", chatctl_text(item, "what").c_str(),
				             chatctl_text(item, "where").c_str());
		}
		return CHATCTL_DONE;
	});

	if (status != CHATCTL_DONE)
		return status;
	(void)cJSON_AddNumberToObject(all.get(), "rows", static_cast<double>(rows));
	if (options->json)
		chatctl_print_answer(options, all.get(), nullptr);
	else if (findings == 0)
		(void)printf("nothing is wrong in %lld rows\n", static_cast<long long>(rows));
	return findings ? CHATCTL_REFUSED : CHATCTL_DONE;
}

/* ---- export */

static void chatctl_show_lines(const cJSON *answer, bool)
{
	(void)printf("%s: %lld lines\n", chatctl_text(answer, "file").c_str(),
	             static_cast<long long>(chatctl_number(answer, "lines")));
}

static enum chatctl_status chatctl_run_export(const struct chatctl_options *options, struct chatctl_wire *w,
                                              cJSON *request)
{
	const std::string path = chatctl_file_of(request);
	const chatctl_json_ptr answer(cJSON_CreateObject());
	int64_t lines;

	cJSON_DeleteItemFromObjectCaseSensitive(request, "file");
	if (const enum chatctl_status failed = chatctl_export(options, w, request, "lines", path, true, &lines))
		return failed;
	(void)cJSON_AddStringToObject(answer.get(), "file", path.c_str());
	(void)cJSON_AddNumberToObject(answer.get(), "lines", static_cast<double>(lines));
	chatctl_print_answer(options, answer.get(), chatctl_show_lines);
	return CHATCTL_DONE;
}

const struct chatctl_verb chatctl_store_verbs[] = {
	{"backup", "FILE", "copy the store into a file", CS_MSGID_BACKUP, 1, 1, chatctl_read_file, nullptr, nullptr,
         chatctl_run_backup},
	{"restore", "FILE [CONF]", "put a copy in the place of the store", 0, 1, 2, chatctl_read_restore, nullptr,
         nullptr, chatctl_run_restore, true},
	{"check", "", "look for what is wrong in the store", CS_MSGID_CHECK, 0, 0, nullptr, nullptr, nullptr,
         chatctl_run_check},
	{"export", "FILE", "write the store as lines of JSON", CS_MSGID_EXPORT, 1, 1, chatctl_read_file, nullptr,
         nullptr, chatctl_run_export},
	{"import", "FILE", "read such lines into the store", CS_MSGID_IMPORT, 1, 1, chatctl_read_file, nullptr, nullptr,
         chatctl_run_import},
	{},
};
