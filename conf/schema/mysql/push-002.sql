-- SPDX-License-Identifier: MIT
-- The second schema of the plugin push: encrypted notices, and receivers that fail for days. It is one statement, which
-- is done or not: MySQL has no ADD COLUMN IF NOT EXISTS. If the server was killed before it could note that, the next
-- start names this file; chatserverd-plugin(3) says how to note it by hand.

-- p256dh, auth: keys of a client for which its notices are encrypted, in base64url; empty: they are not. failing: since
-- when (ms) the receiver has taken no notice without a break; failed: when the last one failed. NULL: it has taken the
-- last one.
ALTER TABLE push_target
	ADD COLUMN p256dh VARBINARY(128) NOT NULL DEFAULT '',
	ADD COLUMN auth VARBINARY(64) NOT NULL DEFAULT '',
	ADD COLUMN failing BIGINT,
	ADD COLUMN failed BIGINT;
