-- SPDX-License-Identifier: MIT
-- The tables of the plugin push. Times are milliseconds since 1970.

-- Accounts with a device whose transport is HTTP: its messages are posted to the URL. ended: the receiver wanted no
-- more; NULL: it goes on.
CREATE TABLE push_device (
	account INTEGER PRIMARY KEY,
	url TEXT NOT NULL,
	secret TEXT NOT NULL,
	created INTEGER NOT NULL,
	ended INTEGER
);

-- Where an account is told that there is something for it while it is away. device: the name that its client gave. owner
-- and series: the number of the device whose session set it, and the series of its tokens; when those tokens are good no
-- more, nothing is sent. kind 0: a signed POST of JSON, 1: ntfy, 2: UnifiedPush. p256dh, auth: keys of a client for which
-- its notices are encrypted, in base64url; empty: they are not. failing: since when (ms) the receiver has taken no notice
-- without a break; failed: when the last one failed. NULL: it has taken the last one.
CREATE TABLE push_target (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	account INTEGER NOT NULL,
	device TEXT NOT NULL,
	owner INTEGER NOT NULL DEFAULT 0,
	series INTEGER NOT NULL DEFAULT 0,
	kind INTEGER NOT NULL,
	url TEXT NOT NULL,
	secret TEXT NOT NULL,
	preview INTEGER NOT NULL,
	created INTEGER NOT NULL,
	p256dh TEXT NOT NULL DEFAULT '',
	auth TEXT NOT NULL DEFAULT '',
	failing INTEGER,
	failed INTEGER,
	UNIQUE (account, device)
);

-- Of one conversation and one target. Everything up to told needs no notice any more; one is due for what is up to
-- wanted, if that is higher, at the time due, which a node that sends it moves on. sent: when the last one was.
-- failures: of this notice, in a row.
CREATE TABLE push_note (
	target INTEGER NOT NULL,
	conversation INTEGER NOT NULL,
	wanted INTEGER NOT NULL,
	told INTEGER NOT NULL,
	sent INTEGER NOT NULL,
	failures INTEGER NOT NULL,
	due INTEGER,
	PRIMARY KEY (target, conversation)
) WITHOUT ROWID;
CREATE INDEX push_note_due ON push_note (due) WHERE due IS NOT NULL;
