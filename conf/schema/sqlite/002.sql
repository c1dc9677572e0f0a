-- SPDX-License-Identifier: MIT
-- The second schema: a message is a body, which is appended, and a narrow row in the tree of its conversation. The last
-- seq of a conversation is read from that tree. A cid is unique in its conversation.

-- In the order in which they were stored. edited is the seq of the last change, or NULL.
CREATE TABLE body (
	id INTEGER PRIMARY KEY,
	created INTEGER NOT NULL,
	edited INTEGER,
	body TEXT NOT NULL
);

-- k has no type, so it keeps that of its value.
-- A number is the seq of an entry: owner is 0, ref is the id of its body, kind 0 is a message.
-- A text is the cid of a message: owner is its sender, ref is its seq, the rest is NULL.
-- SQLite orders numbers before texts. So the entries of a conversation lie side by side, and its cids behind them;
-- k < '' finds the entries.
CREATE TABLE entry (
	conversation INTEGER NOT NULL,
	k NOT NULL,
	owner INTEGER NOT NULL,
	ref INTEGER NOT NULL,
	sender INTEGER,
	kind INTEGER,
	PRIMARY KEY (conversation, k, owner)
) WITHOUT ROWID;

-- Both statements number the messages in the same order.
INSERT INTO body (id, created, body)
	SELECT row_number() OVER (ORDER BY created, conversation, seq), created, body FROM message;
INSERT INTO entry (conversation, k, owner, ref, sender, kind)
	SELECT conversation, seq AS k, 0, row_number() OVER (ORDER BY created, conversation, seq), sender, 0 FROM message
	UNION ALL SELECT conversation, cid, sender, seq, NULL, NULL FROM message WHERE cid IS NOT NULL
	ORDER BY 1, 2;

DROP TABLE message;
ALTER TABLE conversation DROP COLUMN last_seq;

-- For readers: the log and the conversations as one table each, as MySQL has them.
CREATE VIEW message AS
	SELECT e.conversation, e.k AS seq, e.sender, e.kind, b.created, b.edited, b.body
	FROM entry e JOIN body b ON b.id = e.ref WHERE e.k < '';
CREATE VIEW conversation_state AS
	SELECT c.*, COALESCE((SELECT k FROM entry WHERE conversation = c.id AND k < '' ORDER BY k DESC LIMIT 1), 0)
		AS last_seq
	FROM conversation c;
