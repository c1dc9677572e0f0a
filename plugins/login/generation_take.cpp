/* SPDX-License-Identifier: MIT
 * The batch in which logins get their generations and devices. */
#include "generation_take.h"

#include <memory>
#include <vector>

struct generation_item {
	device_login login;
	generation_done_fn *done = nullptr;
	void *arg = nullptr;
};

/* One key for all, so that logins that wait together are one transaction. Then many logins at once slow messages down
 * only a little. */
static const uint64_t login_batch_key = UINT64_C(0x6c6f67696e);

static int login_generation_run(cs_db *db, void *const *items, size_t count, int)
{
	std::vector<device_login *> logins;

	for (size_t i = 0; i < count; i++)
		logins.push_back(&static_cast<generation_item *>(items[i])->login);
	return device_log_in(db, logins);
}

static void login_generation_done(void *state, int result, void *arg)
{
	const std::unique_ptr<generation_item> item(static_cast<generation_item *>(arg));

	if (result == 0 && item->login.user.generation == 0)
		result = MODEL_NONE;
	item->done(static_cast<login_plugin *>(state), result, item->login, item->arg);
}

static const cs_batch login_generation_batch = {"logins", login_generation_run, nullptr, login_generation_done};

int generation_take(const login_plugin *plugin, const device_login &login, generation_done_fn *done, void *arg)
{
	const plugin_context &context = plugin->context;
	auto item = std::make_unique<generation_item>(generation_item{login, done, arg});
	const int result =
		context.host->batch(context.self, &login_generation_batch, login_batch_key, item.get(), sizeof *item);

	if (result == 0)
		(void)item.release(); /* generation_done owns it now */
	return result;
}
