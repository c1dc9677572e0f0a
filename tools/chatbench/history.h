/* SPDX-License-Identifier: MIT
 * A run with pages of history: each account reads its conversation, from the newest message to the first. */
#ifndef CHATBENCH_HISTORY_H
#define CHATBENCH_HISTORY_H

#include "run.h"

/* Runs everything. The status of the run says what became of it; its figures and its drawing are filled. */
void history_run(run *r);

#endif
