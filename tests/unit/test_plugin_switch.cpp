/* SPDX-License-Identifier: MIT
 * Tests one worker on which an instance takes the place of another: who gets what, and when the other one is
 * stopped. */
#include <memory>
#include <string>
#include <vector>

#include "core/session/route.h"
#include "tests/support/parcel.h"
#include "tests/support/worker_fixture.h"

/* What the instances of the tests have been told; the state of each is its letter. */
struct story {
	std::string text;
	bool is_busy = false;
	struct cs_self *failed = nullptr;
};

struct actor {
	struct story *of;
	char letter;
};

struct test {
	struct worker_test *w;
	struct story story;
	struct actor old {
		&story, 'a'
	};
	struct actor fresh {
		&story, 'b'
	};
	std::vector<std::unique_ptr<struct plugin>> plugins;
};

static void note(void *state, const std::string &what)
{
	const auto *a = static_cast<const actor *>(state);

	a->of->text += std::string(1, a->letter) + ":" + what + " ";
}

static void on_stop(void *state)
{
	note(state, "stop");
}

static void on_posted(void *state, void *)
{
	note(state, "posted");
}

static int on_busy(void *state)
{
	return static_cast<const actor *>(state)->of->is_busy;
}

static void on_opened(void *state, cs_conn, cs_account account, uint64_t, uint64_t)
{
	note(state, "opened" + std::to_string(account));
}

static void on_routed(void *state, cs_conn, cs_account, const struct cs_parcel *parcel)
{
	note(state, parcel_text(parcel));
}

static void on_cluster(void *state, enum cs_cluster_event event)
{
	note(state, event == CS_CLUSTER_MISSED ? "missed" : "degraded");
}

static struct cs_shared *on_save(void *state)
{
	note(state, "save");
	return host_table.share("abc", 3);
}

static int on_restore(void *state, const struct cs_shared *saved)
{
	note(state, "restore:" + std::string(saved->bytes, saved->size));
	return 0;
}

static int on_restore_refused(void *, const struct cs_shared *)
{
	return CS_EINVAL;
}

static void on_time(void *state, void *)
{
	note(state, "timer");
}

static int on_start_failed(const struct cs_host *host, struct cs_self *self, const void *, void **, struct cs_error *)
{
	(void)host->timer_add(self, 0, 1, on_time, nullptr);
	(void)host->post(self, on_posted, nullptr);
	return CS_EINVAL;
}

static struct cs_plugin descriptor(void)
{
	struct cs_plugin d = {};

	d.name = "fake";
	d.stop = on_stop;
	d.busy = on_busy;
	d.routed = on_routed;
	d.opened = on_opened;
	d.start = [](const struct cs_host *, struct cs_self *, const void *, void **, struct cs_error *) {
		return 0;
	};
	return d;
}

static struct test *test_of(void **state)
{
	return static_cast<test *>(*state);
}

static struct worker *worker_of(const test *t)
{
	return t->w->f->worker;
}

static struct cs_self *in_force(const test *t)
{
	return worker_of(t)->instances[0].get();
}

static int set_up(void **state)
{
	void *inner = nullptr;

	if (worker_test_set_up_hooked(&inner) != 0)
		return -1;
	auto t = std::make_unique<test>();

	t->w = static_cast<struct worker_test *>(inner);
	struct cs_plugin *declared = &t->w->f->plugins.plugins[0]->declared;
	const struct cs_route *routes = declared->routes;

	*declared = descriptor();
	declared->routes = routes;
	in_force(t.get())->state = &t->old;
	*state = t.release();
	return 0;
}

static int tear_down(void **state)
{
	const std::unique_ptr<test> t(test_of(state));
	void *inner = t->w;

	return worker_test_tear_down(&inner);
}

/* Starts a plugin that is to take the first one's place. */
static int start_fresh(test *t, const struct cs_plugin &declared, unsigned index = 0)
{
	auto p = std::make_unique<struct plugin>();
	struct cs_error e {};

	p->path = "fresh.so";
	p->name = "fake";
	p->declared = declared;
	p->index = index;
	p->replaced = 1;
	t->plugins.push_back(std::move(p));
	const int result = plugin_start_fresh({&t->plugins.back(), 1}, worker_of(t), &e);

	if (result == 0)
		worker_of(t)->fresh.back()->state = &t->fresh;
	return result;
}

static void switch_over(test *t, const struct cs_plugin &declared = descriptor())
{
	assert_int_equal(start_fresh(t, declared), 0);
	plugin_publish(&t->w->f->shared, t->plugins.back().get());
	plugin_switch(worker_of(t));
}

static void assert_story(test *t, const char *text)
{
	assert_string_equal(t->story.text.c_str(), text);
	t->story.text.clear();
}

/* How many instances are left after a look at those that leave. */
static size_t look(const test *t)
{
	std::vector<const struct plugin *> left;

	plugin_look_leaving(worker_of(t), &left);
	return left.size();
}

static void the_state_is_handed_over(void **state)
{
	auto *t = test_of(state);
	struct cs_plugin d = descriptor();

	t->w->f->plugins.plugins[0]->declared.save = on_save;
	worker_fixture_bind(t->w->f.get(), t->w->c, 13);
	d.restore = on_restore;
	d.cluster = on_cluster;
	switch_over(t, d);
	assert_story(t, "a:save b:restore:abc b:missed ");
	assert_int_equal(look(t), 0);
	assert_story(t, "a:stop ");
}

static void who_cannot_read_the_state_hears_of_each_session(void **state)
{
	auto *t = test_of(state);
	struct cs_plugin d = descriptor();

	t->w->f->plugins.plugins[0]->declared.save = on_save;
	worker_fixture_bind(t->w->f.get(), t->w->c, 13);
	d.restore = on_restore_refused;
	switch_over(t, d);
	assert_story(t, "a:save b:opened13 ");
}

static void posts_and_what_the_server_cannot_see_are_waited_for(void **state)
{
	auto *t = test_of(state);
	struct cs_self *old = in_force(t);

	t->story.is_busy = true;
	assert_int_equal(host_table.post(old, on_posted, nullptr), 0);
	switch_over(t);
	t->story.text.clear();
	assert_int_equal(look(t), 1);
	worker_fixture_turn(t->w->f.get());
	assert_story(t, "a:posted ");
	assert_int_equal(look(t), 1);
	assert_int_equal(host_table.post(old, on_posted, nullptr), 0);
	worker_fixture_turn(t->w->f.get());
	assert_story(t, "a:posted ");
	t->story.is_busy = false;
	assert_int_equal(look(t), 0);
	assert_story(t, "a:stop ");
}

static void a_pending_request_is_finished_by_who_has_it(void **state)
{
	auto *t = test_of(state);
	struct cs_self *old = in_force(t);

	in_force(t)->state = t->w->f.get(); /* as the routes of the fixture expect */
	assert_string_equal(worker_fixture_talk(t->w->f.get(), t->w->peer, "{\"msgid\":12,\"req\":1}\n").c_str(), "");
	old->state = &t->old;
	switch_over(t);
	assert_int_equal(look(t), 1);
	const struct cs_request request = {.msgid = 12, .since = 0, .req = 1};

	host_table.answer(old, t->w->handle, &request, "");
	assert_int_equal(host_table.finish(old, t->w->handle), 0);
	worker_fixture_turn(t->w->f.get());
	assert_string_equal(worker_fixture_receive(t->w->peer, nullptr).c_str(),
	                    "{\"msgid\":100,\"of\":12,\"req\":1,\"errno\":0}\n");
	assert_int_equal(look(t), 0);
}

/* The hooks of the fixture are those of the second plugin. */
static void a_held_frame_goes_on_behind_its_hook_even_if_the_hooks_are_others(void **state)
{
	auto *t = test_of(state);
	struct worker_fixture *f = t->w->f.get();
	struct dispatch_table table;
	struct cs_error e;

	in_force(t)->state = f;
	f->hooks[FIXTURE_HOOK_OPEN] = [](const struct cs_frame *) -> int {
		return CS_PENDING;
	};
	assert_string_equal(worker_fixture_talk(f, t->w->peer, "{\"msgid\":11}\n").c_str(), "");
	assert_string_equal(f->trace.c_str(), "hook0 hook1 ");
	f->trace.clear();
	static const struct cs_hook *before = f->plugins.plugins[1]->declared.hooks;
	const struct cs_hook fewer[] = {before[0], {0, 0, nullptr, 0}};

	f->plugins.plugins[1]->declared.hooks = fewer;
	assert_int_equal(dispatch_build(&table, &f->plugins, &e), 0);
	f->shared.dispatch = &table;
	assert_int_equal(worker_fixture_resume(f, t->w->c, CS_PASS), 0);
	worker_fixture_turn(f);
	assert_string_equal(f->trace.c_str(), "hook2 open ");
	f->shared.dispatch = &f->table;
}

static void a_held_frame_without_a_route_is_refused(void **state)
{
	auto *t = test_of(state);
	struct worker_fixture *f = t->w->f.get();
	const struct dispatch_table none;

	in_force(t)->state = f;
	f->hooks[FIXTURE_HOOK_OPEN] = [](const struct cs_frame *) -> int {
		return CS_PENDING;
	};
	assert_string_equal(worker_fixture_talk(f, t->w->peer, "{\"msgid\":11,\"req\":2}\n{\"msgid\":102}\n").c_str(),
	                    "");
	f->shared.dispatch = &none;
	assert_int_equal(worker_fixture_resume(f, t->w->c, CS_PASS), 0);
	worker_fixture_turn(f);
	assert_string_equal(
		worker_fixture_receive(t->w->peer, nullptr).c_str(),
		"{\"msgid\":100,\"of\":11,\"req\":2,\"errno\":5,\"errmsg\":\"no plugin handles this msgid\"}\n"
		"{\"msgid\":103}\n");
	f->shared.dispatch = &f->table;
}

static void topics_are_those_of_who_is_in_force(void **state)
{
	auto *t = test_of(state);
	const text_parcel five("five"), six("six");
	struct cs_self *old = in_force(t);

	route_subscribe(old, 5);
	assert_int_equal(start_fresh(t, descriptor()), 0);
	struct cs_self *fresh = worker_of(t)->fresh.back().get();

	route_subscribe(fresh, 6);
	(void)route_to_all(old, 5, &five.parcel, 0);
	(void)route_to_all(old, 6, &six.parcel, 0);
	worker_fixture_turn(t->w->f.get());
	assert_story(t, "a:five ");
	plugin_publish(&t->w->f->shared, t->plugins.back().get());
	plugin_switch(worker_of(t));
	(void)route_to_all(old, 5, &five.parcel, 0);
	(void)route_to_all(old, 6, &six.parcel, 0);
	worker_fixture_turn(t->w->f.get());
	assert_story(t, "b:six ");
	route_subscribe(old, 0); /* of no use any more */
	(void)route_to_all(old, 5, &five.parcel, 0);
	worker_fixture_turn(t->w->f.get());
	assert_story(t, "");
	assert_int_equal(look(t), 0);
	assert_true(topic_find(t->w->f->shared.topics, {0, 5}).none());
}

static void a_parcel_on_its_way_is_for_the_new_one_or_is_told_as_missed(void **state)
{
	auto *t = test_of(state);
	const text_parcel text("text");
	struct cs_plugin d = descriptor();

	(void)route_to_all(in_force(t), 0, &text.parcel, 0);
	switch_over(t);
	worker_fixture_turn(t->w->f.get());
	assert_story(t, "b:text ");
	d.parcel_version = 2;
	d.cluster = on_cluster;
	(void)route_to_all(in_force(t), 0, &text.parcel, CS_ROUTE_CASUAL);
	switch_over(t, d);
	t->story.text.clear();
	worker_fixture_turn(t->w->f.get());
	assert_story(t, "");
	(void)route_to_all(worker_of(t)->leaving.back().get(), 0, &text.parcel, 0);
	worker_fixture_turn(t->w->f.get());
	assert_story(t, "b:missed ");
	(void)route_to_all(in_force(t), 0, &text.parcel, 0);
	worker_fixture_turn(t->w->f.get());
	assert_story(t, "b:text ");
}

static void nothing_is_called_of_one_that_did_not_start(void **state)
{
	auto *t = test_of(state);
	struct cs_plugin d = descriptor();

	d.start = on_start_failed;
	assert_int_equal(start_fresh(t, d), CS_EINVAL);
	plugin_drop_fresh(worker_of(t));
	assert_int_equal(look(t), 1); /* its post */
	worker_fixture_turn(t->w->f.get());
	assert_int_equal(look(t), 0);
	assert_story(t, "");
	assert_ptr_equal(in_force(t)->state, &t->old);
}

static void at_the_end_of_the_worker_those_that_leave_are_stopped_as_well(void **state)
{
	auto *t = test_of(state);

	t->story.is_busy = true;
	switch_over(t);
	t->story.text.clear();
	worker_of(t)->instances[1]->started = false; /* has no `stop` */
	plugin_stop_all(worker_of(t));
	assert_story(t, "a:stop b:stop ");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_state_is_handed_over),
		TEST(who_cannot_read_the_state_hears_of_each_session),
		TEST(posts_and_what_the_server_cannot_see_are_waited_for),
		TEST(a_pending_request_is_finished_by_who_has_it),
		TEST(a_held_frame_goes_on_behind_its_hook_even_if_the_hooks_are_others),
		TEST(a_held_frame_without_a_route_is_refused),
		TEST(topics_are_those_of_who_is_in_force),
		TEST(a_parcel_on_its_way_is_for_the_new_one_or_is_told_as_missed),
		TEST(nothing_is_called_of_one_that_did_not_start),
		TEST(at_the_end_of_the_worker_those_that_leave_are_stopped_as_well),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
