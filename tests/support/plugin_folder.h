/* SPDX-License-Identifier: MIT
 * A folder of plugins for one server of a test, in which files are replaced while it runs, and what tells that they
 * were. */
#ifndef TESTS_SUPPORT_PLUGIN_FOLDER_H
#define TESTS_SUPPORT_PLUGIN_FOLDER_H

#include <string>

#include "tests/support/client.h"
#include "tests/support/load.h"
#include "tests/support/server.h"

/* The path of a file of the build. */
std::string plugin_folder_built(const std::string &file);
std::string plugin_folder_read(const std::string &path);
/* Makes the folder with links to all plugins of the build but skeleton and wordfilter, for the next start. */
void plugin_folder_link(test_server *s);
std::string plugin_folder_path(const test_server *s, const std::string &name);
/* As install(1) and packages do it: the new file gets the name of the old one. */
void plugin_folder_put(const test_server *s, const std::string &name, const std::string &bytes);
/* The plugin of the build as another file: what lies behind the end of a shared object means nothing. */
std::string plugin_folder_version(const std::string &name, int number);
/* Puts that version of the test plugin turn: "old", for example. */
void plugin_folder_put_turn(const test_server *s, const std::string &version);

size_t plugin_folder_lines(const test_server *s, const std::string &text);
/* Reloads, and waits until the log has one more line with the text. */
void plugin_folder_reload(test_server *s, const std::string &text, test_at at = test_at::current());
/* The same while the load goes on. *seen: the lines before. */
void plugin_folder_reload_under(test_server *s, load *l, const std::string &text, size_t *seen);
/* How many versions of the plugin are in the memory of the process. */
size_t plugin_folder_loaded(const test_server *s, const std::string &name);
void plugin_folder_wait_one(const test_server *s, const std::string &name, test_at at = test_at::current());

#endif
