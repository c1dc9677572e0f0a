-- SPDX-License-Identifier: MIT
-- The fifth schema: how long a group keeps its log.
--
-- As in 002.sql, the change of a table is a text that is run only where it has not been made yet.

-- keep: ms; 0: as the option says; -1: for ever.
SET @change = IF((SELECT COUNT(*) FROM information_schema.COLUMNS
	WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'conversation' AND COLUMN_NAME = 'keep') > 0, 'DO 0',
	'ALTER TABLE conversation ADD COLUMN keep BIGINT NOT NULL DEFAULT 0, ADD KEY conversation_keep (keep, id)');
PREPARE next_change FROM @change;
EXECUTE next_change;
DEALLOCATE PREPARE next_change;
