-- SPDX-License-Identifier: MIT
-- The first schema: accounts, friends, conversations with their members, the message log and its cursors.
-- Times are milliseconds since 1970.
--
-- A statement that makes or changes a table commits at once here, so a file that was interrupted is run again
-- from its first line: every statement of every file must do no harm when it is run twice.
--
-- Names and cids are told apart by their bytes, blanks at the end included, which no text collation of both
-- MariaDB and MySQL does: they are VARBINARY, and hold UTF-8.

-- The id is what a person logs in with; InnoDB never gives one out twice.
CREATE TABLE IF NOT EXISTS account (
	id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
	name VARBINARY(255) NOT NULL,
	password VARBINARY(255) NOT NULL,
	generation BIGINT NOT NULL DEFAULT 0,
	created BIGINT NOT NULL,
	UNIQUE KEY account_name (name)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS friend (
	account BIGINT NOT NULL,
	friend BIGINT NOT NULL,
	PRIMARY KEY (account, friend),
	KEY friend_friend (friend),
	CONSTRAINT friend_account FOREIGN KEY (account) REFERENCES account (id),
	CONSTRAINT friend_friend FOREIGN KEY (friend) REFERENCES account (id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- kind 0 is a pair: low <= high are its accounts, name is NULL. kind 1 is a group: low and high are NULL.
CREATE TABLE IF NOT EXISTS conversation (
	id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
	kind TINYINT NOT NULL,
	name VARBINARY(255),
	description VARCHAR(1000),
	low BIGINT,
	high BIGINT,
	last_seq BIGINT NOT NULL DEFAULT 0,
	UNIQUE KEY conversation_name (name),
	UNIQUE KEY conversation_pair (low, high),
	KEY conversation_high (high),
	CONSTRAINT conversation_low FOREIGN KEY (low) REFERENCES account (id),
	CONSTRAINT conversation_high FOREIGN KEY (high) REFERENCES account (id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- role 0 is a normal member, 1 the creator. Messages up to joined_seq are not the member's.
CREATE TABLE IF NOT EXISTS member (
	conversation BIGINT NOT NULL,
	account BIGINT NOT NULL,
	role TINYINT NOT NULL,
	joined_seq BIGINT NOT NULL,
	PRIMARY KEY (conversation, account),
	KEY member_account (account),
	CONSTRAINT member_conversation FOREIGN KEY (conversation) REFERENCES conversation (id),
	CONSTRAINT member_account FOREIGN KEY (account) REFERENCES account (id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- No REFERENCES here and on cursor: the model has read the conversation in the same transaction, and these
-- are the two tables where a second look per row would be felt. A cid of the server's own is no text.
CREATE TABLE IF NOT EXISTS message (
	conversation BIGINT NOT NULL,
	seq BIGINT NOT NULL,
	sender BIGINT NOT NULL,
	cid VARBINARY(64),
	body MEDIUMTEXT NOT NULL,
	created BIGINT NOT NULL,
	PRIMARY KEY (conversation, seq),
	UNIQUE KEY message_cid (sender, cid)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- device 0 is the account's only one until clients name several.
CREATE TABLE IF NOT EXISTS `cursor` (
	account BIGINT NOT NULL,
	device INT NOT NULL DEFAULT 0,
	conversation BIGINT NOT NULL,
	delivered_seq BIGINT NOT NULL,
	read_seq BIGINT NOT NULL DEFAULT 0,
	PRIMARY KEY (account, device, conversation)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
