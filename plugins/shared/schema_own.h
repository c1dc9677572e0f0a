/* SPDX-License-Identifier: MIT
 * Checks that a schema file of a plugin changes only tables of that plugin. It finds mistakes, not malice: a plugin
 * runs inside the server anyway. */
#ifndef PLUGINS_SHARED_SCHEMA_OWN_H
#define PLUGINS_SHARED_SCHEMA_OWN_H

#include <string>
#include <string_view>

#include <chatserverd/plugin.h>

/* Allowed are CREATE, ALTER and DROP of tables and indexes, INSERT, REPLACE, UPDATE and DELETE, and only of tables and
 * indexes whose names begin with PLUGIN_. Other tables may be read. 0, or CS_EINVAL with path, line and the name in
 * e. */
[[nodiscard]] int schema_own_check(const std::string &plugin, const std::string &path, std::string_view text,
                                   struct cs_error *e);

#endif
