/* SPDX-License-Identifier: MIT
 * Figures of requests: how many, how many were refused, how long their answers took. */
#include "core/base/metric.h"
#include "core/metrics.h"
#include "core/server.h"

static const char *metrics_route_name(const struct server *s, uint32_t msgid)
{
	const auto entry = s->dispatch->entries.find(msgid);

	if (entry != s->dispatch->entries.end())
		return entry->second.route->name;
	return msgid == CS_MSGID_PING ? "PING" : "unknown";
}

std::map<uint32_t, struct metrics_route> metrics_sum_routes(const struct server *s)
{
	std::map<uint32_t, struct metrics_route> sums;

	for (const auto &worker : s->shared.workers) {
		for (const auto &[msgid, counters] : worker->counters) {
			struct metrics_route &sum = sums[msgid];

			sum.name = metrics_route_name(s, msgid);
			sum.calls += counters->calls.load(std::memory_order_relaxed);
			for (size_t i = 0; i < sum.refused.size(); i++)
				sum.refused[i] += counters->refused[i].load(std::memory_order_relaxed);
			sum.bytes += counters->bytes.load(std::memory_order_relaxed);
		}
	}
	return sums;
}

static void metrics_add_routes(std::string *text, const std::map<uint32_t, struct metrics_route> &sums,
                               const char *name, const char *help, uint64_t metrics_route::*member)
{
	metric_add_head(text, name, "counter", help);
	for (const auto &[msgid, sum] : sums)
		metric_add_value(text, name, {{"msgid", std::to_string(msgid)}, {"name", sum.name}}, sum.*member);
}

static const char *metrics_errno_name(size_t wire_errno)
{
	switch (wire_errno) {
#define X(name, number, when)                                                                                          \
	case number: return #name;
		CS_ERRNO_LIST(X)
#undef X
	default: return "other";
	}
}

/* One line for each pair of msgid and errno that has occurred: most pairs never do. */
static void metrics_add_refusals(std::string *text, const std::map<uint32_t, struct metrics_route> &sums)
{
	static const char name[] = "chatserverd_requests_refused_total";

	metric_add_head(text, name, "counter", "Requests that were refused, by route and errno.");
	for (const auto &[msgid, sum] : sums)
		for (size_t i = 0; i < sum.refused.size(); i++)
			if (sum.refused[i] != 0)
				metric_add_value(text, name,
				                 {{"msgid", std::to_string(msgid)},
				                  {"name", sum.name},
				                  {"errno", std::to_string(i)},
				                  {"error", metrics_errno_name(i)}},
				                 sum.refused[i]);
}

static void metrics_add_answers(std::string *text, const struct server *s)
{
	static const char name[] = "chatserverd_answer_seconds";
	static constexpr const char *kinds[WORKER_ANSWER_COUNT] = {"chat", "group_chat", "other"};

	metric_add_head(text, name, "histogram",
	                "From the turn of the loop that read a request to its ACK or refusal, which is queued for the "
	                "client; requests with an answer of another form are not counted.");
	for (size_t i = 0; i < WORKER_ANSWER_COUNT; i++) {
		struct histogram_total total;

		for (const auto &worker : s->shared.workers)
			histogram_read(&worker->answers[i], &total);
		metric_add_histogram(text, name, {{"request", kinds[i]}}, &histogram_times, &total);
	}
}

void metrics_add_requests(std::string *text, const struct server *s)
{
	const std::map<uint32_t, struct metrics_route> sums = metrics_sum_routes(s);

	metrics_add_routes(text, sums, "chatserverd_requests_total", "Requests by route.", &metrics_route::calls);
	metrics_add_refusals(text, sums);
	metrics_add_routes(text, sums, "chatserverd_request_bytes_total", "Bytes of requests.", &metrics_route::bytes);
	metrics_add_answers(text, s);
	metric_add_counter(text, "chatserverd_guesses_failed_total", "Wrong passwords.",
	                   s->guesses.failed.load(std::memory_order_relaxed));
	metric_add_counter(text, "chatserverd_guesses_refused_total",
	                   "Passwords that were not looked at: too many wrong ones came before.",
	                   s->guesses.refused.load(std::memory_order_relaxed));
}
