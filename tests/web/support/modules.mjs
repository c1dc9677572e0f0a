/* SPDX-License-Identifier: MIT
 * Where the build is, and the packages of npm, which scripts/check-web installs there. */
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import path from 'node:path';

export const root = fileURLToPath(new URL('../../..', import.meta.url));
export const build = path.resolve(root, process.env.CS_BUILD || 'build');

const require = createRequire(path.join(build, 'tests/web/package.json'));

export const { chromium } = require('playwright-core');
export const { WebSocket } = require('ws');
export const axePath = require.resolve('axe-core/axe.min.js');
