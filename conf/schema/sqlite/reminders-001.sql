-- SPDX-License-Identifier: MIT
-- The table of the example plugin reminders. due: milliseconds since 1970; NULL: at the recipient's next login.
-- An id is never used again: the cid of the message is made of it.

CREATE TABLE reminders_reminder (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	account INTEGER NOT NULL,
	cid TEXT NOT NULL,
	recipient INTEGER NOT NULL,
	due INTEGER,
	text TEXT NOT NULL,
	UNIQUE (account, cid)
);
CREATE INDEX reminders_due ON reminders_reminder (due);
CREATE INDEX reminders_recipient ON reminders_reminder (recipient, due);
