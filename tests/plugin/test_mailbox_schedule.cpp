/* SPDX-License-Identifier: MIT
 * The schedule checker of the mailbox: it runs thousands of random orders of sends, logins, ends, slow outputs, store
 * steps and, between nodes, faults of the bus and deaths of nodes, and judges each by the promises of
 * chatserverd-protocol(7).
 *
 * CS_TEST_SEEDS=N runs N seeds of each kind, CS_TEST_SEED=S only that one. */
#include "mailbox_schedule.h"

#include <cstdio>
#include <cstdlib>

constexpr int step_count = 800;

uint64_t schedule_draw(schedule_run *r, uint64_t below)
{
	r->random ^= r->random << 13;
	r->random ^= r->random >> 7;
	r->random ^= r->random << 17;
	return (r->random >> 11) % below;
}

void schedule_blame(schedule_run *r, const char *what, uint64_t a, uint64_t b)
{
	char text[160];

	snprintf(text, sizeof(text), "%s (%llu, %llu)", what, static_cast<unsigned long long>(a),
	         static_cast<unsigned long long>(b));
	if (r->problem.empty())
		r->problem = text;
}

/* ---- a run */

static void begin(schedule_run *r)
{
	r->st.w.host->exclusive_store = r->what.nodes == 0 && !r->what.faults;
	stage_begin(&r->st, r->what.nodes ? node_count : 1, r->what.nodes ? 2 : 3,
	            {r->what.sweep ? 800 : 0, r->what.sweep ? 200 : 0, 50});
	r->st.w.kick = r->what.nodes && schedule_draw(r, 3) == 0;
	r->st.log.accounts = people_count;
	r->st.w.host->soft_mark = 600;
	r->st.w.host->unknown_outcomes = r->what.faults;
	r->st.w.on_frame = [r](world_conn &c, const std::string &frame) {
		schedule_see(r, c, frame);
	};
	r->groups = {memory_log_add_group(&r->st.log, {1, 2, 3}), memory_log_add_group(&r->st.log, {2, 4})};
	for (uint64_t account = 1; account <= people_count; account++) {
		r->people[account].acknowledges = schedule_draw(r, 3) == 0;
		r->people[account].event = schedule_draw(r, 2) == 0;
		r->people[account].echo = schedule_draw(r, 3) == 0;
	}
}

static void heal_cluster(schedule_run *r)
{
	world *w = &r->st.w;

	for (unsigned node = 0; node < w->nodes.size(); node++) {
		if (w->nodes[node].lapsed)
			world_bus_lose(w, node);
		world_restart(w, node);
		world_bus_find(w, node);
	}
	schedule_bury(r);
	for (const cs_conn conn : r->abandoned)
		world_kill(w, conn);
	world_settle(w);
}

/* Everybody comes back, nothing fails any more, and time passes. */
static void heal(schedule_run *r)
{
	world *w = &r->st.w;

	if (r->what.nodes)
		heal_cluster(r);
	w->host->faults.clear();
	w->host->losses = 0;
	for (uint64_t account = 1; account <= people_count; account++) {
		schedule_person *p = &r->people[account];

		if (p->conn && (p->deaf || schedule_draw(r, 2) || !schedule_is_in(r, account)))
			schedule_go(r, account);
		if (p->conn)
			world_conn_of(w, p->conn)->stuck = false;
		schedule_come(r, account);
	}
	world_settle(w);
	world_advance(w, 4000);
	for (uint64_t account = 1; account <= people_count; account++)
		if (!schedule_is_in(r, account))
			schedule_blame(r, "the login did not end", account);
}

static std::string run_seed(const schedule_kind &what, uint64_t seed, size_t *stored, size_t *reads)
{
	schedule_run r;

	r.what = what;
	r.seed = seed;
	r.random = seed * UINT64_C(0x9e3779b97f4a7c15) | 1;
	begin(&r);
	for (int step = 0; step < (what.nodes ? 2 * step_count : step_count) && r.problem.empty(); step++) {
		if (schedule_draw(&r, 5) == 0)
			schedule_person_acts(&r);
		else
			schedule_world_moves(&r);
		if (what.faults && schedule_draw(&r, 25) == 0)
			schedule_break_something(&r);
		if (what.nodes == TROUBLED_CLUSTER && schedule_draw(&r, 40) == 0)
			schedule_trouble(&r);
	}
	if (r.problem.empty()) {
		heal(&r);
		schedule_check_log(&r);
		schedule_check_answers(&r);
	}
	*reads += stage_reads(&r.st);
	*stored += r.last_number;
	stage_close(&r.st);
	return r.problem;
}

static void run_all(const schedule_kind &what)
{
	const char *one = getenv("CS_TEST_SEED"), *many = getenv("CS_TEST_SEEDS");
	const uint64_t first = one ? strtoull(one, nullptr, 10) : 1;
	const uint64_t last = one ? first : many ? strtoull(many, nullptr, 10) : 200;
	unsigned failures = 0;
	size_t stored = 0, reads = 0;

	for (uint64_t seed = first; seed <= last; seed++) {
		const std::string problem = run_seed(what, seed, &stored, &reads);

		if (!problem.empty() && ++failures <= 5)
			print_error("seed %llu: %s\n", static_cast<unsigned long long>(seed), problem.c_str());
	}
	print_message("%zu messages, %zu reads\n", stored, reads);
	if (failures)
		print_error("%u of %llu seeds failed\n", failures, static_cast<unsigned long long>(last - first + 1));
	assert_int_equal(failures, 0);
}

static void committed_messages_keep_the_promises_without_the_sweep(void **)
{
	run_all({false, false});
}

static void committed_messages_keep_the_promises_with_the_sweep(void **)
{
	run_all({true, false});
}

static void committed_messages_survive_a_failing_store_and_lost_hints(void **)
{
	run_all({true, true});
}

static void committed_messages_survive_a_failing_store_without_the_sweep(void **)
{
	run_all({false, true});
}

static void hints_that_overtake_each_other_keep_the_promises_without_the_sweep(void **)
{
	run_all({false, false, QUIET_CLUSTER});
}

static void committed_messages_survive_a_troubled_cluster_without_the_sweep(void **)
{
	run_all({false, false, TROUBLED_CLUSTER});
}

static void committed_messages_survive_a_troubled_cluster_with_the_sweep(void **)
{
	run_all({true, false, TROUBLED_CLUSTER});
}

static void committed_messages_survive_a_troubled_cluster_and_a_failing_store_without_the_sweep(void **)
{
	run_all({false, true, TROUBLED_CLUSTER});
}

int main()
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(committed_messages_keep_the_promises_without_the_sweep),
		cmocka_unit_test(committed_messages_keep_the_promises_with_the_sweep),
		cmocka_unit_test(committed_messages_survive_a_failing_store_and_lost_hints),
		cmocka_unit_test(committed_messages_survive_a_failing_store_without_the_sweep),
		cmocka_unit_test(hints_that_overtake_each_other_keep_the_promises_without_the_sweep),
		cmocka_unit_test(committed_messages_survive_a_troubled_cluster_without_the_sweep),
		cmocka_unit_test(committed_messages_survive_a_troubled_cluster_with_the_sweep),
		cmocka_unit_test(committed_messages_survive_a_troubled_cluster_and_a_failing_store_without_the_sweep),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
