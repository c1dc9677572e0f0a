/* SPDX-License-Identifier: MIT
 * The verbs of chatctl: what each sends, and how its answer is shown. */
#ifndef CHATCTL_VERBS_H
#define CHATCTL_VERBS_H

#include "options.h"
#include "wire.h"

/* Looks the verb up and reads what follows it. false: a mistake, explained on standard error. */
[[nodiscard]] bool chatctl_check_words(const struct chatctl_options *options);
/* Carries it out; words that chatctl_check_words has accepted. */
[[nodiscard]] enum chatctl_status chatctl_run(const struct chatctl_options *options, struct chatctl_wire *w);
/* A line for each verb, for the help. */
void chatctl_print_verbs(void);

#endif
