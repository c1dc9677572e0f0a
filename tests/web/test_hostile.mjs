/* SPDX-License-Identifier: MIT
 * Tests that names and messages of a hostile user do nothing but show: no dialog, request, window or element comes of
 * them (runner.mjs looks at the first three and at the policy in every test). */
import assert from 'node:assert/strict';
import { clientAsk, clientChat, clientDo, clientEnter, clientExpect, clientSend, CREATE_GROUP, FIND_USER, INVITE, SIGNAL } from './support/client.mjs';
import { pageDetails, pageEnter, pageFind, pageHead, pageJoin, pageLog, pageOpen, pageSay, pageSees, pageTexts } from './support/page.mjs';
import { test } from './support/runner.mjs';
import { until } from './support/wait.mjs';

const markup = [
	'<script>alert(1)</script>',
	'<img src=x onerror=alert(1)>',
	'<svg onload=alert(1)><a xlink:href="javascript:alert(1)">x</a></svg>',
	'"><iframe srcdoc="<script>alert(1)</script>"></iframe>',
	'<style>*{display:none}</style><link rel=stylesheet href=https://evil.example/x.css>',
	'<meta http-equiv=refresh content="0;url=https://evil.example/">',
	'&lt;b&gt; {{constructor.constructor("alert(1)")()}} ${alert(1)} %3Cscript%3E',
	']]><!--<base href=https://evil.example/>-->',
	'javascript:alert(1)',
	'data:text/html,<script>alert(1)</script>',
	'https://evil.example/"onmouseover="alert(1)',
	'> <script>alert(1)</script>\n\n> > <img src=x onerror=alert(1)>',
	'__proto__', 'constructor', 'toString',
];
const odd = [
	'\u202Eevil\u202C \u2066\u2067 \u200F turned',
	'Z\u0351\u036B\u0343\u036A\u0302\u036B'.repeat(40),
	'\u200B\u200B\u2060\uFEFF',
	'\uFFFD \u{1F468}\u200D\u{1F469}\u200D\u{1F467} \uDB40\uDC67',
	'\u2028\u2029line\rbreaks',
	'w'.repeat(60000),
	'https://example.com/' + 'a'.repeat(3000),
	'\n'.repeat(500) + 'deep',
];

/* Elements that no text may make, and attributes that run something. */
function made(page) {
	return page.view.evaluate(() => {
		const found = [...document.querySelectorAll('script:not([src]), iframe, object, embed, base, style, form[action], [onerror], [onload], [onmouseover], [style*=url], meta[http-equiv]')]
			.map((element) => element.outerHTML.slice(0, 200));

		for (const link of document.querySelectorAll('a[href]'))
			if (!/^https?:$/.test(link.protocol) || (link.origin !== location.origin && (link.target !== '_blank' || !/noopener/.test(link.rel))))
				found.push(link.outerHTML.slice(0, 200));
		for (const image of document.querySelectorAll('img, image, use, video, audio, source'))
			if (image.closest('article, nav li'))
				found.push(image.outerHTML.slice(0, 200));
		return found;
	});
}

async function find(client, name) {
	return (await clientDo(client, { msgid: FIND_USER, name })).account;
}

test('messages of a hostile user are shown as text and do nothing', async (world) => {
	const ann = await pageEnter(world, 'ann');
	const mallory = world.keep(await clientEnter(world.server, '<b onclick=alert(1)>mallory'));
	const id = await find(mallory, 'ann');
	let stored = 0;

	for (const text of [...markup, ...odd])
		stored += (await clientAsk(mallory, { msgid: 6, toid: id, msg: text })).errno === 0;
	assert.ok(stored > markup.length);
	await clientChat(mallory, id, 'the end');
	await pageOpen(ann, '<b onclick=alert(1)>mallory');
	await pageSees(ann, 'the end');
	await until('all of the log', async () => (await pageLog(ann).textContent()).includes('<script>alert(1)</script>'));
	assert.deepEqual(await made(ann), []);
	const texts = await pageTexts(ann);

	for (const text of markup.filter((one) => !one.startsWith('>')))
		assert.ok(texts.includes(text), text);
	/* Nothing is wider than the window. */
	for (const size of [{ width: 390, height: 844 }, { width: 1280, height: 800 }]) {
		await ann.view.setViewportSize(size);
		assert.ok(await ann.view.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
		assert.ok(await pageLog(ann).evaluate((log) => log.scrollWidth <= log.clientWidth));
	}
	await pageSay(ann, 'I can still write');
	await ann.view.reload();
	await pageSees(ann, 'I can still write');
	assert.deepEqual(await made(ann), []);
});

test('names of hostile users and groups are shown as text and do nothing', async (world) => {
	const names = ['<img src=x onerror=alert(1)>', '\u202Enna', '"><svg/onload=alert(1)>', '__proto__', '\u200E\u200Fx', 'Z\u0351\u036B\u0343\u036A\u0302\u036B'.repeat(7), 'a\nb'];
	const ann = await pageEnter(world, 'ann');

	for (const name of names) {
		const mallory = await clientEnter(world.server, name).catch(() => null);

		if (!mallory)
			continue; /* the server refuses such a name */
		world.keep(mallory);
		const id = await find(mallory, 'ann');

		await clientChat(mallory, id, `hello from ${name}`);
		const group = await clientAsk(mallory, { msgid: CREATE_GROUP, groupname: `${name} g`, groupdesc: `<script>alert(${id})</script>${name}` });

		if (group.errno === 0)
			await clientDo(mallory, { msgid: INVITE, groupid: group.groupid, account: id });
		clientSend(mallory, { msgid: SIGNAL, id: mallory.id, name, toid: id, kind: 'typing' });
	}
	await pageOpen(ann, '<img src=x onerror=alert(1)>');
	await pageSees(ann, 'hello from <img src=x onerror=alert(1)>');
	await pageDetails(ann);
	await pageOpen(ann, '<img src=x onerror=alert(1)> g');
	await pageJoin(ann);
	await pageDetails(ann);
	assert.match(await pageHead(ann), /<img src=x onerror=alert\(1\)> g/);
	assert.deepEqual(await made(ann), []);
});

test('frames that a hostile server could send neither break the page nor show anything', async (world) => {
	const ann = await pageEnter(world, 'ann');
	const mallory = world.keep(await clientEnter(world.server, 'mallory'));
	const id = await find(mallory, 'ann');

	/* Signals are passed on as they are, with whatever fields their sender likes. */
	for (const more of [{ kind: 'typing', msg: '<b>', toid: id }, { kind: '__proto__', toid: id }, { kind: 'typing', __proto__: null, text: 'x'.repeat(20000), toid: id },
		{ kind: 'typing', toid: id, peer: -1, groupid: undefined, name: 'mallory' }])
		clientSend(mallory, { msgid: SIGNAL, id: mallory.id, ...more });
	for (const more of [{ time: '<script>alert(1)</script>' }, { time: { a: [1] } }, { cid: '<b>' }, { edited: 'no' }, { quote: { seq: 'x' } }, { kind: 'event', event: 7 }])
		await clientAsk(mallory, { msgid: 6, toid: id, msg: `with ${JSON.stringify(more)}`, ...more });
	await clientChat(mallory, id, 'the end');
	await pageOpen(ann, 'mallory');
	await pageSees(ann, 'the end');
	assert.deepEqual(await made(ann), []);
	await pageSay(ann, 'nothing happened');
	await clientExpect(mallory, { msg: 'nothing happened' });
});

test('only addresses of http and https become links, and they open apart from the page', async (world) => {
	const ann = await pageEnter(world, 'ann');
	const ben = world.keep(await clientEnter(world.server, 'ben'));

	await clientChat(ben, await find(ben, 'ann'), 'see https://example.com/a?b=c#d, http://example.org and javascript:alert(1) data:text/html,x ftp://x file:///etc/passwd //x.example www.x.example');
	await pageOpen(ann, 'ben');
	const links = pageLog(ann).locator('article a');

	await until('the links', async () => await links.count() === 2);
	assert.deepEqual(await links.evaluateAll((all) => all.map((link) => [link.getAttribute('href'), link.target, link.rel])), [
		['https://example.com/a?b=c#d', '_blank', 'noopener noreferrer'], ['http://example.org', '_blank', 'noopener noreferrer']]);
	await pageFind(ann, 'ben');
});
