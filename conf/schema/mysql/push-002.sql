-- SPDX-License-Identifier: MIT
-- The second schema of the plugin push: encrypted notices, and receivers that fail for days. It does no harm when it is
-- run twice, see 001.sql.

-- p256dh, auth: keys of a client for which its notices are encrypted, in base64url; empty: they are not. failing: since
-- when (ms) the receiver has taken no notice without a break; failed: when the last one failed. NULL: it has taken the
-- last one.
SET @change = IF((SELECT COUNT(*) FROM information_schema.COLUMNS
	WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'push_target' AND COLUMN_NAME = 'p256dh') > 0, 'DO 0',
	'ALTER TABLE push_target ADD COLUMN p256dh VARBINARY(128) NOT NULL DEFAULT '''',
	ADD COLUMN auth VARBINARY(64) NOT NULL DEFAULT '''',
	ADD COLUMN failing BIGINT,
	ADD COLUMN failed BIGINT');
PREPARE next_change FROM @change;
EXECUTE next_change;
DEALLOCATE PREPARE next_change;
