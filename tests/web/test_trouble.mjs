/* SPDX-License-Identifier: MIT
 * Tests that nothing is lost or doubled on the page when the node dies, the network goes, or the page is loaded again. */
import assert from 'node:assert/strict';
import { cpSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { clientChat, clientDo, clientEnter, clientHistory, clientLogin, connectTcp, FIND_USER } from './support/client.mjs';
import { root } from './support/modules.mjs';
import { pageDraft, pageEnter, pageFind, pageMessage, pageOnline, pageOpen, pageRetry, pageSay, pageSayAnyhow, pageSees, pageTexts } from './support/page.mjs';
import { relayAsked, relayCut, relayHang, relayHangAt, relayMend, relayRelease, startRelay } from './support/relay.mjs';
import { serverKill, serverRun } from './support/server.mjs';
import { test } from './support/runner.mjs';
import { until } from './support/wait.mjs';

async function find(client, name) {
	return (await clientDo(client, { msgid: FIND_USER, name })).account;
}

/* The texts of the whole log, as a client of its own reads it. */
async function stored(world, name, peer) {
	const client = world.keep(await connectTcp(world.server));

	await clientLogin(client, name, 'a good secret', { device: 'reader' });
	return (await clientHistory(client, { peer: await find(client, peer) })).map((frame) => frame.msg);
}

test('while the node is killed and started again sends go on, and nothing is lost or doubled', async (world) => {
	const ann = await pageEnter(world, 'ann'), ben = await pageEnter(world, 'ben');
	const expected = ['the beginning'];

	await pageFind(ann, 'ben');
	await pageSay(ann, 'the beginning');
	await pageOpen(ben, 'ann');
	await pageSees(ben, 'the beginning');
	for (let round = 0; round < 3; round++) {
		/* Some are sent right before the node dies: whether they were stored is unknown to the page. */
		for (let i = 0; i < 3; i++) {
			await pageSayAnyhow(ann, `ann ${round} ${i}`);
			await pageSayAnyhow(ben, `ben ${round} ${i}`);
		}
		await serverKill(world.server);
		for (let i = 3; i < 6; i++) {
			await pageSayAnyhow(ann, `ann ${round} ${i}`);
			await pageSayAnyhow(ben, `ben ${round} ${i}`);
		}
		await serverRun(world.server);
		for (let i = 0; i < 6; i++)
			expected.push(`ann ${round} ${i}`, `ben ${round} ${i}`);
		await pageRetry(ann);
		await pageRetry(ben);
		await until('both pages to show all', async () =>
			(await pageTexts(ann)).length >= expected.length && (await pageTexts(ben)).length >= expected.length);
	}
	const log = await stored(world, 'ann', 'ben');

	assert.deepEqual([...log].sort(), [...expected].sort());
	for (const page of [ann, ben])
		await until('the page to show what the store has', async () => JSON.stringify(await pageTexts(page)) === JSON.stringify(log));
	for (const who of ['ann', 'ben'])
		assert.deepEqual(log.filter((text) => text.startsWith(`${who} `)), expected.filter((text) => text.startsWith(`${who} `)));
}, { patience: 6 });

test('the page connects at once when the browser is online again', async (world) => {
	const relay = world.keep(await startRelay(world.server));
	const ann = await pageEnter(world, 'ann', { url: relay.url });
	const ben = world.keep(await clientEnter(world.server, 'ben'));
	const id = await find(ben, 'ann');

	await clientChat(ben, id, 'before');
	await pageOpen(ann, 'ben');
	await pageSees(ann, 'before');
	await ann.context.setOffline(true);
	relayCut(relay);
	await pageOnline(ann, false);
	await clientChat(ben, id, 'meanwhile');
	await pageSayAnyhow(ann, 'from the cellar');
	const state = () => ann.view.getByRole('region', { name: 'No connection.' }).innerText();

	await until('the pauses between attempts to grow', async () => Number(/in (\d+) s/.exec(await state())?.[1]) >= 3);
	relayMend(relay);
	/* What the page says when it has heard of it, and whether it has begun to say so in that moment. */
	await ann.view.evaluate(() => {
		const wait = document.querySelector('.banner .wait');
		let changed = 0;

		new MutationObserver(() => { changed = performance.now(); }).observe(wait, { childList: true });
		window.addEventListener('online', (event) => { window.heard ??= [wait.textContent, changed >= event.timeStamp]; });
	});
	await ann.context.setOffline(false);
	await pageOnline(ann, true);
	assert.deepEqual(await ann.view.evaluate(() => window.heard), ['Connecting…', true]);
	await pageSees(ann, 'meanwhile');
	await until('the message to be sent', async () => (await pageMessage(ann, 'from the cellar')).state === 'sent');
	assert.deepEqual((await pageTexts(ann)).sort(), ['before', 'from the cellar', 'meanwhile']);
	assert.deepEqual(await stored(world, 'ann', 'ben'), ['before', 'meanwhile', 'from the cellar']);
});

test('an attempt that hangs since the network was lost is given up when the browser is online again', async (world) => {
	const relay = world.keep(await startRelay(world.server));
	const ann = await pageEnter(world, 'ann', { url: relay.url });

	await ann.context.setOffline(true);
	relayCut(relay);
	await pageOnline(ann, false);
	relayHang(relay);
	await ann.context.setOffline(false);
	await until('an attempt that hangs', () => relay.hanging > 0);
	/* It is old enough not to be taken for one that was made just now. */
	await until('it to be old', () => Date.now() - relay.hangs > 1200);
	relayMend(relay);
	await ann.context.setOffline(true);
	await ann.context.setOffline(false);
	await pageOnline(ann, true);
	/* By itself the page gives an attempt up after ten seconds. */
	assert.ok(Date.now() - relay.hangs < 10000, 'it waits for the old attempt');
});

test('what is said of a lost connection stands in one line on a phone', async (world) => {
	const relay = world.keep(await startRelay(world.server));
	const ann = await pageEnter(world, 'ann', { url: relay.url, size: 'phone' });

	relayCut(relay);
	await pageOnline(ann, false);
	const { height } = await ann.view.getByRole('region', { name: 'No connection.' }).boundingBox();

	assert.ok(height <= 56, `it is ${height} px high`);
	relayMend(relay);
	await pageRetry(ann);
	await pageOnline(ann, true);
});

test('what is said of a lost connection stays while the page tries to connect', async (world) => {
	const relay = world.keep(await startRelay(world.server));
	const ann = await pageEnter(world, 'ann', { url: relay.url });

	await ann.view.evaluate(() => {
		const banner = document.querySelector('.banner');

		window.hidings = 0;
		new MutationObserver(() => { window.hidings += banner.hidden; }).observe(banner, { attributeFilter: ['hidden'] });
	});
	relayCut(relay);
	relayHang(relay);
	await until('an attempt that hangs', () => relay.hanging > 0);
	await until('it to be told', () => ann.view.evaluate(() => document.querySelector('.banner .wait')?.textContent === 'Connecting…'));
	assert.equal(await ann.view.evaluate(() => window.hidings), 0);
	assert.ok(await ann.view.getByRole('region', { name: 'No connection.' }).isVisible());
});

test('Retry connects at once', async (world) => {
	const relay = world.keep(await startRelay(world.server));
	const ann = await pageEnter(world, 'ann', { url: relay.url });

	relayCut(relay);
	await pageOnline(ann, false);
	relayMend(relay);
	await pageRetry(ann);
	await pageOnline(ann, true);
});

test('drafts and what was not sent yet outlive a reload, also without a network', async (world) => {
	const relay = world.keep(await startRelay(world.server));
	const ann = await pageEnter(world, 'ann', { url: relay.url });
	const ben = world.keep(await clientEnter(world.server, 'ben')), cid = world.keep(await clientEnter(world.server, 'cid'));
	const id = await find(ben, 'ann');

	await clientChat(cid, id, 'from cid');
	await clientChat(ben, id, 'from ben');
	await pageOpen(ann, 'cid');
	await pageSees(ann, 'from cid');
	await pageDraft(ann, 'half a thou');
	await pageOpen(ann, 'ben');
	await pageSees(ann, 'from ben');
	await ann.view.evaluate(() => navigator.serviceWorker?.ready.then(() => true));
	relayCut(relay);
	await pageOnline(ann, false);
	await pageSayAnyhow(ann, 'to be sent later');
	await pageSayAnyhow(ann, 'and after that');
	await ann.view.reload();
	await pageOpen(ann, 'ben');
	await pageSees(ann, 'from ben');
	await pageSees(ann, 'and after that');
	await pageOpen(ann, 'cid');
	await until('the draft', async () => await pageDraft(ann) === 'half a thou');
	relayMend(relay);
	await pageRetry(ann);
	await pageOnline(ann, true);
	await pageOpen(ann, 'ben');
	await until('both to be sent', async () => (await pageMessage(ann, 'and after that')).state === 'sent');
	assert.deepEqual(await stored(world, 'ann', 'ben'), ['from ben', 'to be sent later', 'and after that']);
	assert.deepEqual(await pageTexts(ann), ['from ben', 'to be sent later', 'and after that']);
});

test('what came and was typed right before a reload is there after it, also without a network', async (world) => {
	const relay = world.keep(await startRelay(world.server));
	const ann = await pageEnter(world, 'ann', { url: relay.url });
	const ben = world.keep(await clientEnter(world.server, 'ben'));
	const id = await find(ben, 'ann');

	await clientChat(ben, id, 'one');
	await pageOpen(ann, 'ben');
	await pageSees(ann, 'one');
	await ann.view.evaluate(() => navigator.serviceWorker?.ready.then(() => true));
	for (const text of ['two', 'three'])
		await clientChat(ben, id, text);
	await pageSees(ann, 'three');
	for (const text of ['half', 'half a thou'])
		await pageDraft(ann, text);
	relayCut(relay);
	await ann.view.reload();
	await pageOpen(ann, 'ben');
	await pageSees(ann, 'three');
	assert.deepEqual(await pageTexts(ann), ['one', 'two', 'three']);
	assert.equal(await pageDraft(ann), 'half a thou');
});

/* Serves the page anew, as after an upgrade: each file says which version it is of. */
async function serveVersion(world, version) {
	const { server } = world, folder = path.join(server.folder, 'page');
	const marks = {
		html: (text) => text.replace('<head>', `<head>\n<meta name="version" content="${version}">`),
		js: (text) => `${text}\nglobalThis.versions = [...globalThis.versions ?? [], ${version}];\n`,
		css: (text) => `${text}\n:root { --version: ${version}; }\n`,
	};

	cpSync(path.join(root, 'tools/web'), folder, { recursive: true });
	for (const name of readdirSync(folder, { recursive: true }).filter((entry) => entry !== 'worker.js')) {
		const mark = marks[name.split('.')[1]], file = path.join(folder, name);

		if (mark)
			writeFileSync(file, mark(readFileSync(file, 'utf8')));
	}
	const given = `websocket.root=${folder}`;

	if (!server.options.includes(given))
		server.options.push(given);
	await serverKill(server);
	await serverRun(server);
}

/* Of how many versions the files are that the page consists of: one of each is told. */
function pageVersions(page) {
	return page.view.evaluate(() => [...new Set([
		document.querySelector('meta[name=version]').content, getComputedStyle(document.documentElement).getPropertyValue('--version').trim(),
		...globalThis.versions.map(String),
	])]);
}

/* Opens the page until it is of this version: a slow machine may take what was kept before. */
function pageBecomes(page, version) {
	return until(`the page of version ${version}`, async () => {
		await page.view.goto(page.url);
		await pageOnline(page, true);
		return (await pageVersions(page)).join() === version;
	});
}

/* What a file says that the page asks for now. */
function pageAsks(page, file) {
	return page.view.evaluate(async (name) => (await fetch(name)).text(), file);
}

/* Until the browser keeps this version, and no other. */
function keptVersion(page, version) {
	return until(`version ${version} to be kept`, () => page.view.evaluate(async (wanted) => {
		const names = await caches.keys();
		const texts = await Promise.all(names.map(async (cacheName) =>
			await caches.match('./?complete', { cacheName }) && (await caches.match('words/zh.js', { cacheName })).text()));

		return !!navigator.serviceWorker.controller && texts.length === 1 && texts[0]?.endsWith(`, ${wanted}];\n`);
	}, version));
}

test('on a network that hangs the page opens from what was kept, which is renewed when the network answers', async (world) => {
	const relay = world.keep(await startRelay(world.server));

	await serveVersion(world, 1);
	const ann = await pageEnter(world, 'ann', { url: relay.url });
	const ben = world.keep(await clientEnter(world.server, 'ben'));

	await clientChat(ben, await find(ben, 'ann'), 'long ago');
	await pageOpen(ann, 'ben');
	await pageSees(ann, 'long ago');
	await keptVersion(ann, 1);
	await serveVersion(world, 2);
	relayCut(relay);
	await pageOnline(ann, false);
	relayHang(relay);
	await ann.view.reload();
	await pageOpen(ann, 'ben');
	await pageSees(ann, 'long ago');
	/* No other file had to be waited for. */
	assert.deepEqual(relayAsked(relay).filter((asked) => asked !== '/worker.js' && asked !== '/ws'), ['/']);
	assert.deepEqual(await pageVersions(ann), ['1']);
	relayRelease(relay, world.server);
	await keptVersion(ann, 2);
	await pageRetry(ann);
	await pageOnline(ann, true);
	await ann.view.reload();
	await pageOnline(ann, true);
	assert.deepEqual(await pageVersions(ann), ['2']);
}, { patience: 4 });

test('after an upgrade all files of a page are of one version, whatever hangs or fails while it opens', async (world) => {
	const relay = world.keep(await startRelay(world.server));

	await serveVersion(world, 1);
	const ann = await pageEnter(world, 'ann', { url: relay.url });

	await keptVersion(ann, 1);
	await serveVersion(world, 2);
	/* The page itself is answered, and one of its files is not. */
	relayHangAt(relay, '/chat.js');
	await ann.view.reload();
	await pageOnline(ann, true);
	assert.deepEqual(await pageVersions(ann), ['1']);
	/* What this page asks for after all was renewed is what it began with. */
	relayRelease(relay, world.server);
	await keptVersion(ann, 2);
	assert.match(await pageAsks(ann, 'words/zh.js'), /, 1\];\n$/);
	await ann.view.reload();
	await pageOnline(ann, true);
	assert.deepEqual(await pageVersions(ann), ['2']);
	/* A renewal that ends half way leaves what was kept as it was. */
	await serveVersion(world, 3);
	relayHangAt(relay, '/words/zh.js');
	await ann.view.reload();
	await pageOnline(ann, true);
	relayCut(relay);
	await pageOnline(ann, false);
	await keptVersion(ann, 2);
	await ann.view.goto(`${relay.url}?x`);
	await pageOnline(ann, false);
	assert.deepEqual(await pageVersions(ann), ['2']);
	/* What was kept by one address is renewed by another. */
	relayMend(relay);
	await pageBecomes(ann, '3');
	relayCut(relay);
	await ann.view.goto(`${relay.url}?x`);
	await pageOnline(ann, false);
	assert.deepEqual(await pageVersions(ann), ['3']);
}, { patience: 4 });

test('a full disk keeps no new version of the page away', async (world) => {
	await serveVersion(world, 1);
	const ann = await pageEnter(world, 'ann');
	const devtools = await ann.context.newCDPSession(ann.view);

	await keptVersion(ann, 1);
	await devtools.send('Storage.overrideQuotaForOrigin', { origin: new URL(world.server.url).origin, quotaSize: 1 });
	await serveVersion(world, 2);
	await pageBecomes(ann, '2');
});

test('a browser that has no room hinders nothing', async (world) => {
	const context = await world.browser.newContext({ locale: 'en-US' }), blank = await context.newPage();
	const devtools = await context.newCDPSession(blank);

	await devtools.send('Storage.overrideQuotaForOrigin', { origin: new URL(world.server.url).origin, quotaSize: 1 });
	const ann = await pageEnter(world, 'ann', { context });
	const ben = world.keep(await clientEnter(world.server, 'ben'));
	const id = await find(ben, 'ann');

	/* Whether a value can be written. */
	assert.equal(await ann.view.evaluate(() => new Promise((resolve) => {
		const request = indexedDB.open('another', 1);

		request.onupgradeneeded = () => {
			request.transaction.onabort = () => resolve(request.transaction.error.name);
			request.result.createObjectStore('rows').put('x', 'row');
		};
		request.onsuccess = () => resolve('written');
	})), 'QuotaExceededError');
	await clientChat(ben, id, 'to a full disk');
	await pageOpen(ann, 'ben');
	await pageSees(ann, 'to a full disk');
	await pageSay(ann, 'from a full disk');
	await pageDraft(ann, 'half a thou');
	await ann.view.reload();
	await pageOnline(ann, true);
	await pageOpen(ann, 'ben');
	await pageSees(ann, 'from a full disk');
	assert.deepEqual(await pageTexts(ann), ['to a full disk', 'from a full disk']);
});
