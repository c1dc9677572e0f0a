/* SPDX-License-Identifier: MIT
 * Waiting for conditions. */

/* A machine that does other things meanwhile is slow; no test fails for that. */
export const patience = 30000 * Number(process.env.CS_TEST_PATIENCE || 1);

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/* Calls probe until what it returns is true, and returns that. What it throws counts as "not yet". */
export async function until(what, probe) {
	const end = Date.now() + patience;
	let last = '';

	for (;;) {
		try {
			const found = await probe();

			if (found)
				return found;
			last = `it is ${JSON.stringify(found)}`;
		} catch (error) {
			last = error.message;
		}
		if (Date.now() > end)
			throw new Error(`waited in vain for ${what}: ${last}`);
		await pause(20);
	}
}
