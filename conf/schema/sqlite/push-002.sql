-- SPDX-License-Identifier: MIT
-- The second schema of the plugin push: encrypted notices, and receivers that fail for days.

-- The keys of a client for which its notices are encrypted, in base64url; empty: they are not.
ALTER TABLE push_target ADD COLUMN p256dh TEXT NOT NULL DEFAULT '';
ALTER TABLE push_target ADD COLUMN auth TEXT NOT NULL DEFAULT '';

-- failing: since when (ms) the receiver has taken no notice without a break; failed: when the last one failed. NULL: it
-- has taken the last one.
ALTER TABLE push_target ADD COLUMN failing INTEGER;
ALTER TABLE push_target ADD COLUMN failed INTEGER;
