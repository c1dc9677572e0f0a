-- SPDX-License-Identifier: MIT
-- Fills a store of MariaDB as rows-sqlite.sql does one of SQLite; @messages says how many.
SET SESSION unique_checks = 0, sql_log_bin = 0;

INSERT INTO account (id, name, password, created)
SELECT seq, CONCAT('bench ', seq), password, 0
FROM seq_2_to_11001, (SELECT password FROM account WHERE id = 1) AS first;

INSERT INTO conversation (id, kind, low, high, last_seq)
SELECT seq, 0, 1, 1001 + seq, @messages DIV 20000 + (seq <= @messages DIV 2 % 10000) FROM seq_1_to_10000;
INSERT INTO conversation (id, kind, low, high, last_seq)
SELECT 10000 + seq, 0, 2 + (seq - 1) DIV 500, 502 + (seq - 1) % 500,
	@messages DIV 500000 + (seq <= @messages DIV 2 % 250000) FROM seq_1_to_250000;

-- In the order of both keys, so that the pages are written once.
INSERT INTO message (conversation, seq, sender, cid, body, created)
SELECT id, seq, low, LPAD(HEX(id * 1000000 + seq), 32, '0'),
	CONCAT('{"msgid":6,"req":', LPAD(seq, 8, '1'), ',"id":', low, ',"name":"bench ', low, '","toid":', high, ',"cid":"',
		LPAD(HEX(id * 1000000 + seq), 32, '0'), '","time":"2000-01-01 00:00:00","msg":"', LPAD(seq, 64, '0'), '"}'),
	id % 52 * 604800000
FROM conversation STRAIGHT_JOIN seq_1_to_1000 ON seq <= last_seq WHERE id <= 260000;

-- Each conversation was used in one of 52 weeks.
UPDATE conversation SET said_seq = last_seq, said = id % 52 * 604800000, said_week = id % 52 + 1 WHERE id <= 260000;

INSERT INTO `cursor` (account, conversation, delivered_seq)
SELECT low, id, last_seq FROM conversation UNION ALL SELECT high, id, last_seq FROM conversation ORDER BY 1, 2;
