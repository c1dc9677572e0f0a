-- SPDX-License-Identifier: MIT
-- The third schema: devices, read marks, contacts, and groups that one can leave.
--
-- As in 002.sql, each change is a text that is run only where it has not been made yet. What fills a new table does no
-- harm when it is run twice: nobody uses the new tables before all is done.

-- id changes when the store is restored from a backup.
CREATE TABLE IF NOT EXISTS store (
	id VARBINARY(64) NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
INSERT INTO store SELECT REPLACE(UUID(), '-', '') FROM DUAL WHERE NOT EXISTS (SELECT 1 FROM store);

-- number 0 is the device without a name. A number never comes back: last_device of the account is the highest that was
-- given. last_seen: at a login, at the end of a session, or once a day in between; of number 0 at a login.
-- new_devices_until: each new device moves this time (ms) on; a minute ahead of now it is refused.
SET @change = IF((SELECT COUNT(*) FROM information_schema.COLUMNS
	WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'account' AND COLUMN_NAME = 'last_device') > 0, 'DO 0',
	'ALTER TABLE account ADD COLUMN last_device INT NOT NULL DEFAULT 0');
PREPARE next_change FROM @change;
EXECUTE next_change;
SET @change = IF((SELECT COUNT(*) FROM information_schema.COLUMNS
	WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'account' AND COLUMN_NAME = 'new_devices_until') > 0, 'DO 0',
	'ALTER TABLE account ADD COLUMN new_devices_until BIGINT NOT NULL DEFAULT 0');
PREPARE next_change FROM @change;
EXECUTE next_change;
CREATE TABLE IF NOT EXISTS device (
	account BIGINT NOT NULL,
	number INT NOT NULL,
	name VARBINARY(64) NOT NULL,
	first_seen BIGINT NOT NULL,
	last_seen BIGINT NOT NULL,
	PRIMARY KEY (account, number),
	UNIQUE KEY device_name (account, name)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- read_seq: everything up to it was read on a device of the account. shown_seq: the same, as far as the other account of
-- the pair may know. What was delivered before this schema counts as read.
CREATE TABLE IF NOT EXISTS mark (
	account BIGINT NOT NULL,
	conversation BIGINT NOT NULL,
	read_seq BIGINT NOT NULL,
	shown_seq BIGINT NOT NULL DEFAULT 0,
	PRIMARY KEY (account, conversation)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
SET @change = IF((SELECT COUNT(*) FROM information_schema.COLUMNS
	WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'cursor' AND COLUMN_NAME = 'read_seq') = 0, 'DO 0',
	'INSERT IGNORE INTO mark (account, conversation, read_seq)
		SELECT account, conversation, delivered_seq FROM `cursor` WHERE device = 0');
PREPARE next_change FROM @change;
EXECUTE next_change;
SET @change = IF((SELECT COUNT(*) FROM information_schema.COLUMNS
	WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'cursor' AND COLUMN_NAME = 'read_seq') = 0, 'DO 0',
	'ALTER TABLE `cursor` DROP COLUMN read_seq');
PREPARE next_change FROM @change;
EXECUTE next_change;

-- listed: other is a friend of account. A row is there if one of the two is 1.
CREATE TABLE IF NOT EXISTS contact (
	account BIGINT NOT NULL,
	other BIGINT NOT NULL,
	listed TINYINT NOT NULL,
	blocked TINYINT NOT NULL,
	PRIMARY KEY (account, other),
	KEY contact_listed (other, listed, account),
	KEY contact_blocked (other, blocked, account)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
-- The table friend stays, and stays empty: to drop a table takes a right that the server needs for nothing else.
INSERT IGNORE INTO contact SELECT account, friend, 1, 0 FROM friend;
DELETE FROM friend;

-- A pair has flags, a sum of: 1 low blocks high, 2 high blocks low, 4 low lists high, 8 high lists low, 16 low has
-- written, 32 high has written. The first four say what contact says, for the transaction of a message.
-- A group has the rest. members: how many there are; 0: it has ended, and its name is NULL. muted: all who are normal may
-- not write before that time. invite_only: nobody joins without an invitation. history_all: members see what was said
-- before they joined.
SET @change = IF((SELECT COUNT(*) FROM information_schema.COLUMNS
	WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'conversation' AND COLUMN_NAME = 'flags') > 0, 'DO 0',
	'ALTER TABLE conversation ADD COLUMN flags INT NOT NULL DEFAULT 0,
	ADD COLUMN members INT NOT NULL DEFAULT 0, ADD COLUMN muted BIGINT NOT NULL DEFAULT 0,
	ADD COLUMN invite_only TINYINT NOT NULL DEFAULT 0, ADD COLUMN history_all TINYINT NOT NULL DEFAULT 0');
PREPARE next_change FROM @change;
EXECUTE next_change;
UPDATE conversation c SET c.flags =
	4 * EXISTS (SELECT 1 FROM contact o WHERE o.account = c.low AND o.other = c.high)
	+ 8 * EXISTS (SELECT 1 FROM contact o WHERE o.account = c.high AND o.other = c.low)
	+ 16 * EXISTS (SELECT 1 FROM message m WHERE m.conversation = c.id AND m.sender = c.low)
	+ 32 * EXISTS (SELECT 1 FROM message m WHERE m.conversation = c.id AND m.sender = c.high)
	WHERE c.kind = 0;

-- said_seq, said and said_week: of the newest message of the conversation, which is no event: its seq, when it was sent,
-- and in which week, 1 is the first of 1970. The week is the coarse order of the conversations of an account: an index of
-- a finer one would have to be written with each message.
SET @change = IF((SELECT COUNT(*) FROM information_schema.COLUMNS
	WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'conversation' AND COLUMN_NAME = 'said') > 0, 'DO 0',
	'ALTER TABLE conversation ADD COLUMN said_seq BIGINT NOT NULL DEFAULT 0, ADD COLUMN said BIGINT NOT NULL DEFAULT 0,
	ADD COLUMN said_week INT NOT NULL DEFAULT 0, ADD KEY conversation_low_week (low, said_week, high),
	ADD KEY conversation_high_week (high, said_week, low), DROP KEY conversation_high');
PREPARE next_change FROM @change;
EXECUTE next_change;
UPDATE conversation c JOIN message m ON m.conversation = c.id AND m.seq = c.last_seq
	SET c.said_seq = m.seq, c.said = m.created, c.said_week = m.created DIV 604800000 + 1;

-- role 2 is an admin. joined_seq < seq <= left_seq are the entries of a member; left_seq is NULL while the membership
-- lasts. The row of a former member stays. joined: when; 0: before this schema. muted: may not write before that time.
SET @change = IF((SELECT COUNT(*) FROM information_schema.COLUMNS
	WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'member' AND COLUMN_NAME = 'left_seq') > 0, 'DO 0',
	'ALTER TABLE member ADD COLUMN left_seq BIGINT, ADD COLUMN joined BIGINT NOT NULL DEFAULT 0,
	ADD COLUMN banned TINYINT NOT NULL DEFAULT 0, ADD COLUMN muted BIGINT NOT NULL DEFAULT 0,
	ADD KEY member_present (conversation, left_seq, account)');
PREPARE next_change FROM @change;
EXECUTE next_change;
UPDATE conversation c SET c.members = (SELECT COUNT(*) FROM member m WHERE m.conversation = c.id) WHERE c.kind = 1;

CREATE TABLE IF NOT EXISTS invitation (
	conversation BIGINT NOT NULL,
	account BIGINT NOT NULL,
	inviter BIGINT NOT NULL,
	created BIGINT NOT NULL,
	PRIMARY KEY (conversation, account),
	KEY invitation_account (account)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- kind of a message: 0 a message; 1 a message that was recalled; 2 an event, which sessions get that asked for events.
DEALLOCATE PREPARE next_change;
