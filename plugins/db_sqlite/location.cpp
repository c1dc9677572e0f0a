/* SPDX-License-Identifier: MIT
 * Finds the database and sets up a handle to it. */
#include "db_sqlite.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

bool sqlite_is_memory(const sqlite_conf *conf)
{
	return strcmp(conf->path, ":memory:") == 0;
}

/* false: it cannot be found, errno says why. */
static bool db_sqlite_resolve(const sqlite_conf *conf, std::string *path_r)
{
	char *real = realpath(conf->path, nullptr);

	if (real)
		*path_r = real;
	free(real);
	return real != nullptr;
}

static int db_sqlite_deny(const std::string &path, const char *why, cs_error *e)
{
	snprintf(e->text, sizeof(e->text), "%s: %s", path.c_str(), why);
	return CS_EINVAL;
}

static std::string db_sqlite_parent(const std::string &path)
{
	const size_t end = path.find_last_not_of('/', path.rfind('/'));

	if (path.find('/') == std::string::npos)
		return ".";
	return end == std::string::npos ? "/" : path.substr(0, end + 1);
}

/* Whether the path is not that of a link, but of the file itself. */
static bool db_sqlite_is_direct(const std::string &path, const std::string &resolved)
{
	char *folder = realpath(db_sqlite_parent(path).c_str(), nullptr);
	const bool is_direct = folder && db_sqlite_parent(resolved) == folder &&
	                       path.substr(path.rfind('/') + 1) == resolved.substr(resolved.rfind('/') + 1);

	free(folder);
	return is_direct;
}

int sqlite_find(const sqlite_conf *conf, std::string *path_r, cs_error *e)
{
	struct stat folder = {}, file = {};

	if (!db_sqlite_resolve(conf, path_r))
		return db_sqlite_deny(
			conf->path,
			errno == ENOENT ? "there is no such file, or it is a link to none" : strerror(errno), e);
	if (geteuid() != 0 || db_sqlite_is_direct(conf->path, *path_r))
		return 0;
	if (stat(db_sqlite_parent(conf->path).c_str(), &folder) == -1 || lstat(path_r->c_str(), &file) == -1)
		return db_sqlite_deny(conf->path, strerror(errno), e);
	if (folder.st_uid == file.st_uid)
		return 0;
	snprintf(e->text, sizeof(e->text),
	         "%s is a link to %s, which is of another user than the folder of the link, so root does not follow "
	         "it; give the path of the file itself in db_sqlite.path",
	         conf->path, path_r->c_str());
	return CS_EINVAL;
}

static int db_sqlite_make_folder(const std::string &folder, cs_error *e)
{
	for (size_t at = folder.find('/', 1);; at = folder.find('/', at + 1)) {
		const std::string part = folder.substr(0, at);

		if (mkdir(part.c_str(), 0750) == -1 && errno != EEXIST) {
			snprintf(e->text, sizeof(e->text), "cannot create the folder %s: %s", part.c_str(),
			         strerror(errno));
			return CS_EINVAL;
		}
		if (at == std::string::npos)
			return 0;
	}
}

int sqlite_make_folder(const sqlite_conf *conf, cs_error *e)
{
	const std::string path = conf->path;
	const size_t slash = path.rfind('/');

	if (path.empty()) {
		snprintf(e->text, sizeof(e->text), "db_sqlite.path is empty");
		return CS_EINVAL;
	}
	if (slash != std::string::npos && slash > 0) {
		const int result = db_sqlite_make_folder(path.substr(0, slash), e);

		if (result)
			return result;
	}
	/* Made here, because SQLite would make it readable by everybody. Its log files get the same mode. */
	const int fd = open(conf->path, O_RDWR | O_CREAT | O_CLOEXEC | (geteuid() == 0 ? O_NOFOLLOW : 0), 0600);
	if (fd == -1 && errno == ELOOP) {
		std::string resolved;

		return sqlite_find(conf, &resolved, e);
	}
	if (fd == -1) {
		snprintf(e->text, sizeof(e->text), "cannot open the database %s: %s", conf->path, strerror(errno));
		return CS_EINVAL;
	}
	close(fd);
	return 0;
}

static int db_sqlite_check_file(const std::string &file, cs_error *e)
{
	struct stat info = {};

	if (stat(file.c_str(), &info) == -1 || faccessat(AT_FDCWD, file.c_str(), R_OK | W_OK, AT_EACCESS) == -1)
		return db_sqlite_deny(file, strerror(errno), e);
	return S_ISREG(info.st_mode) ? 0 : db_sqlite_deny(file, "is not a file", e);
}

/* Missing folders will be made in the nearest one that exists. */
static int db_sqlite_check_folder(std::string folder, cs_error *e)
{
	struct stat info = {};

	while (stat(folder.c_str(), &info) == -1 && (errno == ENOENT || errno == ENOTDIR))
		folder = db_sqlite_parent(folder);
	if (stat(folder.c_str(), &info) == -1)
		return db_sqlite_deny(folder, strerror(errno), e);
	if (faccessat(AT_FDCWD, folder.c_str(), W_OK | X_OK, AT_EACCESS) == -1 && S_ISDIR(info.st_mode))
		return db_sqlite_deny(folder, strerror(errno), e);
	return S_ISDIR(info.st_mode) ? 0 : db_sqlite_deny(folder, "is not a folder", e);
}

int sqlite_check(const void *conf, const char **key_r, cs_error *e)
{
	const auto *c = static_cast<const sqlite_conf *>(conf);
	std::string path = c->path;

	*key_r = "path";
	if (sqlite_is_memory(c))
		return 0;
	if (db_sqlite_resolve(c, &path)) {
		const std::string lock = path + "-lock";

		if (db_sqlite_check_file(path, e) || (access(lock.c_str(), F_OK) == 0 && db_sqlite_check_file(lock, e)))
			return CS_EINVAL;
	}
	return db_sqlite_check_folder(db_sqlite_parent(path), e);
}

/* A database of SQLite's memdb lives as long as a connection to it is open in this process, and is found by its name.
 * The address of the option struct is unique for each server. */
static std::string db_sqlite_memory_name(const sqlite_conf *conf)
{
	char name[64];

	snprintf(name, sizeof(name), "file:/chatserverd-%p?vfs=memdb", static_cast<const void *>(conf));
	return name;
}

static int db_sqlite_set_up(sqlite3 *handle, const sqlite_conf *conf)
{
	/* The checkpoints are for a store without a lock; see checkpoint.cpp. */
	std::string pragmas = "PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY;"
			      "PRAGMA cache_size = -8192; PRAGMA wal_autocheckpoint = 4000;"
			      "PRAGMA journal_size_limit = 67108864;"
			      /* Some builds of SQLite leave what was recalled in free pages. FAST does so, too. */
			      "PRAGMA secure_delete = ON;";

	pragmas += conf->synchronous == 0 ? "PRAGMA synchronous = FULL;" : "PRAGMA synchronous = NORMAL;";
	sqlite3_extended_result_codes(handle, 1);
	sqlite3_busy_timeout(handle, static_cast<int>(conf->busy_timeout));
	return sqlite3_exec(handle, pragmas.c_str(), nullptr, nullptr, nullptr);
}

void sqlite_widen_cache(sqlite3 *handle)
{
	(void)sqlite3_exec(handle, "PRAGMA cache_size = -65536", nullptr, nullptr, nullptr);
}

int sqlite_open_handle(const sqlite_conf *conf, sqlite_handle *handle_r, cs_error *e)
{
	const bool memory = sqlite_is_memory(conf);
	const std::string name = memory ? db_sqlite_memory_name(conf) : conf->path;
	/* No SQLITE_OPEN_CREATE for a file: if it was removed, do not make an empty one. */
	const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE |
	                  (memory ? SQLITE_OPEN_URI | SQLITE_OPEN_CREATE : 0);
	sqlite3 *raw = nullptr;
	sqlite_checkpoint *checkpoint = nullptr;
	const char *files = memory ? nullptr : sqlite_files_find(conf, &checkpoint);
	int code = sqlite3_open_v2(name.c_str(), &raw, flags, files);
	sqlite_handle handle(raw);

	if (code == SQLITE_OK)
		code = db_sqlite_set_up(raw, conf);
	if (code == SQLITE_OK && checkpoint)
		sqlite_checkpoint_watch(checkpoint, raw);
	/* If SQLite may not write, it opens the file read-only, and it would stay so. */
	if (code == SQLITE_OK && sqlite3_db_readonly(raw, "main") == 1)
		code = SQLITE_READONLY;
	if (code != SQLITE_OK) {
		snprintf(e->text, sizeof(e->text), "cannot open the database %s: %s", conf->path,
		         code == SQLITE_READONLY ? "it is read-only"
		         : raw                   ? sqlite3_errmsg(raw)
		                                 : sqlite3_errstr(code));
		return code;
	}
	*handle_r = std::move(handle);
	return SQLITE_OK;
}
