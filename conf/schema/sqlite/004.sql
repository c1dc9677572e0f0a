-- SPDX-License-Identifier: MIT
-- The fourth schema: tokens.

-- series: how often all tokens of the account were voided; a token has the number of its time. unnamed_series: the same
-- for those of device 0. The tokens of a named device end with its row, because its number never comes back.
ALTER TABLE account ADD COLUMN series INTEGER NOT NULL DEFAULT 0;
ALTER TABLE account ADD COLUMN unnamed_series INTEGER NOT NULL DEFAULT 0;

-- The keys of tokens: the highest number makes new ones, the others are kept until their last token has ended. created
-- in ms.
CREATE TABLE token_key (
	number INTEGER PRIMARY KEY,
	created INTEGER NOT NULL,
	bytes BLOB NOT NULL
);
