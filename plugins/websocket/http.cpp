/* SPDX-License-Identifier: MIT
 * Reads requests of HTTP/1.1 strictly, and writes short answers. */
#include "http.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

/* ---- characters */

static bool http_is_alpha(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool http_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* RFC 9110, 5.6.2. */
static bool http_is_token_char(char c)
{
	return http_is_alpha(c) || http_is_digit(c) || (c != '\0' && strchr("!#$%&'*+-.^_`|~", c));
}

static bool http_is_token(std::string_view text)
{
	return !text.empty() && std::all_of(text.begin(), text.end(), http_is_token_char);
}

/* Blanks, tabs, and all above them; a line's end is looked at elsewhere. */
static bool http_is_text_char(char c)
{
	return static_cast<unsigned char>(c) >= ' ' ? c != 0x7f : c == '\t';
}

static char http_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool http_is_same(std::string_view a, std::string_view b)
{
	return std::equal(a.begin(), a.end(), b.begin(), b.end(),
	                  [](char x, char y) { return http_lower(x) == http_lower(y); });
}

/* ---- the end of a head */

/* Takes one byte. Returns as http_scan_head says. */
static unsigned http_scan_byte(struct http_scan *scan, char c)
{
	const uint8_t ending = scan->ending;

	if (!scan->size && !ending && c != '\r' && !http_is_alpha(c))
		return 400; /* no request begins so: a frame without WebSocket, or TLS */
	if (c == '\r' || c == '\n') {
		/* A CR stands behind text or behind a line's end, a LF behind a CR. */
		if ((c == '\n') != (ending == 1 || ending == 3))
			return 400;
		scan->ending = static_cast<uint8_t>(ending + 1);
	} else {
		if (ending == 1 || ending == 3 || !http_is_text_char(c))
			return 400;
		scan->ending = 0;
	}
	if (!scan->size && scan->ending)
		return scan->ending == 2 ? 200 : 0; /* an empty line before the request */
	if (scan->size == http_head_most)
		return scan->in_headers ? 431 : 414;
	scan->size++;
	if (scan->ending == 2)
		scan->in_headers = true;
	return scan->ending == 4 ? 200 : 0;
}

size_t http_scan_head(struct http_scan *scan, const char *bytes, size_t size, unsigned *status_r)
{
	*status_r = 0;
	for (size_t i = 0; i < size; i++) {
		*status_r = http_scan_byte(scan, bytes[i]);
		if (*status_r)
			return i + 1;
	}
	return size;
}

/* ---- its lines */

static std::string_view http_trim(std::string_view text)
{
	while (!text.empty() && (text.front() == ' ' || text.front() == '\t'))
		text.remove_prefix(1);
	while (!text.empty() && (text.back() == ' ' || text.back() == '\t'))
		text.remove_suffix(1);
	return text;
}

/* Takes what stands before the separator, and the separator, from the text. */
static std::string_view http_cut(std::string_view *text, std::string_view separator)
{
	const size_t at = text->find(separator);
	const std::string_view part = text->substr(0, at);

	text->remove_prefix(at == text->npos ? text->size() : at + separator.size());
	return part;
}

/* Whether a list of words, with commas between them, has this one. */
static bool http_has_word(std::string_view list, std::string_view word)
{
	while (!list.empty()) {
		if (http_is_same(http_trim(http_cut(&list, ",")), word))
			return true;
	}
	return false;
}

/* RFC 9110, 12.5.3; a weight that is not 0 is as good as any. */
static bool http_accepts_gzip(std::string_view list)
{
	while (!list.empty()) {
		std::string_view one = http_cut(&list, ",");
		const std::string_view coding = http_trim(http_cut(&one, ";"));
		const std::string_view weight = http_trim(one);

		if (http_is_same(coding, "gzip"))
			return weight.find_first_not_of("qQ= 0.") != weight.npos || weight.empty();
	}
	return false;
}

static unsigned http_parse_version(std::string_view version)
{
	if (version == "HTTP/1.1")
		return 0;
	const bool has_form = version.size() == 8 && version.substr(0, 5) == "HTTP/" && http_is_digit(version[5]) &&
	                      version[6] == '.' && http_is_digit(version[7]);

	return has_form ? 505 : 400;
}

static unsigned http_parse_request_line(std::string_view line, struct http_request *request)
{
	request->method = http_cut(&line, " ");
	std::string_view target = http_cut(&line, " ");

	if (!http_is_token(request->method) || target.empty())
		return 400;
	if (const unsigned status = http_parse_version(line))
		return status;
	/* Other forms are for proxies, and for OPTIONS of a whole server. */
	if (target.front() != '/' && !(target == "*" && request->method == "OPTIONS"))
		return 400;
	if (std::any_of(target.begin(), target.end(), [](char c) { return c <= ' ' || c > '~' || c == '#'; }))
		return 400;
	request->path = http_cut(&target, "?");
	return 0;
}

/* Characters of a name, an IPv4 address, an IPv6 address in brackets, and a port. */
static bool http_is_host(std::string_view host)
{
	return !host.empty() && std::all_of(host.begin(), host.end(), [](char c) {
		return http_is_alpha(c) || http_is_digit(c) || (c != '\0' && strchr("-._~:[]", c));
	});
}

/* What of several headers was seen. */
struct http_seen {
	bool host, upgrade, connection;
};

static unsigned http_take_header(std::string_view name, std::string_view value, struct http_request *request,
                                 struct http_seen *seen)
{
	if (http_is_same(name, "Host")) {
		if (seen->host || !http_is_host(value))
			return 400;
		seen->host = true;
		request->host = value;
	} else if (http_is_same(name, "Connection")) {
		seen->connection = seen->connection || http_has_word(value, "upgrade");
		request->keep = request->keep && !http_has_word(value, "close");
	} else if (http_is_same(name, "Upgrade")) {
		seen->upgrade = seen->upgrade || http_has_word(value, "websocket");
	} else if (http_is_same(name, "Origin")) {
		request->origins++;
		request->origin = value;
	} else if (http_is_same(name, "Sec-WebSocket-Key")) {
		request->keys++;
		request->key = value;
	} else if (http_is_same(name, "Sec-WebSocket-Version")) {
		/* One that came twice is no version. */
		request->version = request->version.empty() ? value : "twice";
	} else if (http_is_same(name, "Accept-Encoding")) {
		request->accepts_gzip = request->accepts_gzip || http_accepts_gzip(value);
	} else if (http_is_same(name, "If-None-Match")) {
		request->if_none_match = value;
	} else if (http_is_same(name, "Transfer-Encoding") || (http_is_same(name, "Content-Length") && value != "0")) {
		return 413; /* no request here has a body */
	}
	return 0;
}

unsigned http_parse(std::string_view head, struct http_request *request_r)
{
	struct http_seen seen = {};
	size_t count = 0;

	*request_r = {};
	request_r->keep = true;
	if (const unsigned status = http_parse_request_line(http_cut(&head, "\r\n"), request_r))
		return status;
	for (;;) {
		const std::string_view line = http_cut(&head, "\r\n");

		if (line.empty())
			break;
		const size_t colon = line.find(':');

		/* A line that begins with a blank would go on with the one before it. */
		if (colon == line.npos || !http_is_token(line.substr(0, colon)))
			return 400;
		if (++count > http_headers_most)
			return 431;
		if (const unsigned status = http_take_header(line.substr(0, colon), http_trim(line.substr(colon + 1)),
		                                             request_r, &seen))
			return status;
	}
	request_r->upgrade = seen.connection && seen.upgrade;
	return seen.host ? 0 : 400;
}

/* ---- answers */

const char *http_status_text(unsigned status)
{
	switch (status) {
	case 304: return "304 Not Modified";
	case 400: return "400 Bad Request";
	case 403: return "403 Forbidden";
	case 404: return "404 Not Found";
	case 405: return "405 Method Not Allowed";
	case 408: return "408 Request Timeout";
	case 413: return "413 Content Too Large";
	case 414: return "414 URI Too Long";
	case 426: return "426 Upgrade Required";
	case 431: return "431 Request Header Fields Too Large";
	case 503: return "503 Service Unavailable";
	case 505: return "505 HTTP Version Not Supported";
	default: return "500 Internal Server Error";
	}
}

/* Not by strftime, whose names are those of the locale. */
void http_put_date(time_t now, char *date_r)
{
	static const char days[] = "SunMonTueWedThuFriSat";
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	char text[64];
	struct tm t = {};

	(void)gmtime_r(&now, &t);
	snprintf(text, sizeof(text), "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT", days + 3 * t.tm_wday, t.tm_mday,
	         months + 3 * t.tm_mon, t.tm_year + 1900, t.tm_hour, t.tm_min, t.tm_sec);
	memcpy(date_r, text, http_date_size);
}

size_t http_put_answer(const struct http_answer *answer, time_t now, char *bytes_r)
{
	const char *text = http_status_text(answer->status);
	char date[http_date_size + 1] = "", length[80] = "";
	const bool has_body = answer->status != 304;

	http_put_date(now, date);
	if (has_body)
		snprintf(length, sizeof(length), "Content-Type: text/plain\r\nContent-Length: %zu\r\n",
		         strlen(text) + 1);
	const int size = snprintf(bytes_r, http_answer_most,
	                          "HTTP/1.1 %s\r\nDate: %s\r\nConnection: %s\r\n%s%.*s"
	                          "X-Content-Type-Options: nosniff\r\n\r\n%s%s",
	                          text, date, answer->keep ? "keep-alive" : "close", length,
	                          static_cast<int>(answer->more.size()), answer->more.data(),
	                          has_body && !answer->is_head ? text : "", has_body && !answer->is_head ? "\n" : "");

	return std::min(static_cast<size_t>(size), http_answer_most - 1);
}
