/* SPDX-License-Identifier: MIT
 * Watches how long the certificate is still valid. */
#include "certificate.h"

static constexpr int64_t tls_certificate_hour_ms = INT64_C(3600000);
static constexpr int64_t tls_certificate_day_ms = 24 * tls_certificate_hour_ms;
static constexpr int64_t tls_certificate_warn_days = 14;

/* Whole days; below 0 once it is over. */
static int64_t tls_certificate_days(int64_t left_ms)
{
	return left_ms >= 0 ? left_ms / tls_certificate_day_ms : -1 - (-1 - left_ms) / tls_certificate_day_ms;
}

static void tls_certificate_look(void *state, void *)
{
	auto *t = static_cast<struct tls *>(state);

	if (!t->context)
		return;
	const int64_t now = t->host->now(), days = tls_certificate_days(t->context->end_ms - now);

	t->host->gauge(t->self, "certificate_expiry_timestamp_seconds",
	               "When the certificate expires: seconds since 1970.", t->context->end_ms / 1000);
	if (days > tls_certificate_warn_days || now / tls_certificate_day_ms == t->told_day)
		return;
	t->told_day = now / tls_certificate_day_ms;
	if (days < 0)
		t->host->log(t->self, CS_LOG_ERROR,
		             "the certificate has expired: renew it, then send SIGHUP days=%lld file=%s",
		             static_cast<long long>(days), t->conf->certificate);
	else
		t->host->log(t->self, CS_LOG_WARNING,
		             "the certificate ends soon: renew it, then send SIGHUP days=%lld file=%s",
		             static_cast<long long>(days), t->conf->certificate);
}

static bool tls_certificate_is_mine(const struct tls *t)
{
	return t->host->worker(t->self) == 0;
}

static void tls_certificate_tell(struct tls *t)
{
	if (t->context && t->context->is_key_open)
		t->host->log(t->self, CS_LOG_WARNING,
		             "every user of this machine can read the private key: chmod o-r file=%s",
		             *t->conf->key != '\0' ? t->conf->key : t->conf->certificate);
	if (t->context && t->context->begin_ms > t->host->now())
		t->host->log(
			t->self, CS_LOG_WARNING,
			"the certificate is not valid yet: clients refuse it until then, look at the clock file=%s",
			t->conf->certificate);
	tls_certificate_look(t, nullptr);
}

void tls_certificate_watch(struct tls *t)
{
	if (!tls_certificate_is_mine(t))
		return;
	(void)t->host->timer_add(t->self, tls_certificate_hour_ms, 1, tls_certificate_look, nullptr);
	tls_certificate_tell(t);
}

void tls_certificate_changed(struct tls *t)
{
	if (!tls_certificate_is_mine(t))
		return;
	t->told_day = -1;
	tls_certificate_tell(t);
}
