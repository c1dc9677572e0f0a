/* SPDX-License-Identifier: MIT
 * A temporary folder of a test. */
#ifndef TESTS_SUPPORT_FOLDER_H
#define TESTS_SUPPORT_FOLDER_H

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

/* Makes one below /tmp; ends the program where that fails. */
static inline std::string folder_make(void)
{
	char name[] = "/tmp/chatserverd-test-XXXXXX";

	if (!mkdtemp(name)) {
		perror("mkdtemp");
		abort();
	}
	return name;
}

/* With all that is in it, unless CS_TEST_KEEP is set. */
static inline void folder_remove(const std::string &folder)
{
	std::error_code ignored;

	if (!getenv("CS_TEST_KEEP"))
		std::filesystem::remove_all(folder, ignored);
}

#endif
