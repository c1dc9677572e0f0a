/* SPDX-License-Identifier: MIT
 * POST requests, made by one thread with libcurl, and their answers, brought to the worker. */
#include "http.h"

#include <algorithm>
#include <cstdio>
#include <deque>
#include <mutex>
#include <set>
#include <thread>
#include <utility>

#include <curl/curl.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

template <auto Function> struct http_deleter {
	template <class T> void operator()(T *pointer) const
	{
		(void)Function(pointer);
	}
};

using http_easy_ptr = std::unique_ptr<CURL, http_deleter<curl_easy_cleanup>>;
using http_multi_ptr = std::unique_ptr<CURLM, http_deleter<curl_multi_cleanup>>;
using http_list_ptr = std::unique_ptr<curl_slist, http_deleter<curl_slist_free_all>>;
using http_url_ptr = std::unique_ptr<CURLU, http_deleter<curl_url_cleanup>>;

/* Of the lines before a body, in bytes. */
static constexpr size_t http_header_most = 65536;

struct http_job {
	http *owner = nullptr;
	http_post_ptr post;
	http_done_fn *done = nullptr;
	uint64_t tag = 0;
	/* Of the thread, while the request is under way. */
	http_list_ptr headers;
	http_easy_ptr easy;
	size_t header_bytes = 0;
	bool is_refused = false;
	bool is_tried = false; /* there was an address, and a socket for it */
};

using http_job_ptr = std::unique_ptr<http_job>;

struct http {
	plugin_context context;
	std::thread thread;
	http_multi_ptr multi; /* of the thread, but for curl_multi_wakeup */

	std::mutex mutex; /* guards what follows */
	std::vector<http_job_ptr> fresh;
	http_rules next_rules;
	bool has_rules = false;
	bool stops = false;

	/* Of the thread. */
	http_rules rules;
	std::deque<http_job_ptr> waiting;
	std::set<http_job *> running; /* owned */
};

/* ---- URLs */

static std::string http_url_part(CURLU *url, CURLUPart part, unsigned flags)
{
	char *text = nullptr;

	if (curl_url_get(url, part, &text, flags) != CURLUE_OK)
		return "";
	std::string copy = text;
	curl_free(text);
	return copy;
}

bool http_url_is_good(std::string_view url, size_t most)
{
	const auto is_printable = [](char c) {
		return c > ' ' && c != 0x7f;
	};
	const http_url_ptr parsed(curl_url());

	/* libcurl takes a slash too many for a mistake. */
	if (url.empty() || url.size() > most || !std::all_of(url.begin(), url.end(), is_printable) ||
	    url.find(":///") != std::string_view::npos)
		return false;
	if (curl_url_set(parsed.get(), CURLUPART_URL, std::string(url).c_str(), 0) != CURLUE_OK)
		return false;
	const std::string scheme = http_url_part(parsed.get(), CURLUPART_SCHEME, 0);
	return (scheme == "http" || scheme == "https") && !http_url_part(parsed.get(), CURLUPART_HOST, 0).empty();
}

std::string http_url_origin(const std::string &url)
{
	const http_url_ptr parsed(curl_url());

	if (curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), 0) != CURLUE_OK)
		return "?";
	return http_url_part(parsed.get(), CURLUPART_SCHEME, 0) + "://" +
	       http_url_part(parsed.get(), CURLUPART_HOST, 0) + ":" +
	       http_url_part(parsed.get(), CURLUPART_PORT, CURLU_DEFAULT_PORT);
}

bool http_url_is_refused(const std::string &url, const std::vector<address_block> &allowed)
{
	const http_url_ptr parsed(curl_url());

	if (curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), 0) != CURLUE_OK)
		return false;
	std::string host = http_url_part(parsed.get(), CURLUPART_HOST, 0);
	if (host.starts_with('[') && host.ends_with(']'))
		host = host.substr(1, host.size() - 2);
	return address_text_is_one(host.c_str()) && !address_text_is_allowed(host.c_str(), allowed);
}

/* ---- one request; the thread */

static const std::vector<address_block> &http_allowed(const http_job *job)
{
	const http_rules &rules = job->owner->rules;

	return job->post->is_of_client ? rules.allowed_away : rules.allowed;
}

/* libcurl connects to this address, whatever a name stood for before: it cannot be another one. */
static curl_socket_t http_open_socket(void *arg, curlsocktype, curl_sockaddr *address)
{
	http_job *job = static_cast<http_job *>(arg);

	if (!address_is_allowed(&address->addr, http_allowed(job))) {
		job->is_refused = true;
		return CURL_SOCKET_BAD;
	}
	job->post->is_private = !address_is_allowed(&address->addr, {});
	const int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
	job->is_tried = job->is_tried || fd != -1;
	return fd;
}

/* A connection that is used again was opened when other addresses may have been allowed. */
static int http_before_request(void *arg, char *address, char *, int, int)
{
	http_job *job = static_cast<http_job *>(arg);

	job->is_tried = true;
	job->post->is_private = !address_text_is_allowed(address, {});
	if (address_text_is_allowed(address, http_allowed(job)))
		return CURL_PREREQFUNC_OK;
	job->is_refused = true;
	return CURL_PREREQFUNC_ABORT;
}

static size_t http_count_header(char *, size_t size, size_t count, void *arg)
{
	http_job *job = static_cast<http_job *>(arg);

	job->header_bytes += size * count;
	return job->header_bytes > http_header_most ? 0 : size * count;
}

static size_t http_take_body(char *bytes, size_t size, size_t count, void *arg)
{
	http_post *post = static_cast<http_job *>(arg)->post.get();

	if (post->answer.size() + size * count > http_answer_most) {
		post->is_long = true;
		post->answer.clear();
		return 0;
	}
	post->answer.append(bytes, size * count);
	return size * count;
}

static bool http_add_header(http_list_ptr *list, const char *header)
{
	curl_slist *longer = curl_slist_append(list->get(), header);

	if (!longer)
		return false;
	(void)list->release();
	list->reset(longer);
	return true;
}

template <class Value> static void http_option(const http_job *job, CURLoption option, Value value, bool *good)
{
	*good = *good && curl_easy_setopt(job->easy.get(), option, value) == CURLE_OK;
}

/* false: libcurl has no memory, or was built without what is needed. */
static bool http_prepare(http_job *job)
{
	const http_rules &rules = job->owner->rules;
	bool good = true;

	job->easy.reset(curl_easy_init());
	if (!job->easy)
		return false;
	for (const std::string &header : job->post->headers)
		good = good && http_add_header(&job->headers, header.c_str());
	/* A large body is sent at once, without asking for leave. */
	good = good && http_add_header(&job->headers, "Expect:");
	http_option(job, CURLOPT_URL, job->post->url.c_str(), &good);
	http_option(job, CURLOPT_PROTOCOLS_STR, "http,https", &good);
	http_option(job, CURLOPT_FOLLOWLOCATION, 0L, &good);
	http_option(job, CURLOPT_PROXY, "", &good); /* also none that the environment names */
	http_option(job, CURLOPT_SSL_VERIFYPEER, 1L, &good);
	http_option(job, CURLOPT_SSL_VERIFYHOST, 2L, &good);
	if (!rules.certificates.empty())
		http_option(job, CURLOPT_CAINFO, rules.certificates.c_str(), &good);
	/* Otherwise a folder of authorities that libcurl was built with counts, too. */
	if (!rules.certificates.empty())
		http_option(job, CURLOPT_CAPATH, static_cast<const char *>(nullptr), &good);
	/* A name server that does not answer holds up nobody else. */
	http_option(job, CURLOPT_QUICK_EXIT, 1L, &good);
	http_option(job, CURLOPT_NOSIGNAL, 1L, &good);
	http_option(job, CURLOPT_TIMEOUT_MS, static_cast<long>(rules.timeout), &good);
	http_option(job, CURLOPT_USERAGENT, "chatserverd/" CS_VERSION, &good);
	http_option(job, CURLOPT_HTTPHEADER, job->headers.get(), &good);
	http_option(job, CURLOPT_POST, 1L, &good);
	http_option(job, CURLOPT_POSTFIELDS, job->post->body.data(), &good);
	http_option(job, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(job->post->body.size()), &good);
	http_option(job, CURLOPT_OPENSOCKETFUNCTION, http_open_socket, &good);
	http_option(job, CURLOPT_OPENSOCKETDATA, job, &good);
	http_option(job, CURLOPT_PREREQFUNCTION, http_before_request, &good);
	http_option(job, CURLOPT_PREREQDATA, job, &good);
	http_option(job, CURLOPT_HEADERFUNCTION, http_count_header, &good);
	http_option(job, CURLOPT_HEADERDATA, job, &good);
	http_option(job, CURLOPT_WRITEFUNCTION, http_take_body, &good);
	http_option(job, CURLOPT_WRITEDATA, job, &good);
	http_option(job, CURLOPT_PRIVATE, job, &good);
	return good;
}

/* Not if a certificate, a name server or this node's libcurl is the reason. */
static bool http_is_silent(const http_job *job, CURLcode code)
{
	return job->is_tried && !job->is_refused &&
	       (code == CURLE_COULDNT_CONNECT || code == CURLE_OPERATION_TIMEDOUT || code == CURLE_GOT_NOTHING ||
	        code == CURLE_SEND_ERROR || code == CURLE_RECV_ERROR);
}

static void http_judge(const http_job *job, CURLcode code)
{
	http_post *post = job->post.get();
	curl_off_t retry_after = 0;
	long status = 0;

	(void)curl_easy_getinfo(job->easy.get(), CURLINFO_RESPONSE_CODE, &status);
	(void)curl_easy_getinfo(job->easy.get(), CURLINFO_RETRY_AFTER, &retry_after);
	post->status = static_cast<int>(status);
	post->retry_after = retry_after > 0 ? std::min(retry_after, curl_off_t{86400}) * 1000 : -1;
	if (code == CURLE_OK || post->is_long) {
		post->end = HTTP_ANSWERED;
		return;
	}
	post->end = job->is_refused ? HTTP_REFUSED : code == CURLE_OPERATION_TIMEDOUT ? HTTP_TIMED_OUT : HTTP_FAILED;
	post->is_silent = http_is_silent(job, code);
	post->why = !job->is_refused     ? curl_easy_strerror(code)
	            : post->is_of_client ? "its address is private and not listed in push.allow_away"
	                                 : "its address is private and not listed in push.allow";
	post->answer.clear();
}

/* [worker] */
static void http_bring(void *state, void *arg)
{
	const http_job_ptr job(static_cast<http_job *>(arg));

	job->done(state, std::move(job->post), job->tag);
}

/* The worker frees the job. */
static void http_finish(http *h, http_job_ptr job)
{
	job->easy.reset();
	job->headers.reset();
	if (h->context.host->post(h->context.self, http_bring, job.get()) == 0)
		(void)job.release();
}

/* ---- the thread */

static void http_begin_some(http *h)
{
	while (!h->waiting.empty() && h->running.size() < h->rules.parallel) {
		http_job_ptr job = std::move(h->waiting.front());

		h->waiting.pop_front();
		if (http_prepare(job.get()) && curl_multi_add_handle(h->multi.get(), job->easy.get()) == CURLM_OK) {
			h->running.insert(job.release());
			continue;
		}
		job->post->why = "libcurl cannot begin";
		http_finish(h, std::move(job));
	}
}

static void http_end_some(http *h)
{
	int left = 0;

	while (const CURLMsg *message = curl_multi_info_read(h->multi.get(), &left)) {
		void *found = nullptr;

		if (message->msg != CURLMSG_DONE)
			continue;
		const CURLcode code = message->data.result;
		(void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &found);
		http_job_ptr job(static_cast<http_job *>(found));
		h->running.erase(job.get());
		http_judge(job.get(), code);
		(void)curl_multi_remove_handle(h->multi.get(), job->easy.get());
		http_finish(h, std::move(job));
	}
}

/* false: it shall end. */
static bool http_take_fresh(http *h)
{
	const std::lock_guard<std::mutex> lock(h->mutex);

	for (http_job_ptr &job : h->fresh)
		h->waiting.push_back(std::move(job));
	h->fresh.clear();
	if (std::exchange(h->has_rules, false))
		h->rules = h->next_rules;
	return !h->stops;
}

static void http_run(http *h)
{
	static constexpr int most_ms = 1000;
	int running = 0;

	(void)pthread_setname_np(pthread_self(), "push");
	while (http_take_fresh(h)) {
		http_begin_some(h);
		(void)curl_multi_perform(h->multi.get(), &running);
		http_end_some(h);
		if (h->waiting.empty() || h->running.size() >= h->rules.parallel)
			(void)curl_multi_poll(h->multi.get(), nullptr, 0, most_ms, nullptr);
	}
	for (http_job *job : h->running) {
		const http_job_ptr owned(job);

		(void)curl_multi_remove_handle(h->multi.get(), job->easy.get());
	}
	h->running.clear();
}

/* ---- for the worker */

/* Signals are the main thread's. */
static std::thread http_start_thread(http *h)
{
	sigset_t all, former;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &former);
	std::thread thread(http_run, h);
	(void)pthread_sigmask(SIG_SETMASK, &former, nullptr);
	return thread;
}

http *http_start(const plugin_context &context, http_rules rules, cs_error *e)
{
	auto h = std::make_unique<http>();

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		(void)snprintf(e->text, sizeof e->text, "libcurl cannot be started");
		return nullptr;
	}
	h->context = context;
	h->rules = std::move(rules);
	h->multi.reset(curl_multi_init());
	if (!h->multi) {
		(void)snprintf(e->text, sizeof e->text, "libcurl cannot be started");
		curl_global_cleanup();
		return nullptr;
	}
	h->thread = http_start_thread(h.get());
	return h.release();
}

static void http_wake(http *h)
{
	(void)curl_multi_wakeup(h->multi.get());
}

void http_set(http *h, http_rules rules)
{
	const std::lock_guard<std::mutex> lock(h->mutex);

	h->next_rules = std::move(rules);
	h->has_rules = true;
	http_wake(h);
}

void http_send(http *h, http_post_ptr post, http_done_fn *done, uint64_t tag)
{
	auto job = std::make_unique<http_job>();

	job->owner = h;
	job->post = std::move(post);
	job->done = done;
	job->tag = tag;
	const std::lock_guard<std::mutex> lock(h->mutex);
	h->fresh.push_back(std::move(job));
	http_wake(h);
}

void http_stop(http *h)
{
	const std::unique_ptr<http> owned(h);

	if (!h)
		return;
	{
		const std::lock_guard<std::mutex> lock(h->mutex);

		h->stops = true;
	}
	http_wake(h);
	h->thread.join();
	h->waiting.clear();
	h->multi.reset();
	curl_global_cleanup();
}
