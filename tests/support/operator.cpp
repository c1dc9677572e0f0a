/* SPDX-License-Identifier: MIT
 * An operator of a test's server: a client on the socket of core.control. */
#include "tests/support/operator.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include <sys/socket.h>
#include <sys/un.h>

#include "tests/support/server.h"

std::string operator_path(const test_server *s)
{
	return s->folder + "/control";
}

void operator_allow(test_server *s)
{
	test_server_set(s, "core.control", operator_path(s));
}

test_client *operator_open(test_server *s, test_at at)
{
	auto owner = std::make_unique<test_client>();
	test_client *c = owner.get();
	struct sockaddr_un address = {};

	c->server = s;
	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	s->clients.push_back(std::move(owner));
	address.sun_family = AF_UNIX;
	strncpy(address.sun_path, operator_path(s).c_str(), sizeof(address.sun_path) - 1);
	if (connect(c->fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		client_fail(c, at, "connect to %s: %s", operator_path(s).c_str(), strerror(errno));
	return c;
}

void operator_load_plugin(test_server *s, const char *name)
{
	const char *build = getenv("CS_BUILD");
	const std::filesystem::path from = std::filesystem::absolute(build ? build : "build");
	const std::filesystem::path folder = s->folder + "/plugins";
	const std::string file = std::string(name) + ".so";

	std::filesystem::create_directory(folder);
	for (const auto &entry : std::filesystem::directory_iterator(from / "plugins"))
		if (entry.path().extension() == ".so" && !exists(folder / entry.path().filename()))
			std::filesystem::create_symlink(entry.path(), folder / entry.path().filename());
	std::filesystem::create_symlink(from / "tests/plugin/loaded" / file, folder / file);
	test_server_set(s, "core.plugin_dir", folder.string());
}
