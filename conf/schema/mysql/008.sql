-- SPDX-License-Identifier: MIT
-- The eighth schema: what is still to be told to followers (follow() in mailbox.h of the public headers).

-- A row is there while a follower has not confirmed all entries of a conversation. seq: everything up to it was
-- confirmed, or was there before. node: the process that tells the entries; until (ms): then another one may take over.
CREATE TABLE IF NOT EXISTS follower (
	name VARBINARY(32) NOT NULL,
	conversation BIGINT NOT NULL,
	seq BIGINT NOT NULL,
	node BIGINT NOT NULL,
	until BIGINT NOT NULL,
	PRIMARY KEY (name, conversation)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
