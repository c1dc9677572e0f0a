/* SPDX-License-Identifier: MIT
 * A run with accounts that are there and say nothing: what each of them costs. */
#ifndef CHATBENCH_IDLE_H
#define CHATBENCH_IDLE_H

#include "run.h"

/* Runs everything. The status of the run says what became of it; its figures are filled. */
void idle_run(run *r);

#endif
