/* SPDX-License-Identifier: MIT
 * A run with messages: sends them by a window or at a rate, and checks each one that arrives. */
#ifndef CHATBENCH_LOAD_H
#define CHATBENCH_LOAD_H

#include "run.h"

/* Runs everything. The status of the run says what became of it; its figures and its drawing are filled. */
void load_run(run *r);

#endif
