-- SPDX-License-Identifier: MIT
-- The seventh schema: invitations to register, and banned networks.

-- code: the hash of the code; the code itself is nowhere. used of uses accounts were made with it. ends in ms.
CREATE TABLE register_invite (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	code BLOB NOT NULL UNIQUE,
	uses INTEGER NOT NULL,
	used INTEGER NOT NULL DEFAULT 0,
	created INTEGER NOT NULL,
	ends INTEGER NOT NULL
);

-- network: 192.0.2.1, 192.0.2.0/24, 2001:db8::/64; each network has one form. ends in ms; 0: never.
CREATE TABLE ban (
	network TEXT NOT NULL PRIMARY KEY,
	created INTEGER NOT NULL,
	ends INTEGER NOT NULL,
	reason TEXT NOT NULL
) WITHOUT ROWID;
