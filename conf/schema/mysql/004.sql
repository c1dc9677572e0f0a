-- SPDX-License-Identifier: MIT
-- The fourth schema: tokens.
--
-- As in 002.sql, the change of a table is a text that is run only where it has not been made yet.

-- series: how often all tokens of the account were voided; a token has the number of its time. unnamed_series: the same
-- for those of device 0. The tokens of a named device end with its row, because its number never comes back.
SET @change = IF((SELECT COUNT(*) FROM information_schema.COLUMNS
	WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'account' AND COLUMN_NAME = 'series') > 0, 'DO 0',
	'ALTER TABLE account ADD COLUMN series INT NOT NULL DEFAULT 0,
	ADD COLUMN unnamed_series INT NOT NULL DEFAULT 0');
PREPARE next_change FROM @change;
EXECUTE next_change;

-- The keys of tokens: the highest number makes new ones, the others are kept until their last token has ended. created
-- in ms.
CREATE TABLE IF NOT EXISTS token_key (
	number INT NOT NULL,
	created BIGINT NOT NULL,
	bytes VARBINARY(32) NOT NULL,
	PRIMARY KEY (number)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
DEALLOCATE PREPARE next_change;
