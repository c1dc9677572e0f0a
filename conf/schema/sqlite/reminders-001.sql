-- SPDX-License-Identifier: MIT
-- The table of the example plugin reminders. due: milliseconds since 1970; NULL: at the recipient's next login.

CREATE TABLE reminders_reminder (
	account INTEGER NOT NULL,
	cid TEXT NOT NULL,
	recipient INTEGER NOT NULL,
	due INTEGER,
	text TEXT NOT NULL,
	PRIMARY KEY (account, cid)
) WITHOUT ROWID;
CREATE INDEX reminders_due ON reminders_reminder (due);
CREATE INDEX reminders_recipient ON reminders_reminder (recipient, due);
