-- SPDX-License-Identifier: MIT
-- The second schema. A cid is unique in its conversation. kind and edited are for conversations that hold more than
-- messages. There are no foreign keys: the model looks at accounts and conversations itself, and the locks that such
-- keys take on other tables are in an order of their own.
--
-- MySQL has no IF NOT EXISTS here. So each change is a text that is run only where it has not been made yet.

-- kind 0 is a message. edited is the seq of the last change of the row, or NULL.
SET @change = IF((SELECT COUNT(*) FROM information_schema.COLUMNS
	WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'message' AND COLUMN_NAME = 'kind') > 0, 'DO 0',
	'ALTER TABLE message ADD COLUMN kind TINYINT NOT NULL DEFAULT 0, ADD COLUMN edited BIGINT');
PREPARE next_change FROM @change;
EXECUTE next_change;

SET @change = IF((SELECT COUNT(*) FROM information_schema.STATISTICS
	WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'message' AND INDEX_NAME = 'message_sender_cid') > 0, 'DO 0',
	'ALTER TABLE message ADD UNIQUE KEY message_sender_cid (conversation, sender, cid), DROP KEY message_cid');
PREPARE next_change FROM @change;
EXECUTE next_change;

SET @change = IF((SELECT COUNT(*) FROM information_schema.TABLE_CONSTRAINTS
	WHERE TABLE_SCHEMA = DATABASE() AND CONSTRAINT_NAME = 'friend_account') = 0, 'DO 0',
	'ALTER TABLE friend DROP FOREIGN KEY friend_account, DROP FOREIGN KEY friend_friend, DROP KEY friend_friend');
PREPARE next_change FROM @change;
EXECUTE next_change;

SET @change = IF((SELECT COUNT(*) FROM information_schema.TABLE_CONSTRAINTS
	WHERE TABLE_SCHEMA = DATABASE() AND CONSTRAINT_NAME = 'conversation_low') = 0, 'DO 0',
	'ALTER TABLE conversation DROP FOREIGN KEY conversation_low, DROP FOREIGN KEY conversation_high');
PREPARE next_change FROM @change;
EXECUTE next_change;

SET @change = IF((SELECT COUNT(*) FROM information_schema.TABLE_CONSTRAINTS
	WHERE TABLE_SCHEMA = DATABASE() AND CONSTRAINT_NAME = 'member_conversation') = 0, 'DO 0',
	'ALTER TABLE member DROP FOREIGN KEY member_conversation, DROP FOREIGN KEY member_account');
PREPARE next_change FROM @change;
EXECUTE next_change;

DEALLOCATE PREPARE next_change;
