-- SPDX-License-Identifier: MIT
-- The eighth schema: what is still to be told to followers (follow() in mailbox.h of the public headers).

-- A row is there while a follower has not confirmed all entries of a conversation. seq: everything up to it was
-- confirmed, or was there before. node: the process that tells the entries; until (ms): then another one may take over.
CREATE TABLE follower (
	name TEXT NOT NULL,
	conversation INTEGER NOT NULL,
	seq INTEGER NOT NULL,
	node INTEGER NOT NULL,
	until INTEGER NOT NULL,
	PRIMARY KEY (name, conversation)
) WITHOUT ROWID;
