-- SPDX-License-Identifier: MIT
-- The second schema of the plugin push: encrypted notices. It does no harm when it is run twice, see 001.sql.

-- The keys of a client for which its notices are encrypted, in base64url; empty: they are not.
SET @change = IF((SELECT COUNT(*) FROM information_schema.COLUMNS
	WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'push_target' AND COLUMN_NAME = 'p256dh') > 0, 'DO 0',
	'ALTER TABLE push_target ADD COLUMN p256dh VARBINARY(128) NOT NULL DEFAULT '''',
	ADD COLUMN auth VARBINARY(64) NOT NULL DEFAULT ''''');
PREPARE next_change FROM @change;
EXECUTE next_change;
DEALLOCATE PREPARE next_change;
