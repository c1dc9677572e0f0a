-- SPDX-License-Identifier: MIT
-- The first schema: accounts, friends, conversations with their members, the message log and its cursors.
-- Times are milliseconds since 1970. Tables whose rows are found by their whole key carry no rowid.

-- AUTOINCREMENT: the id is what a person logs in with, so it never comes back for somebody else.
CREATE TABLE account (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	name TEXT NOT NULL UNIQUE,
	password TEXT NOT NULL,
	generation INTEGER NOT NULL DEFAULT 0,
	created INTEGER NOT NULL
);

CREATE TABLE friend (
	account INTEGER NOT NULL REFERENCES account (id),
	friend INTEGER NOT NULL REFERENCES account (id),
	PRIMARY KEY (account, friend)
) WITHOUT ROWID;

-- kind 0 is a pair: low <= high are its accounts, name is NULL. kind 1 is a group: low and high are NULL.
CREATE TABLE conversation (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	kind INTEGER NOT NULL,
	name TEXT UNIQUE,
	description TEXT,
	low INTEGER REFERENCES account (id),
	high INTEGER REFERENCES account (id),
	last_seq INTEGER NOT NULL DEFAULT 0,
	UNIQUE (low, high)
);
CREATE INDEX conversation_high ON conversation (high) WHERE high IS NOT NULL;

-- role 0 is a normal member, 1 the creator. Messages up to joined_seq are not the member's.
CREATE TABLE member (
	conversation INTEGER NOT NULL REFERENCES conversation (id),
	account INTEGER NOT NULL REFERENCES account (id),
	role INTEGER NOT NULL,
	joined_seq INTEGER NOT NULL,
	PRIMARY KEY (conversation, account)
) WITHOUT ROWID;
CREATE INDEX member_account ON member (account);

-- No REFERENCES here and on cursor: the model has read the conversation in the same transaction, and these
-- are the two tables where a second look per row would be felt.
CREATE TABLE message (
	conversation INTEGER NOT NULL,
	seq INTEGER NOT NULL,
	sender INTEGER NOT NULL,
	cid TEXT,
	body TEXT NOT NULL,
	created INTEGER NOT NULL,
	PRIMARY KEY (conversation, seq)
) WITHOUT ROWID;
CREATE UNIQUE INDEX message_cid ON message (sender, cid) WHERE cid IS NOT NULL;

-- device 0 is the account's only one until clients name several.
CREATE TABLE cursor (
	account INTEGER NOT NULL,
	device INTEGER NOT NULL DEFAULT 0,
	conversation INTEGER NOT NULL,
	delivered_seq INTEGER NOT NULL,
	read_seq INTEGER NOT NULL DEFAULT 0,
	PRIMARY KEY (account, device, conversation)
) WITHOUT ROWID;
