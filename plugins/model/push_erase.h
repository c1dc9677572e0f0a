/* SPDX-License-Identifier: MIT
 * What the plugin push keeps about an account that is erased. Store threads. */
#ifndef MODEL_PUSH_ERASE_H
#define MODEL_PUSH_ERASE_H

#include <cstddef>

#include <chatserverd/db.h>

/* Contract as cs_plugin.erase: its bot, where it is told, and the notices for it. Writer. */
int push_erase(cs_db *db, cs_account account, size_t most);
/* The same of accounts that were erased, or are being erased, and have rows: one after the other, until `most` rows are
 * removed. 0; 1: there may be more. Writer. */
[[nodiscard]] int push_erased_remove(cs_db *db, size_t most);

#endif
