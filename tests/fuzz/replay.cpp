/* SPDX-License-Identifier: MIT
 * The main() of a fuzz target in the normal test run: it runs each input of the corpus once, as one test. */
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
extern "C" int LLVMFuzzerInitialize(int *argc, char ***argv) __attribute__((weak));

static std::vector<std::string> inputs_of(const std::string &folder)
{
	std::vector<std::string> paths;
	std::error_code error;

	for (const auto &entry : std::filesystem::recursive_directory_iterator(folder, error)) {
		if (entry.is_regular_file(error))
			paths.push_back(entry.path().string());
	}
	std::sort(paths.begin(), paths.end());
	return paths;
}

static std::vector<uint8_t> read_file(const std::string &path)
{
	std::vector<uint8_t> bytes(std::filesystem::file_size(path));
	const std::unique_ptr<FILE, int (*)(FILE *)> file(fopen(path.c_str(), "rb"), fclose);

	if (!file || fread(bytes.data(), 1, bytes.size(), file.get()) != bytes.size())
		bytes.clear();
	bytes.shrink_to_fit();
	return bytes;
}

/* The corpus of replay_NAME is tests/fuzz/corpus/NAME. A copy of exactly its size shows reads beyond the end. */
int main(int argc, char **argv)
{
	const std::string program = argv[0];
	const std::string name = program.substr(program.rfind("replay_") + sizeof("replay_") - 1);
	const std::vector<std::string> paths = inputs_of("tests/fuzz/corpus/" + name);

	if (LLVMFuzzerInitialize && LLVMFuzzerInitialize(&argc, &argv) != 0)
		return 1;
	printf("1..%zu\n", std::max<size_t>(paths.size(), 1));
	if (paths.empty())
		printf("not ok 1 - tests/fuzz/corpus/%s holds no input\n", name.c_str());
	for (size_t i = 0; i < paths.size(); i++) {
		const std::vector<uint8_t> bytes = read_file(paths[i]);

		fprintf(stderr, "%s\n", paths[i].c_str());
		(void)LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
		printf("ok %zu - %s\n", i + 1, paths[i].c_str());
		(void)fflush(stdout);
	}
	return paths.empty();
}
