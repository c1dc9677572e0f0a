/* SPDX-License-Identifier: MIT
 * The statements on the table token_key. */
#include "tokens.h"

#include "devices.h"
#include "dialect.h"
#include "sql.h"

/* Columns: number, created, bytes. */
static int token_key_take(void *arg, const cs_db_value *columns, size_t)
{
	static_cast<token_secrets *>(arg)->keys.push_back(
		{sql_number_of(columns[0]), columns[1].integer, std::string(sql_text_of(columns[2]))});
	return 0;
}

/* ending: of the SELECT. */
static int token_keys_read(cs_db *db, const char *ending, token_secrets *secrets_r)
{
	const std::string text =
		std::string("SELECT number, created, bytes FROM token_key ORDER BY number DESC") + ending;

	secrets_r->keys.clear();
	return sql_run(db, text.c_str(), {}, token_key_take, secrets_r);
}

int token_secrets_read(cs_db *db, token_secrets *secrets_r)
{
	const int result = token_keys_read(db, "", secrets_r);

	return result ? result : device_store_id(db, &secrets_r->store);
}

static int token_key_remove_former(cs_db *db, int64_t former, const token_secrets &secrets)
{
	for (size_t i = 0; i + 1 < secrets.keys.size(); i++)
		if (secrets.keys[i].created < former)
			return sql_run(db, "DELETE FROM token_key WHERE number < ?",
			               {sql_integer(secrets.keys[i].number)});
	return 0;
}

/* In MySQL another node may have the same number at the same time: this INSERT waits for it and then does nothing, and
 * only a SELECT that locks sees the key of the other node. */
static int token_key_add(cs_db *db, std::string_view bytes, int64_t now, const token_secrets &secrets)
{
	const uint64_t number = secrets.keys.empty() ? 1 : secrets.keys.front().number + 1;
	const std::string text =
		"INSERT INTO token_key (number, created, bytes) VALUES (?, ?, ?)" + dialect_or_nothing(db, "number");
	const cs_db_value blob = {CS_DB_BLOB, 0, bytes.data(), bytes.size()};

	return sql_run(db, text.c_str(), {sql_integer(number), sql_integer(static_cast<uint64_t>(now)), blob});
}

int token_secrets_renew(cs_db *db, std::string_view bytes, int64_t now, int64_t newest, int64_t former,
                        token_secrets *secrets_r)
{
	int result = token_keys_read(db, "", secrets_r);

	if (!result && (secrets_r->keys.empty() || secrets_r->keys.front().created < newest)) {
		result = token_key_add(db, bytes, now, *secrets_r);
		if (!result)
			result = token_keys_read(db, dialect_for_share(db), secrets_r);
	}
	if (!result)
		result = token_key_remove_former(db, former, *secrets_r);
	return result ? result : device_store_id(db, &secrets_r->store);
}
