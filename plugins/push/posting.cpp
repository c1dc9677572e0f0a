/* SPDX-License-Identifier: MIT
 * Between the other end of a device's session and its URL: what the server writes there is posted, and what the answers
 * say is written back. */
#include <algorithm>
#include <cerrno>
#include <map>
#include <utility>

#include <sys/socket.h>
#include <unistd.h>

#include "device.h"
#include "sign.h"

/* Of one POST. */
static constexpr size_t posting_frames_most = 100;
static constexpr size_t posting_bytes_most = 1024 * 1024;
/* Answers that wait for the next POST. */
static constexpr size_t posting_answers_most = 50;
/* Of what the bot said, that the server has not read yet. */
static constexpr size_t posting_output_most = 1024 * 1024;

static void posting_stop_retry(push_device *d)
{
	if (d->retry)
		d->owner->context.host->timer_del(d->owner->context.self, d->retry);
	d->retry = nullptr;
}

/* ---- the other end of the connection */

static void posting_on_event(void *state, int fd, unsigned events, void *arg);

static void posting_watch(push_device *d)
{
	const plugin_context &c = d->owner->context;
	const unsigned events = CS_WATCH_READ | (d->output.empty() ? 0u : unsigned{CS_WATCH_WRITE});

	if (d->watch)
		c.host->unwatch(c.self, d->watch);
	d->watch = c.host->watch(c.self, d->fd, events, posting_on_event, d);
}

/* What the socket does not take is kept until it does. An error is seen when it is read. */
static void posting_write_some(push_device *d)
{
	const bool waited = !d->output.empty();

	while (!d->output.empty()) {
		const ssize_t size = send(d->fd, d->output.data(), d->output.size(), MSG_NOSIGNAL);

		if (size <= 0)
			break;
		d->output.erase(0, static_cast<size_t>(size));
	}
	if (waited)
		posting_watch(d);
}

/* An answer is not posted for its own sake: a bot that answers each refusal with the same wrong frame would go round in
 * a circle. */
void posting_take_frame(push_device *d, std::string frame)
{
	const document_frame look = document_look(d->row.account, frame);

	if (look.msgid == 0 || look.msgid == CS_MSGID_PONG)
		return;
	if (!look.is_answer) {
		d->queue.push_back({std::move(frame), look});
		return;
	}
	if (look.answers_to == CS_MSGID_DELIVERED || look.error == CS_ERRNO_GOING_AWAY)
		return;
	if (d->answers.size() == posting_answers_most)
		d->answers.pop_front();
	d->answers.push_back({std::move(frame), look});
}

/* false: the other end is closed. */
static bool posting_read_some(push_device *d)
{
	static constexpr size_t piece = 65536, pieces_most = 16;
	std::vector<std::string> frames;

	for (size_t i = 0; i < pieces_most; i++) {
		const size_t at = d->input.size();

		d->input.resize(at + piece);
		const ssize_t size = recv(d->fd, d->input.data() + at, piece, 0);
		const int error = errno;
		d->input.resize(at + static_cast<size_t>(std::max<ssize_t>(size, 0)));
		if (size == 0 || (size < 0 && error != EAGAIN && error != EINTR))
			return false;
		if (size < 0)
			break;
	}
	document_take_frames(&d->input, &frames);
	for (std::string &frame : frames)
		posting_take_frame(d, std::move(frame));
	return true;
}

static void posting_on_event(void *, int, unsigned events, void *arg)
{
	push_device *d = static_cast<push_device *>(arg);

	if (!posting_read_some(d)) {
		device_leave(d, d->owner->conf->lookout);
		return;
	}
	if (events & CS_WATCH_WRITE)
		posting_write_some(d);
	posting_some(d);
}

bool posting_open(push_device *d, int fd)
{
	d->fd = fd;
	posting_watch(d);
	return d->watch != nullptr;
}

void posting_close(push_device *d)
{
	const plugin_context &c = d->owner->context;

	posting_stop_retry(d);
	if (d->watch)
		c.host->unwatch(c.self, d->watch);
	d->watch = nullptr;
	if (d->fd != -1)
		(void)close(d->fd);
	d->fd = -1;
	d->input.clear();
	d->output.clear();
	d->queue.clear();
	d->answers.clear();
	d->batch.clear();
}

/* ---- posting */

static void posting_take_batch(push_device *d)
{
	size_t bytes = 0;

	while (!d->answers.empty() && d->batch.size() + 1 < posting_frames_most) {
		bytes += d->answers.front().frame.size();
		d->batch.push_back(std::move(d->answers.front()));
		d->answers.pop_front();
	}
	while (!d->queue.empty() && d->batch.size() < posting_frames_most && bytes < posting_bytes_most) {
		bytes += d->queue.front().frame.size();
		d->batch.push_back(std::move(d->queue.front()));
		d->queue.pop_front();
	}
}

/* Everything of the batch was received. */
static void posting_confirm(push_device *d)
{
	std::map<std::pair<cs_conversation_kind, uint64_t>, uint64_t> up_to;

	for (const posting_item &item : d->batch)
		if (item.look.seq)
			up_to[{item.look.kind, item.look.of}] = item.look.seq;
	for (const auto &[conversation, seq] : up_to)
		d->output += document_delivered(d->row.account, conversation.first, conversation.second, seq) + "\n";
	d->owner->figures.frames += static_cast<int64_t>(d->batch.size());
	d->batch.clear();
}

/* What the bot says in its answer. */
static void posting_say(push_device *d, const http_post *post)
{
	std::vector<std::string> frames;

	if (post->answer.empty() || !document_read_answer(post->answer, &frames))
		return;
	for (size_t i = 0; i < std::min(frames.size(), posting_frames_most); i++)
		d->output += frames[i] + "\n";
	d->owner->figures.said += static_cast<int64_t>(std::min(frames.size(), posting_frames_most));
}

static void posting_try_again(void *, void *arg)
{
	push_device *d = static_cast<push_device *>(arg);

	d->retry = nullptr;
	posting_some(d);
}

/* The first failure is logged, and then one now and then. */
static void posting_log_failure(push_device *d, const http_post *post)
{
	const plugin_context &c = d->owner->context;
	const std::string origin = http_url_origin(d->row.url);
	const char *still = d->failures > 1 ? "still " : "";
	const int64_t now = c.host->monotonic();

	if (d->failures > 1 && now < d->warned + d->owner->conf->warn_again)
		return;
	d->warned = now;
	if (post->end == HTTP_ANSWERED)
		c.host->log(c.self, CS_LOG_WARNING,
		            "a bot %sdoes not take its messages account=%llu url=%s failures=%u status=%d", still,
		            device_account(d), origin.c_str(), d->failures, post->status);
	else
		c.host->log(c.self, CS_LOG_WARNING,
		            "a bot %sdoes not take its messages account=%llu url=%s failures=%u why=%s", still,
		            device_account(d), origin.c_str(), d->failures, post->why.c_str());
}

static void posting_fail(push_device *d, const http_post *post)
{
	push_plugin *p = d->owner;
	const plugin_context &c = p->context;

	p->figures.failures++;
	d->failures++;
	posting_log_failure(d, post);
	d->retry = c.host->timer_add(c.self,
	                             backoff_wait(push_backoff(p), d->failures,
	                                          post->end == HTTP_ANSWERED ? post->retry_after : -1, sign_random()),
	                             0, posting_try_again, d);
}

static void posting_answered(void *state, http_post_ptr post, uint64_t tag)
{
	push_plugin *p = static_cast<push_plugin *>(state);
	const uint64_t account = p->posting[tag];
	const auto found = p->devices.find(account);
	const bool is_good = push_is_taken(p, post.get());

	p->posting.erase(tag);
	if (found == p->devices.end())
		return;
	push_device *d = found->second.get();
	if (d->post_tag != tag)
		return;
	d->is_posting = false;
	if (d->post_session != d->tag)
		return;
	if (post->end == HTTP_ANSWERED && post->status == 410) {
		device_give_up(d);
		return;
	}
	if (!is_good) {
		posting_fail(d, post.get());
		return;
	}
	if (d->failures)
		p->context.host->log(p->context.self, CS_LOG_INFO, "a bot takes its messages again account=%llu url=%s",
		                     device_account(d), http_url_origin(d->row.url).c_str());
	d->failures = 0;
	posting_confirm(d);
	posting_say(d, post.get());
	posting_write_some(d);
	posting_some(d);
}

/* At most one request of a device is under way. */
void posting_some(push_device *d)
{
	push_plugin *p = d->owner;
	std::vector<std::string> frames;

	if (d->stage != DEVICE_OPEN || d->is_posting || d->retry || d->output.size() > posting_output_most)
		return;
	if (d->batch.empty() && !d->queue.empty())
		posting_take_batch(d);
	if (d->batch.empty())
		return;
	for (const posting_item &item : d->batch)
		frames.push_back(item.frame);
	const uint64_t tag = push_next_tag(p);
	d->is_posting = true;
	d->post_session = d->tag;
	d->post_tag = tag;
	p->posting[tag] = d->row.account;
	p->figures.posts++;
	http_send(p->posts, push_signed_post(p, d->row.url, d->row.secret, document_of_frames(d->row.account, frames)),
	          posting_answered, tag);
}

void posting_begin_anew(push_device *d)
{
	d->failures = 0;
	posting_stop_retry(d);
	posting_some(d);
}
