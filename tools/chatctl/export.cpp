/* SPDX-License-Identifier: MIT
 * Writes what the server lists into a new file. */
#include "export.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <base/raii.h>

#include "answer.h"
#include "signals.h"
#include "text.h"

struct chatctl_file {
	std::string path, temporary; /* temporary: its name so far; empty: it has none that must be removed */
	std::unique_ptr<FILE, function_deleter<fclose>> stream;

	~chatctl_file()
	{
		if (!temporary.empty())
			(void)unlink(temporary.c_str());
	}
};

static bool chatctl_file_is_there(const std::string &path)
{
	struct stat info {};

	return lstat(path.c_str(), &info) == 0;
}

/* false: errno says why. */
static bool chatctl_file_make(struct chatctl_file *f)
{
	std::string name = f->path + ".tmp-XXXXXX";

	if (chatctl_file_is_there(f->path)) {
		errno = EEXIST;
		return false;
	}
	unique_fd fd(mkostemp(name.data(), O_CLOEXEC));
	if (fd.fd == -1)
		return false;
	f->temporary = name;
	f->stream.reset(fdopen(fd.fd, "w"));
	if (!f->stream)
		return false;
	fd.fd = -1; /* the stream owns it now */
	return fchmod(fileno(f->stream.get()), 0600) == 0;
}

/* Some file systems cannot refuse a name that is there. */
static bool chatctl_file_rename(const struct chatctl_file *f)
{
	if (renameat2(AT_FDCWD, f->temporary.c_str(), AT_FDCWD, f->path.c_str(), RENAME_NOREPLACE) == 0)
		return true;
	return errno == EINVAL && !chatctl_file_is_there(f->path) && rename(f->temporary.c_str(), f->path.c_str()) == 0;
}

/* Gives the file its name. false: errno says why. */
static bool chatctl_file_finish(struct chatctl_file *f)
{
	if (fflush(f->stream.get()) != 0 || fsync(fileno(f->stream.get())) != 0 || !chatctl_file_rename(f))
		return false;
	f->temporary.clear();
	return true;
}

/* Whether the folder keeps the name of the file after a crash. false: errno says why it may not. */
static bool chatctl_file_sync_folder(const std::string &path)
{
	const size_t slash = path.rfind('/');
	const std::string folder = slash == path.npos ? "." : path.substr(0, slash + 1);
	const unique_fd above(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));

	return above.fd != -1 && fsync(above.fd) == 0;
}

static bool chatctl_file_add(struct chatctl_file *f, const std::string &line)
{
	return fputs((line + "\n").c_str(), f->stream.get()) != EOF;
}

static enum chatctl_status chatctl_file_failed(const struct chatctl_file *f)
{
	(void)fprintf(stderr, "chatctl: cannot write %s: %s\n", chatctl_harmless(f->path).c_str(), strerror(errno));
	return CHATCTL_REFUSED;
}

static enum chatctl_status chatctl_export_pages(const struct chatctl_options *options, struct chatctl_wire *w,
                                                cJSON *request, const char *list, const std::string &path, bool has_end,
                                                int64_t *lines_r)
{
	struct chatctl_file f;

	*lines_r = 0;
	f.path = path;
	if (!chatctl_file_make(&f))
		return chatctl_file_failed(&f);
	chatctl_wait_long(options, w);
	const enum chatctl_status status = chatctl_ask_pages(options, w, request, [&](chatctl_json_ptr page) {
		const cJSON *item;

		cJSON_ArrayForEach(item, chatctl_member(page.get(), list))
		{
			if (!chatctl_file_add(&f, chatctl_document(item)))
				return chatctl_file_failed(&f);
			++*lines_r;
		}
		return CHATCTL_DONE;
	});

	if (status != CHATCTL_DONE)
		return status;
	if (has_end && !chatctl_file_add(&f, "{\"kind\":\"end\",\"lines\":" + std::to_string(*lines_r) + "}"))
		return chatctl_file_failed(&f);
	if (!chatctl_file_finish(&f))
		return chatctl_file_failed(&f);
	if (chatctl_file_sync_folder(path))
		return CHATCTL_DONE;
	(void)fprintf(stderr, "chatctl: %s is written, but may be gone after a crash: %s\n",
	              chatctl_harmless(path).c_str(), strerror(errno));
	return CHATCTL_REFUSED;
}

/* A signal that ends chatctl does so when the file is gone or has its name. */
enum chatctl_status chatctl_export(const struct chatctl_options *options, struct chatctl_wire *w, cJSON *request,
                                   const char *list, const std::string &path, bool has_end, int64_t *lines_r)
{
	const struct chatctl_signals signals({SIGINT, SIGTERM, SIGHUP, SIGQUIT});

	w->ending = signals.fd.fd;
	const enum chatctl_status status = chatctl_export_pages(options, w, request, list, path, has_end, lines_r);

	w->ending = -1;
	return status;
}
