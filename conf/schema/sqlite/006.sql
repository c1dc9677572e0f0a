-- SPDX-License-Identifier: MIT
-- The sixth schema: accounts that an operator has locked, and the erasing of accounts.

-- locked: 0 no; 1 by an operator; 2 it is being erased; 3 it was erased. Nobody logs in as an account that is not 0.
ALTER TABLE account ADD COLUMN locked INTEGER NOT NULL DEFAULT 0;
ALTER TABLE account ADD COLUMN lock_reason TEXT NOT NULL DEFAULT '';

-- A row for each account that is being erased. conversation, seq: everything of the account up to there is blank.
-- lease: ms; until then the node that has set it goes on with the work.
CREATE TABLE erasing (
	account INTEGER PRIMARY KEY REFERENCES account (id),
	conversation INTEGER NOT NULL DEFAULT 0,
	seq INTEGER NOT NULL DEFAULT 0,
	lease INTEGER NOT NULL DEFAULT 0
);

-- flags of a pair: 64 one of the two was erased, so nobody writes there any more.
