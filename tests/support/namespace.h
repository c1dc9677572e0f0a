/* SPDX-License-Identifier: MIT
 * Linux namespaces for a test program, so that mounts and networks that it makes end with it.
 *
 * They take root's privileges, or those of a user namespace, where the system grants these to everybody. */
#ifndef TESTS_SUPPORT_NAMESPACE_H
#define TESTS_SUPPORT_NAMESPACE_H

#include <source_location>

/* Enters new namespaces: CLONE_NEWNS (mounts; private), CLONE_NEWNET (its loopback is up). Who is not root
 * becomes it. The program must have no threads. */
void namespace_enter(int flags, std::source_location at = std::source_location::current());

#endif
