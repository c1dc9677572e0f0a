/* SPDX-License-Identifier: MIT
 * Hands the sessions to the instance that replaces this one. Requests that are under way end here; what they change in
 * a session is sent after it. Keys of tokens are not handed over: the new instance reads them from the store. */
#include "login_save.h"

#include <string>

#include "../shared/saved.h"
#include "login.h"
#include "named.h"

static constexpr uint64_t login_saved_form = 1;

/* The sessions stay, for requests that are under way: each of these holds its connection. */
static void login_leave(login_plugin *p)
{
	p->leaves = true;
	named_stop(p);
	p->due.clear();
	p->seen.clear();
	p->formers.clear();
	p->unchecked.clear();
	p->doubtful.clear();
	p->check_again = false;
}

static void login_save_sessions(const login_plugin *p, std::string *bytes)
{
	saved_add(bytes, p->sessions.size());
	for (const auto &[conn, session] : p->sessions) {
		saved_add(bytes, conn);
		saved_add(bytes, session.account);
		saved_add_time(bytes, session.due);
		saved_add(bytes, session.series);
		saved_add(bytes, session.device);
		saved_add(bytes, session.has_token);
	}
}

struct cs_shared *login_save(void *state)
{
	login_plugin *p = static_cast<login_plugin *>(state);
	std::string bytes;

	saved_add(&bytes, login_saved_form);
	saved_add_time(&bytes, p->next_check);
	saved_add_time(&bytes, p->next_sweep);
	login_save_sessions(p, &bytes);
	saved_add(&bytes, p->seen.size());
	for (const auto &[account, device] : p->seen) {
		saved_add(&bytes, account);
		saved_add(&bytes, device);
	}
	saved_add(&bytes, p->formers.size());
	for (const auto &[account, former] : p->formers) {
		saved_add(&bytes, account);
		saved_add(&bytes, former.series.all);
		saved_add(&bytes, former.series.unnamed);
		saved_add(&bytes, former.was_locked);
		saved_add_time(&bytes, former.until);
	}
	login_leave(p);
	return p->context.host->share(bytes.data(), bytes.size());
}

static void login_restore_session(login_plugin *p, saved_reader *r)
{
	const cs_conn conn = saved_take(r);
	login_session *session = &p->sessions[conn];

	session->account = saved_take(r);
	session->due = saved_take_time(r);
	session->series = saved_take(r);
	session->device = static_cast<uint32_t>(saved_take(r));
	session->has_token = saved_take(r) != 0;
	if (session->due)
		p->due.emplace(session->due, conn);
}

static void login_restore_former(login_plugin *p, saved_reader *r)
{
	login_former *former = &p->formers[saved_take(r)];

	former->series.all = saved_take(r);
	former->series.unnamed = saved_take(r);
	former->was_locked = saved_take(r) != 0;
	former->until = saved_take_time(r);
}

int login_restore(void *state, const struct cs_shared *saved)
{
	login_plugin *p = static_cast<login_plugin *>(state);
	saved_reader r(saved);

	if (saved_take(&r) != login_saved_form)
		return CS_EINVAL;
	p->next_check = saved_take_time(&r);
	p->next_sweep = saved_take_time(&r);
	for (uint64_t count = saved_take_count(&r); count > 0 && !r.is_cut; count--)
		login_restore_session(p, &r);
	for (uint64_t count = saved_take_count(&r); count > 0 && !r.is_cut; count--) {
		const uint64_t account = saved_take(&r);

		p->seen.emplace(account, saved_take(&r));
	}
	for (uint64_t count = saved_take_count(&r); count > 0 && !r.is_cut; count--)
		login_restore_former(p, &r);
	if (saved_is_whole(r))
		return 0;
	p->sessions.clear();
	p->due.clear();
	p->seen.clear();
	p->formers.clear();
	return CS_EINVAL;
}

/* The mailbox calls a function of it when it has read a page. */
int login_busy(void *state)
{
	login_plugin *p = static_cast<login_plugin *>(state);

	login_leave(p);
	return p->pages > 0;
}
