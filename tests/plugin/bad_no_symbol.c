/* SPDX-License-Identifier: MIT
 * A shared object that is no plugin: it exports something, but no cs_plugin. */
#include <chatserverd/plugin.h>

CS_EXPORT extern const int something_else;
const int something_else = 1;
