/* SPDX-License-Identifier: MIT
 * Fuzz target of chat.conf: the input is a configuration file. */
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <base/raii.h>

#include "core/base/log.h"
#include "core/conf/conf.h"
#include "core/conf/options.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerInitialize(int *, char ***)
{
	log_set_level(CS_LOG_ERROR);
	return 0;
}

static void fuzz_require_text(const struct cs_error *e)
{
	REQUIRE(e->text[0] != '\0');
}

/* false: the text is no chat.conf. */
static bool fuzz_read(std::string_view text, struct conf_file *file_r)
{
	const unique_fd fd(memfd_create("chat.conf", MFD_CLOEXEC));
	struct cs_error e = {};

	REQUIRE(fd.fd != -1);
	REQUIRE(fchmod(fd.fd, 0600) == 0);
	REQUIRE(write(fd.fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
	const int result = conf_read(file_r, ("/proc/self/fd/" + std::to_string(fd.fd)).c_str(), &e);

	REQUIRE(result == 0 || result == CS_EINVAL);
	if (result)
		fuzz_require_text(&e);
	return result == 0;
}

static bool fuzz_bind(const struct conf_file *file, struct conf_struct *bound_r)
{
	struct cs_error e = {};
	const int result = conf_bind(file, "core", core_options, sizeof(struct core_conf), bound_r, &e);

	REQUIRE(result == 0 || result == CS_EINVAL);
	if (result)
		fuzz_require_text(&e);
	return result == 0;
}

/* What the server prints of its options is a chat.conf that means the same. */
static void fuzz_require_print_reads_back(const struct conf_struct *bound)
{
	struct conf_file file;
	struct conf_struct again;
	std::string text = "[core]\n", text_again = "[core]\n";

	conf_print(core_options, bound, &text);
	REQUIRE(fuzz_read(text, &file));
	REQUIRE(fuzz_bind(&file, &again));
	conf_print(core_options, &again, &text_again);
	REQUIRE(text == text_again);
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const std::string_view text(reinterpret_cast<const char *>(data), size);
	struct conf_file file;
	struct conf_struct bound;

	/* Other files are none of the input. */
	if (text.find("include") != text.npos || !fuzz_read(text, &file))
		return 0;
	for (const struct conf_line &line : file.lines)
		REQUIRE(line.line > 0);
	if (fuzz_bind(&file, &bound))
		fuzz_require_print_reads_back(&bound);
	return 0;
}
