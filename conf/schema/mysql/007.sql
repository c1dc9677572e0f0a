-- SPDX-License-Identifier: MIT
-- The seventh schema: invitations to register, and banned networks.

-- code: the hash of the code; the code itself is nowhere. used of uses accounts were made with it. ends in ms.
CREATE TABLE IF NOT EXISTS register_invite (
	id BIGINT NOT NULL AUTO_INCREMENT,
	code VARBINARY(32) NOT NULL,
	uses INT NOT NULL,
	used INT NOT NULL DEFAULT 0,
	created BIGINT NOT NULL,
	ends BIGINT NOT NULL,
	PRIMARY KEY (id),
	UNIQUE KEY register_invite_code (code)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- network: 192.0.2.1, 192.0.2.0/24, 2001:db8::/64; each network has one form. ends in ms; 0: never.
CREATE TABLE IF NOT EXISTS ban (
	network VARCHAR(64) NOT NULL,
	created BIGINT NOT NULL,
	ends BIGINT NOT NULL,
	reason VARCHAR(200) NOT NULL,
	PRIMARY KEY (network)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
