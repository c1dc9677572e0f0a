-- SPDX-License-Identifier: MIT
-- Fills a store with messages for scripts/bench-long; wanted.messages says how many. Account 1 exists. It gets 10,000
-- conversations with half of the messages. The others are those of accounts 2 to 501 with accounts 502 to 1001, each
-- with each. Everything is delivered. All have the password of account 1.
PRAGMA cache_size = -262144;
PRAGMA synchronous = OFF;
BEGIN;

CREATE TEMP TABLE number (n INTEGER PRIMARY KEY);
WITH RECURSIVE counter (n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM counter WHERE n < 250000)
INSERT INTO number SELECT n FROM counter;

INSERT INTO account (id, name, password, created)
SELECT n, 'bench ' || n, (SELECT password FROM account WHERE id = 1), 0 FROM number WHERE n BETWEEN 2 AND 11001;

-- The conversations, with what the store keeps in the log only.
CREATE TEMP TABLE talk (id INTEGER PRIMARY KEY, low, high, last_seq);
INSERT INTO talk
SELECT n, 1, 1001 + n, messages / 2 / 10000 + (n <= messages / 2 % 10000) FROM number, wanted WHERE n <= 10000;
INSERT INTO talk
SELECT 10000 + n, 2 + (n - 1) / 500, 502 + (n - 1) % 500,
	messages / 2 / 250000 + (n <= messages / 2 % 250000) FROM number, wanted;

-- Each conversation was used in one of 52 weeks.
INSERT INTO conversation (id, kind, low, high, said_week) SELECT id, 0, low, high, id % 52 + 1 FROM talk;

-- Each conversation got its first message, then each its second. Each table is filled in the order of its key, so
-- that the pages are written once.
INSERT INTO body (id, created, body)
SELECT n * 260000 + id, id % 52 * 604800000,
	printf('{"msgid":6,"req":%08d,"id":%d,"name":"bench %d","toid":%d,"cid":"%032x","time":"2000-01-01 00:00:00",' ||
		'"msg":"%064d"}', n, low, low, high, id * 1000000 + n, n)
FROM number CROSS JOIN talk
WHERE n <= (SELECT max(last_seq) FROM talk) AND n <= last_seq
	AND id <= iif(n <= (SELECT max(last_seq) FROM talk WHERE id > 10000), 260000, 10000);
INSERT INTO entry (conversation, k, owner, ref, sender, kind)
SELECT id, iif(is_cid, printf('%032x', id * 1000000 + n), n), iif(is_cid, low, 0), iif(is_cid, n, n * 260000 + id),
	iif(is_cid, NULL, low), iif(is_cid, NULL, 0)
FROM talk CROSS JOIN (SELECT 0 AS is_cid UNION ALL SELECT 1) CROSS JOIN number WHERE n <= last_seq;

INSERT INTO cursor (account, conversation, delivered_seq)
SELECT low, id, last_seq FROM talk UNION ALL SELECT high, id, last_seq FROM talk ORDER BY 1, 2;

COMMIT;
PRAGMA wal_checkpoint (TRUNCATE);
