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

INSERT INTO conversation (id, kind, low, high, last_seq)
SELECT n, 0, 1, 1001 + n, messages / 2 / 10000 + (n <= messages / 2 % 10000) FROM number, wanted WHERE n <= 10000;
INSERT INTO conversation (id, kind, low, high, last_seq)
SELECT 10000 + n, 0, 2 + (n - 1) / 500, 502 + (n - 1) % 500,
	messages / 2 / 250000 + (n <= messages / 2 % 250000) FROM number, wanted;

-- In the order of both keys, so that the pages are written once.
INSERT INTO message (conversation, seq, sender, cid, body, created)
SELECT id, n, low, printf('%032x', id * 1000000 + n),
	printf('{"msgid":6,"req":%08d,"id":%d,"name":"bench %d","toid":%d,"cid":"%032x","time":"2000-01-01 00:00:00",' ||
		'"msg":"%064d"}', n, low, low, high, id * 1000000 + n, n), 0
FROM conversation JOIN number ON n <= last_seq WHERE id <= 260000 ORDER BY id, n;

INSERT INTO cursor (account, conversation, delivered_seq)
SELECT low, id, last_seq FROM conversation UNION ALL SELECT high, id, last_seq FROM conversation ORDER BY 1, 2;

COMMIT;
PRAGMA wal_checkpoint (TRUNCATE);
