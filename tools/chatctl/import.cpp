/* SPDX-License-Identifier: MIT
 * The verb import: sends the lines of a file, some hundred at a time.
 *
 * A line that somebody wrote by hand can have the password of an account as plain text. The server makes the hash, as
 * for ACCOUNT_PASSWORD, when the account is there. A message gets a cid that says which line of the file it is, so that
 * it is not stored twice if the file is read again. */
#include "import.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <set>
#include <string_view>
#include <unordered_map>

#include <base/wipe.h>
#include <chatserverd/msgid.h>

#include "answer.h"
#include "text.h"

/* A frame may have 2,048 values. */
static constexpr size_t chatctl_batch_values = 1900, chatctl_batch_bytes = 256 * 1024;
static constexpr size_t chatctl_password_most = 128; /* bytes */
/* The server hashes for people who log in, too. */
static constexpr long chatctl_busy_wait = 100000000; /* ns */
static constexpr int chatctl_busy_tries = 600;

/* Of an account of the batch. */
struct chatctl_import_password {
	int64_t number; /* of the line */
	int64_t id; /* 0: only the name is known */
	std::string name;
	wiped_text text;
};

struct chatctl_import {
	const struct chatctl_options *options;
	struct chatctl_wire *w;
	int64_t number = 0; /* of the last line */
	int64_t added = 0, skipped = 0;
	bool has_id = false; /* the file was made by an export, so it has an end */
	bool has_end = false;
	chatctl_json_ptr request;
	size_t values = 0, bytes = 0; /* in the request */
	std::vector<chatctl_import_password> passwords; /* to be set after the request */
	std::set<std::string> names; /* of lines without a number, behind their kind */
	std::unordered_map<uint64_t, uint64_t> times; /* how often the file had a message line, by its hash */
};

static void chatctl_import_begin(struct chatctl_import *i)
{
	i->request.reset(cJSON_CreateObject());
	(void)cJSON_AddNumberToObject(i->request.get(), "msgid", CS_MSGID_IMPORT);
	(void)cJSON_AddNumberToObject(i->request.get(), "req", 1);
	(void)cJSON_AddObjectToObject(i->request.get(), "lines");
	i->values = i->bytes = 0;
	i->passwords.clear();
}

static enum chatctl_status chatctl_import_wrong(int64_t number, const char *why)
{
	(void)fprintf(stderr, "chatctl: line %lld: %s\n", static_cast<long long>(number), why);
	return CHATCTL_REFUSED;
}

static enum chatctl_status chatctl_import_cannot_read(const std::string &path)
{
	(void)fprintf(stderr, "chatctl: %s: %s\n", chatctl_harmless(path).c_str(), strerror(errno));
	return CHATCTL_REFUSED;
}

/* ---- passwords */

static chatctl_json_ptr chatctl_make_password_request(const chatctl_import_password &password)
{
	chatctl_json_ptr request(cJSON_CreateObject());

	(void)cJSON_AddNumberToObject(request.get(), "msgid", CS_MSGID_ACCOUNT_PASSWORD);
	(void)cJSON_AddNumberToObject(request.get(), "req", 1);
	if (password.id)
		(void)cJSON_AddNumberToObject(request.get(), "account", static_cast<double>(password.id));
	else
		(void)cJSON_AddStringToObject(request.get(), "name", password.name.c_str());
	(void)cJSON_AddStringToObject(request.get(), "password", password.text.c_str());
	(void)cJSON_AddTrueToObject(request.get(), "if_none");
	return request;
}

static void chatctl_wipe_text(cJSON *object, const char *key)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);

	if (cJSON_IsString(item))
		wipe_bytes(item->valuestring, strlen(item->valuestring));
}

/* One at a time: the other threads that hash are for those who log in. */
static enum chatctl_status chatctl_set_password(const struct chatctl_import *i, const chatctl_import_password &password)
{
	const chatctl_json_ptr request = chatctl_make_password_request(password);
	const struct timespec wait = {0, chatctl_busy_wait};
	chatctl_json_ptr answer = chatctl_ask(i->w, request.get());

	for (int tries = 1;
	     answer && chatctl_number(answer.get(), "errno") == CS_ERRNO_BUSY && tries < chatctl_busy_tries; tries++) {
		(void)nanosleep(&wait, nullptr);
		answer = chatctl_ask(i->w, request.get());
	}
	chatctl_wipe_text(request.get(), "password");
	if (!answer)
		return CHATCTL_UNREACHED;
	if (chatctl_number(answer.get(), "errno") == 0)
		return CHATCTL_DONE;
	return chatctl_import_wrong(password.number,
	                            ("the password was not set: " + chatctl_text(answer.get(), "errmsg")).c_str());
}

static enum chatctl_status chatctl_set_passwords(const struct chatctl_import *i)
{
	for (const chatctl_import_password &password : i->passwords)
		if (const enum chatctl_status failed = chatctl_set_password(i, password))
			return failed;
	return CHATCTL_DONE;
}

/* ---- batches */

static enum chatctl_status chatctl_import_send(struct chatctl_import *i)
{
	enum chatctl_status status = CHATCTL_DONE;

	if (i->values > 0) {
		const chatctl_json_ptr answer = chatctl_ask_or_tell(i->options, i->w, i->request.get(), &status);

		if (!answer)
			return status;
		i->added += chatctl_number(answer.get(), "added");
		i->skipped += chatctl_number(answer.get(), "skipped");
		status = chatctl_set_passwords(i);
	}
	chatctl_import_begin(i);
	return status;
}

/* The last line, of an export, says how many are above it. */
static enum chatctl_status chatctl_import_end(struct chatctl_import *i, const cJSON *line)
{
	i->has_end = true;
	return chatctl_number(line, "lines") == i->number - 1
	               ? CHATCTL_DONE
	               : chatctl_import_wrong(i->number, "the file has not as many lines as it says");
}

/* ---- lines by hand */

/* What has no number is known by its name, so the file must have the name once. */
static enum chatctl_status chatctl_import_name(struct chatctl_import *i, const std::string &kind, const cJSON *line)
{
	if ((kind != "account" && kind != "group") || chatctl_member(line, "id"))
		return CHATCTL_DONE;
	if (i->names.insert(kind + " " + chatctl_raw_text(line, "name")).second)
		return CHATCTL_DONE;
	return chatctl_import_wrong(i->number, "the file has this name twice");
}

/* Takes a plain password out of the line. */
static enum chatctl_status chatctl_import_account(struct chatctl_import *i, cJSON *line,
                                                  chatctl_import_password *password_r)
{
	const cJSON *item = chatctl_member(line, "password");
	const std::string_view text = cJSON_IsString(item) ? item->valuestring : "";

	if (text.empty() || text.starts_with("$argon2id$v=19$") || text.starts_with("$argon2i$v=19$"))
		return CHATCTL_DONE;
	if (text.starts_with('$'))
		return chatctl_import_wrong(i->number, "password is a hash that this server does not know: leave it "
		                                       "out, or write the password itself");
	if (text.size() > chatctl_password_most)
		return chatctl_import_wrong(i->number, "password must have 1 to 128 bytes");
	password_r->number = i->number;
	password_r->id = chatctl_number(line, "id");
	password_r->name = chatctl_raw_text(line, "name");
	password_r->text.assign(text);
	chatctl_wipe_text(line, "password");
	cJSON_DeleteItemFromObjectCaseSensitive(line, "password");
	return CHATCTL_DONE;
}

/* FNV-1a. Of two lines with one hash the server takes only one, and refuses the other. */
static uint64_t chatctl_hash_line(std::string_view line)
{
	uint64_t hash = UINT64_C(14695981039346656037);

	for (const char c : line)
		hash = (hash ^ static_cast<unsigned char>(c)) * UINT64_C(1099511628211);
	return hash;
}

/* The line itself, and how often the file had it up to here: so other lines may be added and removed. */
static void chatctl_import_message(struct chatctl_import *i, cJSON *line, std::string_view text)
{
	char cid[64];

	if (chatctl_member(line, "cid"))
		return;
	const uint64_t hash = chatctl_hash_line(text.substr(0, text.find_last_not_of(" \t\r\n") + 1));
	(void)snprintf(cid, sizeof cid, "import-%016llx-%llu", static_cast<unsigned long long>(hash),
	               static_cast<unsigned long long>(++i->times[hash]));
	(void)cJSON_AddStringToObject(line, "cid", cid);
}

/* ---- the file */

static enum chatctl_status chatctl_import_check(struct chatctl_import *i, const cJSON *line, const std::string &kind)
{
	if (i->has_end)
		return chatctl_import_wrong(i->number, "stands behind the end of the file");
	if (i->number == 1 && kind != "store")
		return chatctl_import_wrong(i->number, "the first line must be of the kind store");
	i->has_id = i->has_id || (i->number == 1 && chatctl_member(line, "id"));
	return chatctl_import_name(i, kind, line);
}

static enum chatctl_status chatctl_import_line(struct chatctl_import *i, std::string_view text)
{
	chatctl_json_ptr line(cJSON_ParseWithLength(text.data(), text.size()));
	chatctl_import_password password = {};

	if (!cJSON_IsObject(line.get()))
		return chatctl_import_wrong(i->number, "is no JSON object");
	const std::string kind = chatctl_raw_text(line.get(), "kind");
	if (kind == "end" && !i->has_end)
		return chatctl_import_end(i, line.get());
	enum chatctl_status status = chatctl_import_check(i, line.get(), kind);
	if (status == CHATCTL_DONE && kind == "account")
		status = chatctl_import_account(i, line.get(), &password);
	if (status != CHATCTL_DONE)
		return status;
	if (kind == "message")
		chatctl_import_message(i, line.get(), text);
	const auto values = static_cast<size_t>(cJSON_GetArraySize(line.get())) + 1;
	if (i->values + values > chatctl_batch_values || i->bytes >= chatctl_batch_bytes)
		if (const enum chatctl_status failed = chatctl_import_send(i))
			return failed;
	cJSON *lines = cJSON_GetObjectItemCaseSensitive(i->request.get(), "lines");
	(void)cJSON_AddItemToObject(lines, std::to_string(i->number).c_str(), line.release());
	i->values += values;
	i->bytes += text.size();
	if (!password.text.empty())
		i->passwords.push_back(std::move(password));
	return CHATCTL_DONE;
}

static void chatctl_show_import(const cJSON *answer, bool)
{
	(void)printf("%lld lines added, %lld were there\n", static_cast<long long>(chatctl_number(answer, "added")),
	             static_cast<long long>(chatctl_number(answer, "skipped")));
}

static enum chatctl_status chatctl_import_lines(struct chatctl_import *i, FILE *file)
{
	char *raw = nullptr;
	size_t room = 0;
	enum chatctl_status status = CHATCTL_DONE;

	while (status == CHATCTL_DONE) {
		const ssize_t size = getline(&raw, &room, file);

		if (size <= 0)
			break;
		i->number++;
		status = chatctl_import_line(i, {raw, static_cast<size_t>(size)});
	}
	if (raw)
		wipe_bytes(raw, room);
	free(raw);
	return status == CHATCTL_DONE ? chatctl_import_send(i) : status;
}

enum chatctl_status chatctl_run_import(const struct chatctl_options *options, struct chatctl_wire *w, cJSON *request)
{
	const std::string path = chatctl_raw_text(request, "file");
	const std::unique_ptr<FILE, function_deleter<fclose>> file(fopen(path.c_str(), "re"));
	struct chatctl_import i = {options, w};
	const chatctl_json_ptr answer(cJSON_CreateObject());

	chatctl_wait_long(options, w);
	if (!file)
		return chatctl_import_cannot_read(path);
	chatctl_import_begin(&i);
	if (const enum chatctl_status failed = chatctl_import_lines(&i, file.get()))
		return failed;
	if (ferror(file.get()))
		return chatctl_import_cannot_read(path);
	if (i.has_id && !i.has_end)
		return chatctl_import_wrong(i.number, "the file ends here, but an export has an end: it is cut off");
	(void)cJSON_AddNumberToObject(answer.get(), "added", static_cast<double>(i.added));
	(void)cJSON_AddNumberToObject(answer.get(), "skipped", static_cast<double>(i.skipped));
	chatctl_print_answer(options, answer.get(), chatctl_show_import);
	return CHATCTL_DONE;
}
