/* SPDX-License-Identifier: MIT
 * What the client remembers between two runs: the name of this device, and the server and account that were used
 * last. */
#include "state.h"

#include <cctype>
#include <cerrno>
#include <cstdlib>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "random.h"

/* So many clients of a person on one machine have a device of their own at the same time. */
static const int state_devices = 8;
/* bytes. The longest name of a device. */
static const size_t state_device_most = 64;

/* Makes the folder and those above it. */
static bool state_make_folder(const std::string &path)
{
	for (size_t end = path.find('/', 1); end != std::string::npos; end = path.find('/', end + 1))
		(void)mkdir(path.substr(0, end).c_str(), 0700);
	return mkdir(path.c_str(), 0700) == 0 || errno == EEXIST;
}

std::string state_folder(void)
{
	const char *const state = getenv("XDG_STATE_HOME"), *const home = getenv("HOME");
	std::string folder;

	if (state && state[0] == '/')
		folder = state;
	else if (home && home[0] == '/')
		folder = std::string(home) + "/.local/state";
	else
		return {};
	folder += "/chatclient";
	return state_make_folder(folder) ? folder : std::string();
}

static std::string state_read_all(int fd)
{
	char bytes[8192];
	const ssize_t got = pread(fd, bytes, sizeof bytes, 0);

	return {bytes, got > 0 ? static_cast<size_t>(got) : 0};
}

/* Cuts off the next line. */
static std::string state_cut(std::string *text)
{
	const size_t end = text->find('\n');
	const std::string line = text->substr(0, end);

	text->erase(0, end == std::string::npos ? end : end + 1);
	return line;
}

/* The user finds it in a list: it begins with the name of the machine. */
static std::string state_new_device(void)
{
	char host[256] = "";
	std::string name;

	(void)gethostname(host, sizeof host - 1);
	for (const char *c = host; *c != '\0' && name.size() < 32; c++)
		if (isalnum(static_cast<unsigned char>(*c)) != 0 || *c == '-' || *c == '.')
			name += *c;
	return (name.empty() ? "chatclient" : name) + "-" + random_name().substr(0, 16);
}

std::string state_device(unique_fd *held_r)
{
	const std::string folder = state_folder();

	for (int i = 1; i <= state_devices && !folder.empty(); i++) {
		const std::string path = folder + "/device" + std::to_string(i);
		unique_fd file(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
		if (file.fd == -1 || flock(file.fd, LOCK_EX | LOCK_NB) != 0)
			continue;
		std::string text = state_read_all(file.fd), name = state_cut(&text);
		if (name.empty() || name.size() > state_device_most) {
			name = state_new_device();
			const std::string line = name + "\n";
			if (ftruncate(file.fd, 0) != 0 ||
			    pwrite(file.fd, line.data(), line.size(), 0) != static_cast<ssize_t>(line.size()))
				continue;
		}
		*held_r = std::move(file);
		return name;
	}
	return {};
}

/* An older client kept the first three lines only. */
state_last state_read(void)
{
	const std::string folder = state_folder();
	const unique_fd file(folder.empty() ? -1 : open((folder + "/last").c_str(), O_RDONLY | O_CLOEXEC));
	std::string text = file.fd == -1 ? std::string() : state_read_all(file.fd);
	state_last last;

	last.to.host = state_cut(&text);
	last.to.port = state_cut(&text);
	last.account = state_cut(&text);
	last.to.tls = state_cut(&text) == "tls";
	last.to.path = state_cut(&text);
	last.ca = state_cut(&text);
	return last;
}

bool state_write(const std::string &path, std::string_view text)
{
	const std::string fresh = path + "." + random_name();
	const unique_fd file(open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));

	if (file.fd == -1)
		return false;
	const bool written = write(file.fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
	if (written && rename(fresh.c_str(), path.c_str()) == 0)
		return true;
	(void)unlink(fresh.c_str());
	return false;
}

void state_keep(const state_last &last)
{
	const std::string folder = state_folder();

	if (!folder.empty())
		(void)state_write(folder + "/last", last.to.host + "\n" + last.to.port + "\n" + last.account + "\n" +
		                                            (last.to.tls ? "tls" : "-") + "\n" + last.to.path + "\n" +
		                                            last.ca + "\n");
}
