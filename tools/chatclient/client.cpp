/* SPDX-License-Identifier: MIT
 * Decides when the login, the requests and the confirmations are sent, and when everything is done. */
#include "client.h"

#include <algorithm>

#include <chatserverd/msgid.h>

#include "random.h"
#include "text.h"

static const timeval client_ping_time = {30, 0};
static const timeval client_tell_time = {0, 100000};

uint64_t client_new_req(client *cl)
{
	return ++cl->last_req;
}

static void client_on_up(void *arg)
{
	client *const cl = static_cast<client *>(arg);

	cl->draining = false;
	cl->ended_for = nullptr;
	cl->told_lost = false;
	cl->was_up = true;
	view_connected(&cl->vw, cl->cn.to.host, cl->cn.to.port);
	client_turn(cl);
}

/* Without a login and without requests there is no use in a new connection: the server would end it too. */
static bool client_rests(const client *cl)
{
	return cl->ended_for != nullptr && cl->se.state == SESSION_OUT && cl->ob.entries.empty();
}

static void client_on_down(void *arg, const char *reason)
{
	client *const cl = static_cast<client *>(arg);

	if (client_rests(cl))
		connection_rest(&cl->cn);
	if (cl->ended_for)
		reason = cl->ended_for;
	if (!cl->told_lost)
		view_disconnected(&cl->vw, reason, client_rests(cl));
	cl->told_lost = true;
	cl->lost_reason = reason;
	client_finish_logout(cl);
	outbox_drop_raw(&cl->ob);
	outbox_forget_sent(&cl->ob);
	inbox_forget_told(&cl->ib);
	cl->unnamed.clear(); /* they come again */
	if (cl->se.state != SESSION_OUT)
		cl->se.state = SESSION_WANTED;
	if (cl->cn.is_hopeless && !cl->was_up && cl->vw.plain)
		(void)event_base_loopbreak(cl->base);
	else
		client_turn(cl);
}

void client_tell_delivered(client *cl)
{
	if (cl->se.state != SESSION_IN)
		return;
	for (inbox_conversation *const one : inbox_due(&cl->ib)) {
		one->told = one->shown;
		one->told_req = client_new_req(cl);
		request rq = request_begin(CS_MSGID_DELIVERED, one->told_req);
		request_add_integer(&rq, "id", cl->se.id);
		request_add_integer(&rq, one->is_group ? "groupid" : "peer", static_cast<uint64_t>(one->with));
		request_add_integer(&rq, "seq", static_cast<uint64_t>(one->shown));
		connection_send(&cl->cn, request_end(&rq));
	}
}

static void client_on_tell(evutil_socket_t, short, void *arg)
{
	client_tell_delivered(static_cast<client *>(arg));
}

static void client_on_read(evutil_socket_t, short, void *arg)
{
	client_send_read(static_cast<client *>(arg));
}

static void client_on_fade(evutil_socket_t, short, void *arg)
{
	client_turn(static_cast<client *>(arg));
}

static void client_on_ping(evutil_socket_t, short, void *arg)
{
	client *const cl = static_cast<client *>(arg);
	request rq = request_begin(CS_MSGID_PING, client_new_req(cl));

	connection_send(&cl->cn, request_end(&rq));
}

static void client_on_wake(evutil_socket_t, short, void *arg)
{
	client_turn(static_cast<client *>(arg));
}

static void client_on_patience(evutil_socket_t, short, void *arg)
{
	client *const cl = static_cast<client *>(arg);

	if (client_is_owed(cl))
		(void)event_base_loopbreak(cl->base);
}

/* After progress the server gets the full time again. */
void client_note_progress(client *cl)
{
	if (!cl->finishing || cl->vw.plain)
		(void)event_del(cl->patience.get());
}

static bool client_login_is_due(const client *cl)
{
	return (cl->se.state == SESSION_WANTED || cl->se.state == SESSION_ASKED) && !cl->se.was_in;
}

bool client_is_owed(const client *cl)
{
	return !cl->ob.entries.empty() || !cl->held.empty() || !inbox_is_confirmed(&cl->ib) ||
	       (cl->vw.plain && client_login_is_due(cl)) || (cl->connection_is_owed && !cl->was_up);
}

bool client_is_busy(const client *cl)
{
	static const size_t enough = 128;

	return outbox_holds_back(&cl->ob) || !cl->held.empty() || cl->ob.entries.size() >= enough ||
	       client_login_is_due(cl);
}

static void client_send_due(client *cl, int64_t now)
{
	if (cl->se.state == SESSION_WANTED && cl->se.not_before <= now)
		client_send_login(cl);
	const uint64_t account = cl->se.state == SESSION_IN ? cl->se.id : 0;
	while (outbox_entry *const entry = outbox_next(&cl->ob, account, now)) {
		if (entry->msgid == CS_MSGID_LOGOUT)
			client_tell_delivered(cl);
		outbox_mark_sent(entry);
		connection_send(&cl->cn, entry->frame);
	}
	if (!inbox_due(&cl->ib).empty() && !event_pending(cl->tell.get(), EV_TIMEOUT, nullptr))
		(void)event_add(cl->tell.get(), &client_tell_time);
}

static void client_time_wake(client *cl, int64_t now)
{
	int64_t first = outbox_wake_time(&cl->ob, now);

	if (cl->se.state == SESSION_WANTED && cl->se.not_before > now)
		first = first == -1 ? cl->se.not_before : std::min(first, cl->se.not_before);
	if (first == -1)
		return;
	const timeval wait = {(first - now) / 1000, (first - now) % 1000 * 1000};
	(void)event_add(cl->wake.get(), &wait);
}

static void client_time_patience(client *cl)
{
	const timeval wait = {static_cast<time_t>(cl->opts->patience), 0};

	if (!client_is_owed(cl))
		(void)event_del(cl->patience.get());
	else if (cl->vw.plain && !event_pending(cl->patience.get(), EV_TIMEOUT, nullptr))
		(void)event_add(cl->patience.get(), &wait);
}

/* A server that is going away still answers the requests that it has. After that the client leaves. */
static bool client_leaves_draining(client *cl)
{
	if (!cl->draining || outbox_count_sent(&cl->ob) > 0 || cl->se.state == SESSION_ASKED)
		return false;
	connection_lose(&cl->cn, "the server is going away");
	return true;
}

void client_wake(client *cl)
{
	if (!connection_resume(&cl->cn))
		return;
	cl->ended_for = nullptr;
	cl->told_lost = false;
}

void client_turn(client *cl)
{
	const int64_t now = text_steady_clock();

	if (cl->cn.is_up && client_leaves_draining(cl))
		return; /* connection_lose has called client_turn already */
	if (cl->ob.entries.empty())
		cl->ob.one_at_a_time = false;
	if (cl->cn.is_up && !cl->draining) {
		client_send_due(cl, now);
		client_time_wake(cl, now);
	}
	client_time_patience(cl);
	cl->finished = cl->finishing && !client_is_owed(cl);
	if (cl->finished)
		(void)event_base_loopbreak(cl->base);
	else
		cl->calls->ready(cl->arg);
}

int client_open(client *cl, const options *opts, event_base *base, const client_calls *calls, void *arg)
{
	static const connection_calls connection_table = {client_on_up, client_on_frame, client_on_down};

	cl->opts = opts;
	cl->base = base;
	cl->calls = calls;
	cl->arg = arg;
	cl->cn.to = opts->to;
	cl->ping.reset(event_new(base, -1, EV_PERSIST, client_on_ping, cl));
	cl->wake.reset(event_new(base, -1, 0, client_on_wake, cl));
	cl->tell.reset(event_new(base, -1, 0, client_on_tell, cl));
	cl->fade.reset(event_new(base, -1, 0, client_on_fade, cl));
	cl->read.reset(event_new(base, -1, 0, client_on_read, cl));
	cl->patience.reset(event_new(base, -1, 0, client_on_patience, cl));
	if (!cl->ping || !cl->wake || !cl->tell || !cl->read || !cl->fade || !cl->patience ||
	    event_add(cl->ping.get(), &client_ping_time) != 0)
		return -1;
	return connection_open(&cl->cn, base, &connection_table, cl);
}

void client_finish(client *cl, int64_t patience_seconds)
{
	const timeval wait = {static_cast<time_t>(patience_seconds), 0};

	cl->finishing = true;
	(void)event_add(cl->patience.get(), &wait);
	client_tell_delivered(cl);
	client_turn(cl);
}

status client_status(const client *cl)
{
	if (cl->stream_failed)
		return STATUS_STREAM;
	if (client_is_owed(cl) || (cl->cn.is_hopeless && !cl->was_up && cl->vw.plain))
		return cl->cn.is_up ? STATUS_UNACKNOWLEDGED : STATUS_DISCONNECTED;
	return cl->unexpected ? STATUS_UNEXPECTED : cl->refused && cl->vw.plain ? STATUS_REFUSED : STATUS_OK;
}

void client_close(client *cl)
{
	connection_close(&cl->cn);
}
