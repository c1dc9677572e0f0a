/* SPDX-License-Identifier: MIT
 * Reads the files of the page, and answers requests from memory: no path of a request ever reaches the disk. */
#include "page.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>

#include <openssl/evp.h>
#include <zlib.h>

/* ---- what every file is answered with */

/* 'self' covers ws: and wss: of the same host, too (not in Safari before 15.4). */
static const char page_headers[] =
	"Cache-Control: no-cache\r\n"
	"Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
	"font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; "
	"frame-ancestors 'none'\r\n"
	"Cross-Origin-Opener-Policy: same-origin\r\n"
	"Cross-Origin-Resource-Policy: same-origin\r\n"
	"Permissions-Policy: camera=(), geolocation=(), microphone=()\r\n"
	"Referrer-Policy: no-referrer\r\n"
	"Vary: Accept-Encoding\r\n"
	"X-Content-Type-Options: nosniff\r\n";

struct page_type {
	const char *ending, *type;
	bool is_text; /* it becomes smaller when it is packed */
};

static const struct page_type page_types[] = {
	{".html", "text/html; charset=utf-8", true},
	{".css", "text/css; charset=utf-8", true},
	{".js", "text/javascript; charset=utf-8", true},
	{".json", "application/json", true},
	{".svg", "image/svg+xml", true},
	{".png", "image/png", false},
	{".ico", "image/x-icon", false},
	{".webmanifest", "application/manifest+json", true},
	{".woff2", "font/woff2", false},
	{".txt", "text/plain; charset=utf-8", true},
};

/* Null: files of that ending are not served. */
static const struct page_type *page_find_type(std::string_view name)
{
	for (const struct page_type &t : page_types) {
		if (name.size() > strlen(t.ending) && name.ends_with(t.ending))
			return &t;
	}
	return nullptr;
}

/* ---- reading */

static int page_fail(struct cs_error *e, const std::string &path, const char *why)
{
	snprintf(e->text, sizeof(e->text), "%s: %s", path.c_str(), why);
	return CS_EINVAL;
}

/* The bytes of a file, up to `most`. 0 or an errno. */
static int page_read(const std::string &path, size_t most, std::string *bytes_r)
{
	const std::unique_ptr<FILE, int (*)(FILE *)> file(fopen(path.c_str(), "rb"), fclose);
	char buffer[16384];
	size_t n;

	if (!file)
		return errno;
	while ((n = fread(buffer, 1, sizeof(buffer), file.get())) > 0) {
		if (n > most - bytes_r->size())
			return EFBIG;
		bytes_r->append(buffer, n);
	}
	return ferror(file.get()) ? EIO : 0;
}

/* A text that changes with the file. */
static std::string page_tag(std::string_view bytes)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned size = 0;
	std::string tag = "\"";

	if (EVP_Digest(bytes.data(), bytes.size(), digest, &size, EVP_sha256(), nullptr) != 1)
		size = 0;
	for (unsigned i = 0; i < size && i < 16; i++) {
		char hex[3];

		snprintf(hex, sizeof(hex), "%02x", digest[i]);
		tag += hex;
	}
	return tag + "\"";
}

/* In the form of gzip (RFC 1952); "" if that is no smaller. */
static std::string page_pack(std::string_view bytes)
{
	static constexpr int gzip_window = 15 + 16; /* as deflateInit2 wants it */
	std::string packed(bytes.size(), '\0');
	z_stream stream{};

	if (deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, gzip_window, 9, Z_DEFAULT_STRATEGY) != Z_OK)
		return "";
	stream.next_in = reinterpret_cast<Bytef *>(const_cast<char *>(bytes.data()));
	stream.avail_in = static_cast<uInt>(bytes.size());
	stream.next_out = reinterpret_cast<Bytef *>(packed.data());
	stream.avail_out = static_cast<uInt>(packed.size());
	const bool is_whole = deflate(&stream, Z_FINISH) == Z_STREAM_END;

	packed.resize(is_whole ? stream.total_out : 0);
	(void)deflateEnd(&stream);
	return packed;
}

static void page_make_body(struct page_body *body, const struct page_type *type, std::string_view bytes,
                           const char *encoding)
{
	body->tag = page_tag(bytes);
	body->answer = "HTTP/1.1 200 OK\r\nDate: ";
	body->date_at = body->answer.size();
	body->answer.append(http_date_size, ' ').append("\r\nConnection: ");
	body->connection_at = body->answer.size();
	body->answer += "keep-alive\r\nContent-Type: ";
	body->answer += type->type;
	body->answer += "\r\nContent-Length: " + std::to_string(bytes.size()) + "\r\nETag: " + body->tag + "\r\n";
	body->answer += encoding;
	body->answer += page_headers;
	body->answer += "\r\n";
	body->head_size = body->answer.size();
	body->answer += bytes;
}

static void page_add(struct page *page, std::string path, const struct page_type *type, std::string_view bytes)
{
	const std::string packed = type->is_text ? page_pack(bytes) : "";
	struct page_file file;

	file.path = std::move(path);
	page_make_body(&file.plain, type, bytes, "");
	if (!packed.empty())
		page_make_body(&file.packed, type, packed, "Content-Encoding: gzip\r\n");
	page->bytes += bytes.size();
	page->files.push_back(std::move(file));
}

/* Reads an entry of the folder, if it is a file to serve. */
static int page_take(struct page *page, const std::filesystem::directory_entry &entry, size_t root_size,
                     struct cs_error *e)
{
	const std::string path = entry.path().string();
	const struct page_type *type = page_find_type(entry.path().filename().string());
	std::error_code error;
	std::string bytes;

	if (!type || !entry.is_regular_file(error))
		return error ? page_fail(e, path, error.message().c_str()) : 0;
	const int failed = page_read(path, page_most - page->bytes, &bytes);

	if (failed == EFBIG)
		return page_fail(e, path, "all files together may have 16 MiB at most");
	if (failed)
		return page_fail(e, path, strerror(failed));
	page_add(page, path.substr(root_size), type, bytes);
	return 0;
}

static int page_walk(struct page *page, const std::string &root, struct cs_error *e)
{
	std::error_code error;
	std::filesystem::recursive_directory_iterator at(root, error);

	for (; !error && at != std::filesystem::recursive_directory_iterator(); at.increment(error)) {
		if (at->path().filename().native().front() == '.') {
			at.disable_recursion_pending();
			continue;
		}
		if (const int failed = page_take(page, *at, root.size(), e))
			return failed;
	}
	return error ? page_fail(e, root, error.message().c_str()) : 0;
}

int page_load(struct page *page, const char *root, struct cs_error *e)
{
	std::string folder = root;

	*page = {};
	while (folder.size() > 1 && folder.back() == '/')
		folder.pop_back();
	int result = page_walk(page, folder, e);

	std::sort(page->files.begin(), page->files.end(),
	          [](const page_file &a, const page_file &b) { return a.path < b.path; });
	if (!result && !page_find(page, "/"))
		result = page_fail(e, folder, "there is no index.html");
	if (result)
		*page = {};
	return result;
}

/* ---- answering */

struct page_file *page_find(struct page *page, std::string_view path)
{
	const std::string_view name = path == "/" ? "/index.html" : path;
	const auto at = std::lower_bound(page->files.begin(), page->files.end(), name,
	                                 [](const page_file &file, std::string_view p) { return file.path < p; });

	return at != page->files.end() && at->path == name ? &*at : nullptr;
}

std::string_view page_answer(struct page_file *file, const struct http_request *request, time_t now, char *scratch)
{
	static const std::string_view keep = "keep-alive", end = "close     "; /* blanks may end a header */
	struct page_body *body = request->accepts_gzip && !file->packed.answer.empty() ? &file->packed : &file->plain;

	if (request->if_none_match == "*" || request->if_none_match.find(body->tag) != request->if_none_match.npos) {
		const std::string more =
			"ETag: " + body->tag + "\r\nCache-Control: no-cache\r\nVary: Accept-Encoding\r\n";
		const struct http_answer answer = {304, request->keep, request->method == "HEAD", more};

		return {scratch, http_put_answer(&answer, now, scratch)};
	}
	http_put_date(now, body->answer.data() + body->date_at);
	(request->keep ? keep : end).copy(body->answer.data() + body->connection_at, keep.size());
	return std::string_view(body->answer)
	        .substr(0, request->method == "HEAD" ? body->head_size : body->answer.npos);
}
