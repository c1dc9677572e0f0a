-- SPDX-License-Identifier: MIT
-- The second schema of the plugin push: encrypted notices.

-- The keys of a client for which its notices are encrypted, in base64url; empty: they are not.
ALTER TABLE push_target ADD COLUMN p256dh TEXT NOT NULL DEFAULT '';
ALTER TABLE push_target ADD COLUMN auth TEXT NOT NULL DEFAULT '';
