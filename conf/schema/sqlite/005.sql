-- SPDX-License-Identifier: MIT
-- The fifth schema: how long a group keeps its log.

-- keep: ms; 0: as the option says; -1: for ever.
ALTER TABLE conversation ADD COLUMN keep INTEGER NOT NULL DEFAULT 0;
CREATE INDEX conversation_keep ON conversation (id) WHERE keep > 0;
