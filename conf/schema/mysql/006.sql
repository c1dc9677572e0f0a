-- SPDX-License-Identifier: MIT
-- The sixth schema: accounts that an operator has locked, and the erasing of accounts.

-- locked: 0 no; 1 by an operator; 2 it is being erased; 3 it was erased. Nobody logs in as an account that is not 0.
SET @change = IF((SELECT COUNT(*) FROM information_schema.COLUMNS
	WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'account' AND COLUMN_NAME = 'locked') > 0, 'DO 0',
	'ALTER TABLE account ADD COLUMN locked TINYINT NOT NULL DEFAULT 0,
	ADD COLUMN lock_reason VARCHAR(200) NOT NULL DEFAULT ''''');
PREPARE next_change FROM @change;
EXECUTE next_change;

-- A row for each account that is being erased. conversation, seq: everything of the account up to there is blank.
-- lease: ms; until then the node that has set it goes on with the work.
CREATE TABLE IF NOT EXISTS erasing (
	account BIGINT NOT NULL PRIMARY KEY,
	conversation BIGINT NOT NULL DEFAULT 0,
	seq BIGINT NOT NULL DEFAULT 0,
	lease BIGINT NOT NULL DEFAULT 0
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- flags of a pair: 64 one of the two was erased, so nobody writes there any more.
DEALLOCATE PREPARE next_change;
