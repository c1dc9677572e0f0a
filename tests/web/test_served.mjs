/* SPDX-License-Identifier: MIT
 * Tests how the server hands out the page. */
import assert from 'node:assert/strict';
import { readFileSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { root } from './support/modules.mjs';
import { test } from './support/runner.mjs';

const folder = path.join(root, 'tools/web');
const files = readdirSync(folder, { recursive: true }).filter((name) => statSync(path.join(folder, name)).isFile());

test('every file of the page comes with a strict policy and its type', async (world) => {
	const types = { html: 'text/html', css: 'text/css', js: 'text/javascript', svg: 'image/svg+xml', webmanifest: 'application/manifest+json' };

	for (const name of ['', ...files]) {
		const answer = await fetch(world.server.url + name);
		const policy = answer.headers.get('content-security-policy') || '';

		assert.equal(answer.status, 200, name);
		assert.ok(answer.headers.get('content-type').startsWith(types[(name || 'index.html').split('.').pop()]), name);
		assert.equal(answer.headers.get('x-content-type-options'), 'nosniff', name);
		assert.equal(answer.headers.get('referrer-policy'), 'no-referrer', name);
		assert.match(policy, /default-src 'none'/, name);
		assert.match(policy, /script-src 'self'(;|$)/, name);
		assert.match(policy, /style-src 'self'(;|$)/, name);
		assert.match(policy, /frame-ancestors 'none'/, name);
		assert.doesNotMatch(policy, /unsafe|\*/, name);
	}
});

test('the page with one language takes less than 100 KB on its way', () => {
	const sent = files.filter((name) => !/^words\/(?!en\.)/.test(name));
	const size = sent.reduce((sum, name) => sum + gzipSync(readFileSync(path.join(folder, name))).length, 0);

	assert.ok(size > 10000 && size < 100 * 1024, `it takes ${size} bytes`);
});

test('nothing but the files of the page is handed out', async (world) => {
	for (const name of ['nothing.js', '../../conf/chat.conf', '%2e%2e/%2e%2e/conf/chat.conf', '..%2fweb/index.html', 'views/'])
		assert.ok([400, 404].includes((await fetch(world.server.url + name)).status), name);
});
