/* SPDX-License-Identifier: MIT
 * The page: all files of a folder, read into memory once, and the answers to requests for them. */
#ifndef WEBSOCKET_PAGE_H
#define WEBSOCKET_PAGE_H

#include <cstddef>
#include <ctime>
#include <string>
#include <string_view>
#include <vector>

#include <chatserverd/plugin.h>

#include "http.h"

inline constexpr size_t page_most = size_t{16} << 20; /* bytes of all files */

/* A whole answer to GET, so that nothing is put together for a request. */
struct page_body {
	std::string tag; /* the ETag, with its quotes */
	std::string answer; /* head and file; "": there is no such answer */
	size_t head_size = 0;
	size_t date_at = 0, connection_at = 0; /* what is written into the head for each request */
};

struct page_file {
	std::string path; /* as in a request: /app.js */
	struct page_body plain;
	struct page_body packed; /* by gzip, for those who accept it; of texts that become smaller */
};

struct page {
	std::vector<page_file> files; /* by path */
	size_t bytes = 0; /* of the files */
};

/* Reads the folder and those in it, but nothing whose name begins with a dot, or whose ending is not known. 0, or
 * CS_EINVAL with the text in e, and an empty page. Blocks. */
[[nodiscard]] int page_load(struct page *page, const char *root, struct cs_error *e);

/* Null: there is no such file. "/" is /index.html. */
struct page_file *page_find(struct page *page, std::string_view path);

/* The answer to GET or HEAD of that file, packed if the request accepts that. It lies in the file or in scratch
 * (http_answer_most bytes), and is valid until the next answer. */
std::string_view page_answer(struct page_file *file, const struct http_request *request, time_t now, char *scratch);

#endif
