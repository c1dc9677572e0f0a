/* SPDX-License-Identifier: MIT
 * Requests of HTTP/1.1 (RFC 9112), as far as a WebSocket handshake and a page of files need them. Pure functions. */
#ifndef WEBSOCKET_HTTP_H
#define WEBSOCKET_HTTP_H

#include <cstddef>
#include <cstdint>
#include <ctime>
#include <string_view>

inline constexpr size_t http_head_most = 8192; /* bytes of a request's head */
inline constexpr size_t http_headers_most = 100;
inline constexpr size_t http_answer_most = 768; /* bytes of an answer that is no file */
inline constexpr size_t http_date_size = 29; /* Sun, 06 Nov 1994 08:49:37 GMT */

/* Looks for the end of a head, byte by byte. All zero at first. */
struct http_scan {
	uint16_t size; /* bytes of the head so far, without empty lines before it */
	uint8_t ending; /* how much of CR LF CR LF the head ends with */
	bool in_headers; /* the request line is whole */
};

/* Returns how many bytes were used: up to the end of a head, to the first wrong byte, or all. *status_r: 0: more bytes
 * are needed; 200: the head is whole, or it was an empty line (scan->size is 0 then); else the status to refuse it
 * with. A line ends with CR LF; a CR or LF alone is refused, as RFC 9112 allows. */
size_t http_scan_head(struct http_scan *scan, const char *bytes, size_t size, unsigned *status_r);

/* What a request says. The texts lie in its head. */
struct http_request {
	std::string_view method, path; /* path: without ? and what follows it */
	std::string_view host;
	std::string_view origin, key, version, if_none_match; /* "": there was none */
	unsigned origins, keys; /* how many there were */
	bool upgrade; /* Upgrade has the word websocket, and Connection has upgrade */
	bool accepts_gzip; /* Accept-Encoding names gzip, not with q=0 */
	bool keep; /* the client did not say Connection: close */
};

/* Reads a whole head. Returns 0, or the status to refuse it with. */
unsigned http_parse(std::string_view head, struct http_request *request_r);

/* Small and capital letters of ASCII are equal. */
bool http_is_same(std::string_view a, std::string_view b);

/* Writes http_date_size bytes. */
void http_put_date(time_t now, char *date_r);

/* Writes an answer without a file: a line of text that names the status, or no body for 304 and for HEAD. more: header
 * lines with their CR LF, or "". Returns its size, at most http_answer_most. */
struct http_answer {
	unsigned status;
	bool keep; /* the connection stays open */
	bool is_head; /* the method was HEAD */
	std::string_view more;
};
size_t http_put_answer(const struct http_answer *answer, time_t now, char *bytes_r);

/* "403 Forbidden", also for the log; constant. */
const char *http_status_text(unsigned status);

#endif
