-- SPDX-License-Identifier: MIT
-- The tables of the plugin push. Times are milliseconds since 1970. It does no harm when it is run twice, see 001.sql.

-- Accounts with a device whose transport is HTTP: its messages are posted to the URL. ended: the receiver wanted no
-- more; NULL: it goes on.
CREATE TABLE IF NOT EXISTS push_device (
	account BIGINT NOT NULL PRIMARY KEY,
	url VARBINARY(1024) NOT NULL,
	secret VARBINARY(64) NOT NULL,
	created BIGINT NOT NULL,
	ended BIGINT
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Where an account is told that there is something for it while it is away. device: the name that its client gave. owner
-- and series: the number of the device whose session set it, and the series of its tokens; when those tokens are good no
-- more, nothing is sent. kind 0: a signed POST of JSON, 1: ntfy, 2: UnifiedPush. p256dh, auth: keys of a client for which
-- its notices are encrypted, in base64url; empty: they are not. failing: since when (ms) the receiver has taken no notice
-- without a break; failed: when the last one failed. NULL: it has taken the last one.
CREATE TABLE IF NOT EXISTS push_target (
	id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
	account BIGINT NOT NULL,
	device VARBINARY(64) NOT NULL,
	owner BIGINT NOT NULL DEFAULT 0,
	series BIGINT NOT NULL DEFAULT 0,
	kind TINYINT NOT NULL,
	url VARBINARY(1024) NOT NULL,
	secret VARBINARY(64) NOT NULL,
	preview TINYINT NOT NULL,
	created BIGINT NOT NULL,
	p256dh VARBINARY(128) NOT NULL DEFAULT '',
	auth VARBINARY(64) NOT NULL DEFAULT '',
	failing BIGINT,
	failed BIGINT,
	UNIQUE KEY push_target_device (account, device)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Of one conversation and one target. Everything up to told needs no notice any more; one is due for what is up to
-- wanted, if that is higher, at the time due, which a node that sends it moves on. sent: when the last one was.
-- failures: of this notice, in a row.
CREATE TABLE IF NOT EXISTS push_note (
	target BIGINT NOT NULL,
	conversation BIGINT NOT NULL,
	wanted BIGINT NOT NULL,
	told BIGINT NOT NULL,
	sent BIGINT NOT NULL,
	failures INT NOT NULL,
	due BIGINT,
	PRIMARY KEY (target, conversation),
	KEY push_note_due (due)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
