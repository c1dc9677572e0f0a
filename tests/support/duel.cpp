/* SPDX-License-Identifier: MIT
 * Two requests on two connections at about the same moment. */
#include "tests/support/duel.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>

#include "tests/support/check.h"
#include "tests/support/client.h"

static constexpr int64_t duel_least_us = 32, duel_most_us = 50000;

static int64_t now_us(void)
{
	return std::chrono::duration_cast<std::chrono::microseconds>(
		       std::chrono::steady_clock::now().time_since_epoch())
	        .count();
}

/* A sleep is too coarse for the shorter ones. */
static void spin(int64_t us)
{
	const int64_t end = now_us() + us;

	while (now_us() < end)
		continue;
}

void duel_send(const duel *d, test_client *first, const std::string &frame, test_client *second,
               const std::string &other_frame)
{
	if (d->lead_us >= 0)
		client_send(first, frame + first->ending);
	else
		client_send(second, other_frame + second->ending);
	spin(std::abs(d->lead_us));
	if (d->lead_us >= 0)
		client_send(second, other_frame + second->ending);
	else
		client_send(first, frame + first->ending);
}

/* The steps grow as long as the same one wins. */
void duel_note(duel *d, bool first_won)
{
	d->won[first_won ? 0 : 1]++;
	d->step_us = first_won == d->first_won ? std::min(2 * d->step_us, duel_most_us / 4) : duel_least_us;
	d->lead_us += first_won ? -d->step_us : d->step_us;
	d->lead_us = std::clamp(d->lead_us, -duel_most_us, duel_most_us);
	d->first_won = first_won;
}

void duel_judge(const duel *d, const char *first, const char *second, std::source_location at)
{
	print_message("%zu times %s came first, %zu times %s\n", d->won[0], first, d->won[1], second);
	if (d->won[0] == 0 || d->won[1] == 0)
		check_fail(at, "one of them never came first");
}
