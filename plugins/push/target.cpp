/* SPDX-License-Identifier: MIT
 * SET_PUSH and PUSHES: where an account is told that there is something for it while it is away. */
#include "push.h"

#include <algorithm>
#include <array>
#include <utility>

#include "document.h"
#include "encrypt.h"
#include "sign.h"

/* In bytes. */
static constexpr size_t target_url_most = 1024;
static constexpr size_t target_device_most = 64;

/* By push_kind. */
static const std::array<std::string_view, 3> target_kinds = {"post", "ntfy", "unifiedpush"};

struct target_request {
	cs_request request = {};
	push_target target;
	size_t most = 0;
	std::vector<push_target> targets;
};

using target_request_ptr = std::unique_ptr<target_request>;

static int target_run(const push_plugin *p, const cs_frame *frame, cs_work_kind kind, cs_work_fn *fn, cs_done_fn *done,
                      target_request_ptr r)
{
	const plugin_context &c = p->context;

	r->request = frame->request;
	r->target.account = frame->account;
	r->target.owner = frame->device;
	const int result = c.host->work(c.self, frame->conn, kind, fn, done, r.get());
	if (result)
		return c.host->refuse_result(c.self, frame->conn, &frame->request, result);
	(void)r.release(); /* done owns it now */
	return CS_PENDING;
}

static int target_set_store(cs_db *db, void *arg)
{
	const target_request *r = static_cast<target_request *>(arg);

	return r->target.url.empty() ? push_target_remove(db, r->target.account, r->target.device)
	                             : push_target_set(db, r->target, r->most);
}

/* The secret is told once, and only where something is signed with it. */
static void target_set_stored(void *state, cs_conn conn, int result, void *arg)
{
	const target_request_ptr r(static_cast<target_request *>(arg));
	const plugin_context &c = static_cast<push_plugin *>(state)->context;
	const bool is_told = !r->target.url.empty() && r->target.kind == PUSH_POST;

	if (result == 0)
		c.host->answer(c.self, conn, &r->request,
		               is_told ? (",\"secret\":\"" + r->target.secret + "\"").c_str() : "");
	else if (result == MODEL_FULL)
		(void)c.host->refuse(c.self, conn, &r->request, CS_ERRNO_FULL,
		                     "this account has %zu receivers of notices, which is the most", r->most);
	else
		(void)c.host->refuse_result(c.self, conn, &r->request, result);
	(void)c.host->finish(c.self, conn);
}

static int target_refuse(const push_plugin *p, const cs_frame *frame, int wire_errno, const char *text)
{
	const plugin_context &c = p->context;

	return c.host->refuse(c.self, frame->conn, &frame->request, wire_errno, "%s", text);
}

/* 0, or CS_REJECT after the request was refused. The kind is known. */
static int target_read_keys(const push_plugin *p, const cs_frame *frame, push_target *target)
{
	const plugin_context &c = p->context;
	std::string_view p256dh, auth;
	encrypt_keys keys;

	if (!c.host->has(frame, "p256dh") && !c.host->has(frame, "auth"))
		return 0;
	if (target->kind != PUSH_UNIFIED)
		return target_refuse(p, frame, CS_ERRNO_BAD_FRAME, "p256dh and auth are for kind unifiedpush only");
	if (field_text(c, frame, "p256dh", FIELD_REQUIRED, &p256dh) ||
	    field_text(c, frame, "auth", FIELD_REQUIRED, &auth))
		return CS_REJECT;
	if (const char *fault = encrypt_read_keys(p256dh, auth, &keys))
		return target_refuse(p, frame, CS_ERRNO_BAD_FRAME, fault);
	target->p256dh = p256dh;
	target->auth = auth;
	return 0;
}

/* 0, or CS_REJECT after the request was refused. */
static int target_read(const push_plugin *p, const cs_frame *frame, push_target *target)
{
	const plugin_context &c = p->context;
	std::string_view url, kind = target_kinds[PUSH_POST], device;
	int preview = 0;

	if (field_text(c, frame, "url", FIELD_OPTIONAL, &url) || field_text(c, frame, "kind", FIELD_OPTIONAL, &kind) ||
	    field_flag(c, frame, "preview", FIELD_OPTIONAL, &preview) ||
	    field_text(c, frame, "device", FIELD_OPTIONAL, &device))
		return CS_REJECT;
	const auto known = std::find(target_kinds.begin(), target_kinds.end(), kind);
	if (known == target_kinds.end())
		return target_refuse(p, frame, CS_ERRNO_BAD_FRAME, "kind must be post, ntfy or unifiedpush");
	if (url.size() > target_url_most || device.size() > target_device_most)
		return target_refuse(p, frame, CS_ERRNO_TOO_LONG, "url has at most 1024 bytes, device at most 64");
	if (c.host->has(frame, "url") && !http_url_is_good(url, target_url_most))
		return target_refuse(p, frame, CS_ERRNO_BAD_FRAME, "url must be an http or https URL");
	target->device = device;
	target->kind = static_cast<push_kind>(known - target_kinds.begin());
	target->url = url;
	target->preview = preview != 0;
	return target_read_keys(p, frame, target);
}

int push_on_set_push(void *state, const cs_frame *frame)
{
	const push_plugin *p = static_cast<push_plugin *>(state);
	auto r = std::make_unique<target_request>();

	if (!p->conf->away)
		return target_refuse(p, frame, CS_ERRNO_NOT_ALLOWED, "this server sends no notices");
	if (target_read(p, frame, &r->target))
		return CS_REJECT;
	r->target.secret = sign_make_secret().c_str();
	r->target.created = p->context.host->now();
	r->most = static_cast<size_t>(p->conf->max_targets);
	return target_run(p, frame, CS_WORK_WRITE, target_set_store, target_set_stored, std::move(r));
}

static int target_list_read(cs_db *db, void *arg)
{
	target_request *r = static_cast<target_request *>(arg);

	return push_target_list(db, r->target.account, &r->targets);
}

/* A URL can hold a secret, which another device of the account need not learn; nor the keys. */
static void target_listed(void *state, cs_conn conn, int result, void *arg)
{
	const target_request_ptr r(static_cast<target_request *>(arg));
	const plugin_context &c = static_cast<push_plugin *>(state)->context;
	std::string more = ",\"pushes\":[";

	for (const push_target &target : r->targets) {
		more += more.back() == '[' ? "{\"device\":" : ",{\"device\":";
		document_quote(&more, target.device);
		more += ",\"kind\":\"" + std::string(target_kinds[target.kind]) + "\",\"receiver\":";
		document_quote(&more, http_url_origin(target.url));
		more += std::string(",\"preview\":") + (target.preview ? "true" : "false") +
		        ",\"encrypted\":" + (target.p256dh.empty() ? "false" : "true") +
		        ",\"since\":" + std::to_string(target.created) + "}";
	}
	if (result == 0)
		c.host->answer(c.self, conn, &r->request, (more + "]").c_str());
	else
		(void)c.host->refuse_result(c.self, conn, &r->request, result);
	(void)c.host->finish(c.self, conn);
}

int push_on_pushes(void *state, const cs_frame *frame)
{
	const push_plugin *p = static_cast<push_plugin *>(state);

	if (frame->request.req < 0)
		return target_refuse(p, frame, CS_ERRNO_BAD_FRAME, "req is missing");
	return target_run(p, frame, CS_WORK_READ, target_list_read, target_listed, std::make_unique<target_request>());
}
