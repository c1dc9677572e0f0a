/* SPDX-License-Identifier: MIT
 * One plugin file: finding it, checking its owner and mode, loading a copy of it, checking its ABI and its tables. */
#include "core/plugin/plugin.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include <dirent.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "core/base/log.h"

static constexpr uint32_t plugin_route_flags = CS_ROUTE_NEEDS_LOGIN | CS_ROUTE_OWN_ID | CS_ROUTE_OPERATOR;

static constexpr size_t plugin_longest_name = 32;

/* Size of cs_plugin in ABI 1.0, the least that a plugin has. Later members are added behind it. */
static constexpr size_t plugin_least_size = offsetof(struct cs_plugin, stop) + sizeof(cs_plugin::stop);

using folder_ptr = std::unique_ptr<DIR, function_deleter<closedir>>;

static int plugin_refuse(const struct plugin *p, struct cs_error *e, const char *why)
{
	error_set(e, "%s: %s", p->path.c_str(), why);
	return CS_EINVAL;
}

/* Loading a file runs it, so only root and the server's own user may be able to write it. */
static int plugin_check_file(const struct plugin *p, const struct stat *status, struct cs_error *e)
{
	if (!S_ISREG(status->st_mode))
		return plugin_refuse(p, e, "is not a file");
	if (status->st_uid != 0 && status->st_uid != geteuid()) {
		error_set(e, "%s: belongs to user %u; a plugin must belong to root or to the server's user (chown)",
		          p->path.c_str(), status->st_uid);
		return CS_EINVAL;
	}
	if (status->st_mode & (S_IWGRP | S_IWOTH)) {
		error_set(e, "%s: others may write to it (mode %03o); run chmod go-w on it", p->path.c_str(),
		          status->st_mode & 0777);
		return CS_EINVAL;
	}
	return 0;
}

/* Somebody who may write to a folder above could replace the plugins' folder by another. In a sticky folder such as
 * /tmp only owners may rename, so it is accepted. Groups may write, as the group staff does in Debian's /usr/local. */
static int plugin_check_above(const char *folder, std::string path, struct cs_error *e)
{
	struct stat status {};

	for (size_t slash; (slash = path.rfind('/')) != path.npos && path.size() > 1;) {
		path.resize(std::max<size_t>(slash, 1));
		if (stat(path.c_str(), &status) == -1 || !(status.st_mode & S_IWOTH) || (status.st_mode & S_ISVTX))
			continue;
		error_set(e,
		          "%s: others may put another folder in its place, for they may write to %s (mode %03o); run "
		          "chmod o-w on that one",
		          folder, path.c_str(), status.st_mode & 07777);
		return CS_EINVAL;
	}
	return 0;
}

int plugin_check_folder(const char *folder, struct cs_error *e)
{
	const std::unique_ptr<char, function_deleter<free>> real(realpath(folder, nullptr));
	struct stat status {};

	if (!real || stat(folder, &status) == -1)
		return error_set(e, "%s: %s", folder, strerror(errno)), CS_EINVAL;
	if (status.st_uid != 0 && status.st_uid != geteuid()) {
		error_set(
			e,
			"%s: belongs to user %u; a folder of plugins must belong to root or to the server's user (chown)",
			folder, status.st_uid);
		return CS_EINVAL;
	}
	if ((status.st_mode & S_IWOTH) || ((status.st_mode & S_IWGRP) && status.st_gid != 0)) {
		error_set(e, "%s: others may write to this folder of plugins (mode %03o); run chmod go-w on it", folder,
		          status.st_mode & 07777);
		return CS_EINVAL;
	}
	if (const int failed = plugin_check_above(folder, folder, e))
		return failed;
	return plugin_check_above(folder, real.get(), e);
}

/* ---- the private copy. dlopen gives back what is loaded already if the path or the file is the same; and who writes
 * to a file that is loaded changes the code that runs. So each version is loaded from a copy in memory. */

static constexpr size_t plugin_part = 64 * 1024; /* bytes that are copied or compared at a time */

/* The newest kernels want to know that the copy will not be executed as a program; older ones do not know the flag. */
static int plugin_make_copy(const char *name)
{
	constexpr unsigned no_program = 8; /* MFD_NOEXEC_SEAL */
	const int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | no_program);

	return fd != -1 || errno != EINVAL ? fd : memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
}

static bool plugin_is_same_file(const struct stat &a, const struct stat &b)
{
	const auto is_same_time = [](const struct timespec &c, const struct timespec &d) {
		return c.tv_sec == d.tv_sec && c.tv_nsec == d.tv_nsec;
	};

	return a.st_size == b.st_size && is_same_time(a.st_mtim, b.st_mtim) && is_same_time(a.st_ctim, b.st_ctim);
}

/* 0, or the errno. */
static int plugin_copy_bytes(int from, int to)
{
	std::vector<char> part(plugin_part);
	ssize_t n;

	while ((n = ::read(from, part.data(), part.size())) > 0) {
		for (ssize_t at = 0; at < n;) {
			const ssize_t written = ::write(to, part.data() + at, static_cast<size_t>(n - at));

			if (written == -1)
				return errno;
			at += written;
		}
	}
	return n == -1 ? errno : 0;
}

static int plugin_copy_file(struct plugin *p, struct cs_error *e)
{
	const unique_fd file(open(p->path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
	struct stat before {
	}, after{};

	if (file.fd == -1 || fstat(file.fd, &before) == -1)
		return plugin_refuse(p, e, strerror(errno));
	if (const int failed = plugin_check_file(p, &before, e))
		return failed;
	p->copy.reset(plugin_make_copy((p->name + ".so").c_str()));
	if (p->copy.fd == -1) {
		error_set(e, "%s: cannot be copied into memory (memfd_create): %s", p->path.c_str(), strerror(errno));
		return CS_EINVAL;
	}
	if (const int failed = plugin_copy_bytes(file.fd, p->copy.fd)) {
		error_set(e, "%s: cannot be copied into memory: %s", p->path.c_str(), strerror(failed));
		return CS_EINVAL;
	}
	if (fstat(file.fd, &after) == -1 || !plugin_is_same_file(before, after))
		return plugin_refuse(p, e, "somebody writes to it; try again when it is whole");
	(void)fcntl(p->copy.fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL);
	return 0;
}

/* Whether a part of the file that its head speaks of is missing: dlopen could crash. Other mistakes are left to it. */
static bool plugin_is_cut(int fd, uint64_t size)
{
	const auto is_beyond = [size](uint64_t offset, uint64_t length) {
		return offset > size || length > size - offset;
	};
	ElfW(Ehdr) head{};

	if (pread(fd, &head, sizeof head, 0) != sizeof head)
		return true;
	if (memcmp(head.e_ident, ELFMAG, SELFMAG) != 0 || head.e_phentsize != sizeof(ElfW(Phdr)))
		return false;
	if (is_beyond(head.e_phoff, uint64_t{head.e_phnum} * head.e_phentsize) ||
	    is_beyond(head.e_shoff, uint64_t{head.e_shnum} * head.e_shentsize))
		return true;
	for (unsigned i = 0; i < head.e_phnum; i++) {
		ElfW(Phdr) part{};

		if (pread(fd, &part, sizeof part, static_cast<off_t>(head.e_phoff + i * sizeof part)) != sizeof part ||
		    is_beyond(part.p_offset, part.p_filesz))
			return true;
	}
	return false;
}

static int plugin_check_whole(struct plugin *p, struct cs_error *e)
{
	struct stat status {};

	if (fstat(p->copy.fd, &status) == 0 && !plugin_is_cut(p->copy.fd, static_cast<uint64_t>(status.st_size)))
		return 0;
	return plugin_refuse(p, e, "cannot be loaded: its end is missing");
}

/* It names the process, so that a debugger finds the file, too. /proc may be that of another PID namespace: there the
 * process has another number than getpid() gives. */
static std::string plugin_copy_path(const struct plugin *p)
{
	char process[24]; /* the digits of a number */
	const ssize_t size = readlink("/proc/self", process, sizeof process);

	return "/proc/" + (size > 0 ? std::string(process, static_cast<size_t>(size)) : "self") + "/fd/" +
	       std::to_string(p->copy.fd);
}

static int plugin_open_copy(struct plugin *p, struct cs_error *e)
{
	std::string path = plugin_copy_path(p);

	if (p->handle)
		return 0;
	/* One that was linked with -z nodelete stays for ever, with the path that it had. */
	while (p->copy.fd != -1 && dl_ptr(dlopen(path.c_str(), RTLD_NOW | RTLD_NOLOAD))) {
		p->copy.reset(fcntl(p->copy.fd, F_DUPFD_CLOEXEC, p->copy.fd + 1));
		path = plugin_copy_path(p);
	}
	p->handle.reset(dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL));
	if (!p->handle) {
		const char *text = dlerror();
		const std::string prefix = path + ": ";

		text = text ? text : "cannot be loaded";
		text += std::string_view(text).starts_with(prefix) ? prefix.size() : 0;
		error_set(e, "%s: cannot be loaded: %s", p->path.c_str(), text);
		return CS_EINVAL;
	}
	return 0;
}

bool plugin_is_there(const struct plugin *p)
{
	return access(p->path.c_str(), F_OK) == 0;
}

bool plugin_is_changed(const struct plugin *p)
{
	const unique_fd file(open(p->path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
	std::vector<char> part(plugin_part), loaded(plugin_part);
	off_t at = 0;
	ssize_t n;

	while ((n = pread(file.fd, part.data(), part.size(), at)) > 0) {
		if (pread(p->copy.fd, loaded.data(), static_cast<size_t>(n), at) != n ||
		    memcmp(part.data(), loaded.data(), static_cast<size_t>(n)) != 0)
			return true;
		at += n;
	}
	return n == -1 || pread(p->copy.fd, loaded.data(), 1, at) != 0;
}

/* ---- what it exports */

/* Reads abi and size first: unless they fit, the rest of the object means nothing. */
static int plugin_copy_declared(struct plugin *p, struct cs_error *e)
{
	const void *symbol = dlsym(p->handle.get(), CS_PLUGIN_SYMBOL);
	uint32_t abi, size;

	if (!symbol)
		return plugin_refuse(p, e, "is no plugin: it exports no " CS_PLUGIN_SYMBOL);
	memcpy(&abi, static_cast<const char *>(symbol) + offsetof(struct cs_plugin, abi), sizeof(abi));
	memcpy(&size, static_cast<const char *>(symbol) + offsetof(struct cs_plugin, size), sizeof(size));
	if (abi >> 16 != CS_ABI_MAJOR || (abi & 0xffff) > CS_ABI_MINOR) {
		error_set(e,
		          "%s: was built for plugin ABI %u.%u, this server has %u.%u; build it again, or take it out",
		          p->path.c_str(), abi >> 16, abi & 0xffff, CS_ABI_MAJOR, CS_ABI_MINOR);
		return CS_EINVAL;
	}
	if (size < plugin_least_size) {
		error_set(e, "%s: its %s has %u bytes, plugin ABI %u.%u has %zu; build it again, or take it out",
		          p->path.c_str(), CS_PLUGIN_SYMBOL, size, CS_ABI_MAJOR, CS_ABI_MINOR, plugin_least_size);
		return CS_EINVAL;
	}
	memcpy(&p->declared, symbol, std::min(static_cast<size_t>(size), sizeof(p->declared)));
	return 0;
}

/* Copies a plugin's list including its last row, for which is_last holds. least: size of a row in ABI 1.0. */
template <class Row>
static int plugin_copy_list(const struct plugin *p, const char *what, const Row **list, uint32_t stride, size_t least,
                            bool (*is_last)(const Row &row), std::vector<Row> *rows_r, struct cs_error *e)
{
	const auto *from = reinterpret_cast<const char *>(*list);

	if (!from)
		return 0;
	if (stride < least || stride > sizeof(Row) || stride % alignof(Row) != 0) {
		error_set(
			e,
			"%s: its %s_size is %u, plugin ABI %u.%u has %zu; begin cs_plugin with CS_PLUGIN_HEAD and build it "
			"again, or take it out",
			p->path.c_str(), what, stride, CS_ABI_MAJOR, CS_ABI_MINOR, sizeof(Row));
		return CS_EINVAL;
	}
	do {
		rows_r->emplace_back();
		memcpy(&rows_r->back(), from, stride);
		from += stride;
	} while (!is_last(rows_r->back()));
	*list = rows_r->data();
	return 0;
}

static int plugin_copy_lists(struct plugin *p, struct cs_error *e)
{
	struct cs_plugin *d = &p->declared;

	if (const int result = plugin_copy_list<struct cs_route>(
		    p, "route", &d->routes, d->route_size, sizeof(struct cs_route),
		    [](const auto &r) { return !r.handler; }, &p->routes, e))
		return result;
	if (const int result = plugin_copy_list<struct cs_hook>(
		    p, "hook", &d->hooks, d->hook_size, sizeof(struct cs_hook), [](const auto &h) { return !h.before; },
		    &p->hooks, e))
		return result;
	if (const int result = plugin_copy_list<struct cs_option>(
		    p, "option", &d->options, d->option_size, sizeof(struct cs_option),
		    [](const auto &o) { return !o.key; }, &p->options, e))
		return result;
	return plugin_copy_list<struct cs_service>(
		p, "service", &d->provides, d->service_size, sizeof(struct cs_service),
		[](const auto &s) { return !s.name; }, &p->services, e);
}

static int plugin_check_names(const struct plugin *p, struct cs_error *e)
{
	const struct cs_plugin *d = &p->declared;

	for (const char *section : {"core", "store", "bus"}) {
		if (p->name == section) {
			error_set(e, "%s: [%s] is the server's own section, no plugin can have the name",
			          p->path.c_str(), section);
			return CS_EINVAL;
		}
	}
	if (!d->name || !d->version || !d->start || !d->stop)
		return plugin_refuse(p, e, "has no name, version, start or stop");
	if (p->name != d->name) {
		error_set(e, "%s: is named %s inside; file and name must be the same", p->path.c_str(), d->name);
		return CS_EINVAL;
	}
	for (const struct cs_service *s = d->provides; s && s->name; s++) {
		if (!s->table) {
			error_set(e, "%s: provides the service %s without a table", p->path.c_str(), s->name);
			return CS_EINVAL;
		}
	}
	return 0;
}

static int plugin_check_routes(const struct plugin *p, struct cs_error *e)
{
	const struct cs_route *r = p->declared.routes;

	for (; r && r->handler; r++) {
		if (r->msgid == 0 || !r->name) {
			error_set(e, "%s: has a route without msgid or name", p->path.c_str());
			return CS_EINVAL;
		}
		if (r->flags & ~plugin_route_flags) {
			error_set(e, "%s: msgid %u (%s): flags has the bits 0x%x, which must be 0", p->path.c_str(),
			          r->msgid, r->name, r->flags & ~plugin_route_flags);
			return CS_EINVAL;
		}
		if ((r->flags & CS_ROUTE_OPERATOR) && r->flags != CS_ROUTE_OPERATOR) {
			error_set(e, "%s: msgid %u (%s): a verb of operators cannot need a login", p->path.c_str(),
			          r->msgid, r->name);
			return CS_EINVAL;
		}
	}
	if (r && r->msgid != 0) {
		error_set(e, "%s: msgid %u (%s) has no handler", p->path.c_str(), r->msgid, r->name ? r->name : "?");
		return CS_EINVAL;
	}
	return 0;
}

static int plugin_check_hooks(const struct plugin *p, struct cs_error *e)
{
	const struct cs_hook *h = p->declared.hooks;

	for (; h && h->before; h++) {
		if (h->spare != 0) {
			error_set(e, "%s: hook of msgid %u: spare must be 0", p->path.c_str(), h->msgid);
			return CS_EINVAL;
		}
	}
	if (h && (h->msgid != 0 || h->order != 0)) {
		error_set(e, "%s: hook of msgid %u has no function", p->path.c_str(), h->msgid);
		return CS_EINVAL;
	}
	return 0;
}

/* An envelope of the bus has one byte for it. */
static int plugin_check_parcels(const struct plugin *p, struct cs_error *e)
{
	if (p->declared.parcel_version <= UINT8_MAX)
		return 0;
	error_set(e, "%s: its parcel_version is %u, the greatest is %u", p->path.c_str(), p->declared.parcel_version,
	          UINT8_MAX);
	return CS_EINVAL;
}

static int plugin_check_options(const struct plugin *p, struct cs_error *e)
{
	struct cs_error text {};

	if (conf_check_options(p->declared.options, p->declared.conf_size, &text) != 0)
		return plugin_refuse(p, e, text.text);
	for (const struct cs_option *o = p->declared.options; o && o->key && !p->declared.reload; o++) {
		if (o->reload) {
			error_set(e, "%s: option %s: SIGHUP may change it, but the plugin has no reload",
			          p->path.c_str(), o->key);
			return CS_EINVAL;
		}
	}
	return 0;
}

int plugin_list(const char *folder, std::vector<std::string> *names_r, struct cs_error *e)
{
	const folder_ptr stream(opendir(folder));

	if (!stream) {
		error_set(e, "%s: cannot be read: %s", folder, strerror(errno));
		return CS_EINVAL;
	}
	while (const struct dirent *entry = readdir(stream.get())) {
		const std::string_view name = entry->d_name;

		if (name.size() > 3 && name.ends_with(".so") && name.front() != '.')
			names_r->emplace_back(name.substr(0, name.size() - 3));
	}
	std::sort(names_r->begin(), names_r->end());
	return 0;
}

/* The name is also that of a section, and begins the names of the plugin's tables and schema files. */
static bool plugin_is_name(std::string_view name)
{
	const auto is_fine = [](char c) {
		return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
	};

	return !name.empty() && name.size() <= plugin_longest_name && name.front() >= 'a' && name.front() <= 'z' &&
	       std::all_of(name.begin(), name.end(), is_fine);
}

int plugin_load(struct plugin *loaded_r, const char *folder, const char *name, const struct plugin *running,
                struct cs_error *e)
{
	struct plugin p;

	if (strchr(name, '/')) {
		error_set(e, "%s: a plugin is named without its folder; set plugin_dir", name);
		return CS_EINVAL;
	}
	p.name = name;
	p.path = std::string(folder) + "/" + name + ".so";
	if (!plugin_is_name(name)) {
		error_set(e, "%s: the name of a plugin has up to %zu characters of a-z, 0-9 and _, a letter first",
		          p.path.c_str(), plugin_longest_name);
		return CS_EINVAL;
	}
	if (const int failed = plugin_check_folder(folder, e))
		return failed;
	for (const auto step : {plugin_copy_file, plugin_check_whole}) {
		if (const int failed = step(&p, e))
			return failed;
	}
	if (running && running->path == p.path && !plugin_is_changed(running))
		p.handle.reset(dlopen(plugin_copy_path(running).c_str(), RTLD_NOW | RTLD_NOLOAD));
	for (const auto step : {plugin_open_copy, plugin_copy_declared, plugin_copy_lists}) {
		if (const int failed = step(&p, e))
			return failed;
	}
	for (const auto step : {plugin_check_names, plugin_check_routes, plugin_check_hooks, plugin_check_parcels,
	                        plugin_check_options}) {
		if (const int failed = step(&p, e))
			return failed;
	}
	*loaded_r = std::move(p);
	return 0;
}
