/* SPDX-License-Identifier: MIT
 * A folder of plugins for one server of a test. */
#include "tests/support/plugin_folder.h"

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <vector>

#include "tests/support/check.h"

std::string plugin_folder_built(const std::string &file)
{
	const char *build = getenv("CS_BUILD");

	return std::filesystem::absolute(build ? build : "build").string() + "/" + file;
}

std::string plugin_folder_read(const std::string &path)
{
	std::ifstream stream(path, std::ios::binary);

	return {std::istreambuf_iterator<char>(stream), {}};
}

std::string plugin_folder_path(const test_server *s, const std::string &name)
{
	return s->folder + "/plugins/" + name + ".so";
}

void plugin_folder_put(const test_server *s, const std::string &name, const std::string &bytes)
{
	const std::string path = plugin_folder_path(s, name), part = s->folder + "/part";

	std::ofstream(part, std::ios::binary) << bytes;
	std::filesystem::permissions(part, std::filesystem::perms(0644));
	std::filesystem::rename(part, path);
}

std::string plugin_folder_version(const std::string &name, int number)
{
	return plugin_folder_read(plugin_folder_built("plugins/" + name + ".so")) + "version " + std::to_string(number);
}

void plugin_folder_put_turn(const test_server *s, const std::string &version)
{
	plugin_folder_put(s, "turn",
	                  plugin_folder_read(plugin_folder_built("tests/plugin/loaded/turn_" + version + ".so")));
}

void plugin_folder_link(test_server *s)
{
	std::filesystem::create_directory(s->folder + "/plugins");
	std::filesystem::permissions(s->folder + "/plugins", std::filesystem::perms(0755));
	for (const auto &entry : std::filesystem::directory_iterator(plugin_folder_built("plugins"))) {
		const std::string name = entry.path().filename().string();

		if (name.ends_with(".so") && name != "skeleton.so" && name != "wordfilter.so")
			std::filesystem::create_symlink(std::filesystem::absolute(entry.path()),
			                                s->folder + "/plugins/" + name);
	}
	test_server_set(s, "core.plugin_dir", s->folder + "/plugins");
	test_server_set(s, "core.log_level", "debug");
}

size_t plugin_folder_lines(const test_server *s, const std::string &text)
{
	const std::string log = test_server_log(s);
	size_t count = 0;

	for (size_t at = 0; (at = log.find(text, at)) != log.npos; at += text.size())
		count++;
	return count;
}

void plugin_folder_reload(test_server *s, const std::string &text, test_at at)
{
	const size_t before = plugin_folder_lines(s, text);

	test_server_signal(s, SIGHUP);
	check_wait(
		text.c_str(), [&] { return plugin_folder_lines(s, text) > before; }, at);
}

void plugin_folder_reload_under(test_server *s, load *l, const std::string &text, size_t *seen)
{
	test_server_signal(s, SIGHUP);
	if (!load_run_until(l, check_patience_ms(), [&] { return plugin_folder_lines(s, text) > *seen; }))
		check_fail(test_at::current(), "no line \"%s\" came", text.c_str());
	++*seen;
}

size_t plugin_folder_loaded(const test_server *s, const std::string &name)
{
	std::ifstream maps("/proc/" + std::to_string(s->pid) + "/maps");
	std::vector<std::string> inodes;

	for (std::string line; std::getline(maps, line);) {
		std::string address, mode, offset, device, inode, path;
		std::istringstream(line) >> address >> mode >> offset >> device >> inode >> path;
		if (path == "/memfd:" + name + ".so" && std::find(inodes.begin(), inodes.end(), inode) == inodes.end())
			inodes.push_back(inode);
	}
	return inodes.size();
}

void plugin_folder_wait_one(const test_server *s, const std::string &name, test_at at)
{
	check_wait(
		"the old version to leave", [&] { return plugin_folder_loaded(s, name) == 1; }, at);
}
