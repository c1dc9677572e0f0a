/* SPDX-License-Identifier: MIT
 * What the plugin push keeps about an account that is erased. Store threads. */
#ifndef MODEL_PUSH_ERASE_H
#define MODEL_PUSH_ERASE_H

#include <cstddef>

#include <chatserverd/db.h>

/* Contract as cs_plugin.erase: its bot, where it is told, and the notices for it. most bounds the notices. Writer. */
int push_erase(cs_db *db, cs_account account, size_t most);

#endif
