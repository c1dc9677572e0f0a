-- SPDX-License-Identifier: MIT
-- The table of the example plugin reminders. due: milliseconds since 1970; NULL: at the recipient's next login.
-- An id is never used again: the cid of the message is made of it.
-- It does no harm when it is run twice, see 001.sql.

CREATE TABLE IF NOT EXISTS reminders_reminder (
	id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
	account BIGINT NOT NULL,
	cid VARBINARY(64) NOT NULL,
	recipient BIGINT NOT NULL,
	due BIGINT,
	text TEXT NOT NULL,
	UNIQUE KEY reminders_cid (account, cid),
	KEY reminders_due (due),
	KEY reminders_recipient (recipient, due)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
