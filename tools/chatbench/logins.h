/* SPDX-License-Identifier: MIT
 * A run with logins or registrations: as many as the server does. */
#ifndef CHATBENCH_LOGINS_H
#define CHATBENCH_LOGINS_H

#include "run.h"

/* Runs everything. The status of the run says what became of it; its figures and its drawing are filled. */
void logins_run(run *r);

#endif
