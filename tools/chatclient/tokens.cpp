/* SPDX-License-Identifier: MIT
 * The tokens that stand for passwords: one for each server, device and account, in a file that only its owner reads. */
#include "tokens.h"

#include <memory>
#include <vector>

#include <cjson/cJSON.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chatserverd/msgid.h>

#include "protocol.h"
#include "state.h"
#include <base/raii.h>

using tokens_json_ptr = std::unique_ptr<cJSON, function_deleter<cJSON_Delete>>;

/* The newest; nobody has more. */
static const size_t tokens_most = 200;

static std::string tokens_text(const cJSON *object, const char *key)
{
	const cJSON *const item = cJSON_GetObjectItemCaseSensitive(object, key);

	return cJSON_IsString(item) ? item->valuestring : std::string();
}

/* A line of the file is a JSON object. */
static bool tokens_read_line(std::string_view line, tokens_entry *entry_r)
{
	const tokens_json_ptr object(cJSON_ParseWithLength(line.data(), line.size()));

	if (!object)
		return false;
	const cJSON *const item = cJSON_GetObjectItemCaseSensitive(object.get(), "id");
	const double id = cJSON_IsNumber(item) ? item->valuedouble : 0;
	*entry_r = {.server = tokens_text(object.get(), "server"),
	            .device = tokens_text(object.get(), "device"),
	            .name = tokens_text(object.get(), "name"),
	            .id = id >= 1 && id <= static_cast<double>(CS_INTEGER_MAX) ? static_cast<int64_t>(id) : 0,
	            .token = tokens_text(object.get(), "token")};
	return !entry_r->token.empty();
}

static std::string tokens_write_line(const tokens_entry &entry)
{
	request rq = {.text = "{\"id\":" + std::to_string(entry.id)};

	request_add_text(&rq, "server", entry.server);
	request_add_text(&rq, "device", entry.device);
	request_add_text(&rq, "name", entry.name);
	request_add_text(&rq, "token", entry.token);
	return request_end(&rq);
}

/* A file that somebody else could read, or write, is not trusted. */
static std::string tokens_read_file(const std::string &path)
{
	const unique_fd file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
	struct stat info = {};
	std::string text;
	char bytes[8192];
	ssize_t got;

	if (file.fd == -1 || fstat(file.fd, &info) != 0 || info.st_uid != geteuid() || (info.st_mode & 077) != 0)
		return {};
	while ((got = read(file.fd, bytes, sizeof bytes)) > 0)
		text.append(bytes, static_cast<size_t>(got));
	return text;
}

static std::vector<tokens_entry> tokens_read(const std::string &folder)
{
	std::string_view rest;
	std::vector<tokens_entry> entries;
	tokens_entry entry;

	if (folder.empty())
		return entries;
	const std::string text = tokens_read_file(folder + "/tokens");
	for (rest = text; !rest.empty();) {
		const size_t end = rest.find('\n');
		if (tokens_read_line(rest.substr(0, end), &entry))
			entries.push_back(entry);
		rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
	}
	return entries;
}

static bool tokens_write(const std::string &folder, const std::vector<tokens_entry> &entries)
{
	std::string text;
	size_t left = entries.size();

	for (const tokens_entry &entry : entries)
		if (left-- <= tokens_most)
			text += tokens_write_line(entry);
	return state_write(folder + "/tokens", text);
}

/* Clients that run at the same time change the file one after the other. -1: it cannot be changed. */
static unique_fd tokens_lock(const std::string &folder)
{
	unique_fd held(folder.empty() ? -1
	                              : open((folder + "/tokens.lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));

	if (held.fd != -1 && flock(held.fd, LOCK_EX) != 0)
		held.reset(-1);
	return held;
}

/* A name may be the number of another account, so the one is never compared with the other. */
std::string tokens_find(const std::string &server, const std::string &device, uint64_t id, const std::string &name)
{
	for (const tokens_entry &entry : tokens_read(state_folder()))
		if (entry.server == server && entry.device == device &&
		    (id > 0 ? entry.id == static_cast<int64_t>(id) : entry.name == name))
			return entry.token;
	return {};
}

void tokens_keep(const tokens_entry &fresh)
{
	const std::string folder = state_folder();
	const unique_fd held = tokens_lock(folder);

	if (held.fd == -1)
		return;
	std::vector<tokens_entry> entries = tokens_read(folder);
	std::erase_if(entries, [&fresh](const tokens_entry &entry) {
		return entry.server == fresh.server && entry.device == fresh.device && entry.id == fresh.id;
	});
	entries.push_back(fresh);
	(void)tokens_write(folder, entries);
}

void tokens_drop(const std::string &token)
{
	const std::string folder = state_folder();
	const unique_fd held = tokens_lock(folder);

	if (held.fd == -1)
		return;
	std::vector<tokens_entry> entries = tokens_read(folder);
	if (std::erase_if(entries, [&token](const tokens_entry &entry) { return entry.token == token; }) > 0)
		(void)tokens_write(folder, entries);
}

int tokens_forget(const std::string &server)
{
	const std::string folder = state_folder();
	const unique_fd held = tokens_lock(folder);

	if (held.fd == -1)
		return -1;
	std::vector<tokens_entry> entries = tokens_read(folder);
	const size_t gone =
		std::erase_if(entries, [&server](const tokens_entry &entry) { return entry.server == server; });
	if (gone > 0 && !tokens_write(folder, entries))
		return -1;
	return static_cast<int>(gone);
}
