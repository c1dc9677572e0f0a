/* SPDX-License-Identifier: MIT
 * Runs the tests of the page in headless Chromium: node tests/web/run.mjs [part of a name]. scripts/check-web prepares it. */
import { readdirSync } from 'node:fs';
import { cpus } from 'node:os';
import { runTests } from './support/runner.mjs';

const here = new URL('.', import.meta.url);

for (const name of readdirSync(here).filter((entry) => /^test_.*\.mjs$/.test(entry)).sort())
	await import(new URL(name, here));
process.exit(await runTests(process.argv[2], Number(process.env.CS_WEB_LANES) || Math.max(2, cpus().length)));
