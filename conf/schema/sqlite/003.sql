-- SPDX-License-Identifier: MIT
-- The third schema: devices, read marks, contacts, and groups that one can leave.

-- id changes when the store is restored from a backup.
CREATE TABLE store (
	id TEXT NOT NULL
);
INSERT INTO store VALUES (lower(hex(randomblob(16))));

-- number 0 is the device without a name. A number never comes back: last_device of the account is the highest that was
-- given. last_seen: at a login, at the end of a session, or once a day in between; of number 0 at a login.
-- new_devices_until: each new device moves this time (ms) on; a minute ahead of now it is refused.
ALTER TABLE account ADD COLUMN last_device INTEGER NOT NULL DEFAULT 0;
ALTER TABLE account ADD COLUMN new_devices_until INTEGER NOT NULL DEFAULT 0;
CREATE TABLE device (
	account INTEGER NOT NULL REFERENCES account (id),
	number INTEGER NOT NULL,
	name TEXT NOT NULL,
	first_seen INTEGER NOT NULL,
	last_seen INTEGER NOT NULL,
	PRIMARY KEY (account, number),
	UNIQUE (account, name)
) WITHOUT ROWID;

-- read_seq: everything up to it was read on a device of the account. shown_seq: the same, as far as the other account of
-- the pair may know. What was delivered before this schema counts as read.
CREATE TABLE mark (
	account INTEGER NOT NULL,
	conversation INTEGER NOT NULL,
	read_seq INTEGER NOT NULL,
	shown_seq INTEGER NOT NULL DEFAULT 0,
	PRIMARY KEY (account, conversation)
) WITHOUT ROWID;
INSERT INTO mark (account, conversation, read_seq)
	SELECT account, conversation, delivered_seq FROM cursor WHERE device = 0;
ALTER TABLE cursor DROP COLUMN read_seq;

-- listed: other is a friend of account. A row is there if one of the two is 1.
CREATE TABLE contact (
	account INTEGER NOT NULL REFERENCES account (id),
	other INTEGER NOT NULL REFERENCES account (id),
	listed INTEGER NOT NULL,
	blocked INTEGER NOT NULL,
	PRIMARY KEY (account, other)
) WITHOUT ROWID;
INSERT INTO contact SELECT account, friend, 1, 0 FROM friend;
DROP TABLE friend;
CREATE INDEX contact_listed ON contact (other, listed, account);
CREATE INDEX contact_blocked ON contact (other, blocked, account);

-- A pair has flags, a sum of: 1 low blocks high, 2 high blocks low, 4 low lists high, 8 high lists low, 16 low has
-- written, 32 high has written. The first four say what contact says, for the transaction of a message.
-- A group has the rest. members: how many there are; 0: it has ended, and its name is NULL. muted: all who are normal may
-- not write before that time. invite_only: nobody joins without an invitation. history_all: members see what was said
-- before they joined.
ALTER TABLE conversation ADD COLUMN flags INTEGER NOT NULL DEFAULT 0;
ALTER TABLE conversation ADD COLUMN members INTEGER NOT NULL DEFAULT 0;
ALTER TABLE conversation ADD COLUMN muted INTEGER NOT NULL DEFAULT 0;
ALTER TABLE conversation ADD COLUMN invite_only INTEGER NOT NULL DEFAULT 0;
ALTER TABLE conversation ADD COLUMN history_all INTEGER NOT NULL DEFAULT 0;
UPDATE conversation SET flags =
	4 * EXISTS (SELECT 1 FROM contact WHERE account = low AND other = high)
	+ 8 * EXISTS (SELECT 1 FROM contact WHERE account = high AND other = low)
	+ 16 * EXISTS (SELECT 1 FROM entry WHERE conversation = conversation.id AND k < '' AND sender = low)
	+ 32 * EXISTS (SELECT 1 FROM entry WHERE conversation = conversation.id AND k < '' AND sender = high)
	WHERE kind = 0;

-- said_week: the week of the newest message, 1 is the first of 1970; 0: there is none. It is the coarse order of the
-- conversations of an account: a finer one would cost each message a write.
ALTER TABLE conversation ADD COLUMN said_week INTEGER NOT NULL DEFAULT 0;
UPDATE conversation SET said_week = COALESCE((SELECT b.created FROM entry e JOIN body b ON b.id = e.ref
	WHERE e.conversation = conversation.id AND e.k < '' ORDER BY e.k DESC LIMIT 1) / 604800000 + 1, 0);
DROP INDEX conversation_high;
CREATE INDEX conversation_high ON conversation (high, said_week, low) WHERE high IS NOT NULL;
CREATE INDEX conversation_low ON conversation (low, said_week, high) WHERE low IS NOT NULL;

-- role 2 is an admin. joined_seq < seq <= left_seq are the entries of a member; left_seq is NULL while the membership
-- lasts. The row of a former member stays. joined: when; 0: before this schema. muted: may not write before that time.
ALTER TABLE member ADD COLUMN left_seq INTEGER;
ALTER TABLE member ADD COLUMN joined INTEGER NOT NULL DEFAULT 0;
ALTER TABLE member ADD COLUMN banned INTEGER NOT NULL DEFAULT 0;
ALTER TABLE member ADD COLUMN muted INTEGER NOT NULL DEFAULT 0;
CREATE INDEX member_present ON member (conversation, left_seq, account);
UPDATE conversation SET members = (SELECT COUNT(*) FROM member WHERE conversation = conversation.id) WHERE kind = 1;

CREATE TABLE invitation (
	conversation INTEGER NOT NULL REFERENCES conversation (id),
	account INTEGER NOT NULL REFERENCES account (id),
	inviter INTEGER NOT NULL,
	created INTEGER NOT NULL,
	PRIMARY KEY (conversation, account)
) WITHOUT ROWID;
CREATE INDEX invitation_account ON invitation (account);

-- kind of an entry: 0 a message; 1 a message that was recalled; 2 an event, which sessions get that asked for events.
