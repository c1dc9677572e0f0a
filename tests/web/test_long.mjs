/* SPDX-License-Identifier: MIT
 * Tests a long conversation: all of it can be reached by scrolling, its place is held, and the page stays small. */
import assert from 'node:assert/strict';
import { clientAsk, clientChat, clientDo, clientEnter, clientFind, clientRegister, clientSend, CHAT, CREATE_GROUP, GROUP_CHAT, INVITE } from './support/client.mjs';
import { pageEnter, pageItem, pageJoin, pageLog, pageLogin, pageOpen, pageSay, pageSees } from './support/page.mjs';
import { test } from './support/runner.mjs';
import { until } from './support/wait.mjs';

const count = 10000;

const wheel = 2500; /* less than a page of history is high: a place that is lost moves by more */

/* Their heights differ, as those of people do. */
function text(i) {
	return `${i}:${' and so on'.repeat(i * 7 % 11)}`;
}

async function fill(world, count) {
	const ben = world.keep(await clientEnter(world.server, 'ben'));
	const toid = await clientRegister(ben, 'ann', 'a good secret');

	for (let from = 0; from < count; from += 500) {
		const answers = [];

		for (let i = from; i < from + 500; i++)
			answers.push(clientAsk(ben, { msgid: CHAT, name: 'ben', toid, msg: text(i) }));
		for (const answer of await Promise.all(answers))
			assert.equal(answer.errno, 0);
	}
}

/* The messages that are in the document: number -> place of its top; where the log is, how much of it is above what one sees, and how
 * many elements there are. */
function look(page) {
	return pageLog(page).evaluate((log) => ({
		top: log.getBoundingClientRect().top, bottom: log.getBoundingClientRect().bottom,
		tops: [...log.querySelectorAll('article')].map((item) => [parseInt(item.querySelector('.text').textContent, 10), item.getBoundingClientRect().top]),
		above: log.scrollTop, elements: document.querySelectorAll('*').length,
	}));
}

test('a long conversation is read by keyboard: Page Up, Page Down, Home and End', async (world) => {
	const long = 500, seen = new Set();

	await fill(world, long);
	const ann = await world.page(), keys = ann.view.keyboard;

	await pageLogin(ann, 'ann');
	await pageOpen(ann, 'ben');
	await pageSees(ann, text(long - 1));
	await pageLog(ann).focus();
	const inSight = async () => {
		const { tops, top, bottom } = await look(ann);

		tops.forEach(([number]) => seen.add(number));
		return tops.filter(([, place]) => place >= top && place < bottom).map(([number]) => number);
	};
	/* Presses the key, and returns what is in sight then. */
	const press = async (key, wanted) => {
		const before = await inSight();

		await keys.press(key);
		return until(`${key} to move the log from ${before}`, async () => {
			const now = await inSight();

			return wanted(now, before) && now;
		});
	};

	for (let now = await inSight(); now[0] > 0;) {
		const last = now;

		now = await press('PageUp', ([first], [before]) => first < before);
		assert.ok(now.at(-1) >= last[0] - 2, `no message is skipped between ${now.at(-1)} and ${last[0]}`);
	}
	assert.equal(seen.size, long);
	await press('PageDown', ([first], [before]) => first > before);
	await press('Home', ([first]) => first === 0);
	await press('End', (now) => now.at(-1) === long - 1);
}, { server: ['core.rate=0'], patience: 3 });

test('ten thousand messages are scrolled to the top, each shows once, the place is held, and few elements are made', async (world) => {
	const seen = new Set();
	let most = 0;

	await fill(world, count);
	const ann = await world.page();

	await pageLogin(ann, 'ann');
	await pageOpen(ann, 'ben');
	await pageSees(ann, text(count - 1));
	await pageLog(ann).hover();
	for (let before = await look(ann); ;) {
		const numbers = before.tops.map(([number]) => number);

		for (let i = 1; i < numbers.length; i++)
			assert.equal(numbers[i], numbers[i - 1] + 1, 'neighbours');
		numbers.forEach((number) => seen.add(number));
		most = Math.max(most, before.elements);
		if (seen.has(0))
			break;
		const places = new Map(before.tops), kept = ({ tops }) => tops.filter(([number]) => places.has(number));

		await ann.view.mouse.wheel(0, -wheel);
		/* The wheel has turned the log when what one sees is at another place, and it can turn it again when something is above: then
		 * each look sees what one turn did, whether the next page of history came before or after it. */
		const after = await until(`the log to move above ${numbers[0]}`, async () => {
			const now = await look(ann);

			return now.tops.length && (now.above > 0 || now.tops[0][0] === 0) && kept(now).every(([number, top]) => top !== places.get(number)) && now;
		});

		assert.ok(kept(after).length > 0, `after ${numbers[0]} the log jumps to ${after.tops[0][0]}`);
		for (const [number, top] of kept(after)) {
			const moved = top - places.get(number);

			assert.ok(moved > -5 && moved < wheel + 5, `${number} moves by ${moved}`);
		}
		before = after;
	}
	assert.equal(seen.size, count);
	assert.ok(most < 6000, `${most} elements`);
}, { server: ['core.rate=0'], patience: 6 });

test('while ten thousand messages flood a group, its row stays the same element, and one can go on in another conversation', async (world) => {
	const ann = await pageEnter(world, 'ann');
	const ben = world.keep(await clientEnter(world.server, 'ben')), cid = world.keep(await clientEnter(world.server, 'cid'));
	const id = await clientFind(ben, 'ann');
	const { groupid } = await clientDo(ben, { msgid: CREATE_GROUP, groupname: 'noise', groupdesc: '' });

	await clientDo(ben, { msgid: INVITE, groupid, account: id });
	await pageOpen(ann, 'noise');
	await pageJoin(ann);
	await clientChat(cid, id, 'quiet here');
	await pageOpen(ann, 'cid');
	await pageSees(ann, 'quiet here');
	const row = await pageItem(ann, 'noise').elementHandle();

	await ann.view.evaluate(() => {
		window.draws = 0;
		new MutationObserver(() => window.draws++).observe(document.querySelector('nav .rows'), { childList: true, subtree: true });
	});
	for (let i = 0; i < count; i++)
		clientSend(ben, { msgid: GROUP_CHAT, id: ben.id, name: 'ben', groupid, msg: text(i) });
	await until('the flood to arrive', async () => /unread/.test(await row.innerText()));
	const start = Date.now();

	await pageSay(ann, 'still here');
	await pageOpen(ann, 'noise');
	await pageOpen(ann, 'cid');
	await pageSees(ann, 'still here');
	await pageOpen(ann, 'noise');
	/* It opens at the first unread message, which may be far above the newest one, if that is known: the flood may just have begun. */
	await pageLog(ann).press('End');
	await pageSees(ann, text(count - 1));
	assert.ok(await row.evaluate((link) => link.isConnected && link.getAttribute('aria-current') === 'page'), 'the row was made anew');
	/* Ten times a second, and some for what one does oneself. */
	const draws = await ann.view.evaluate(() => window.draws), seconds = (Date.now() - start) / 1000;

	assert.ok(draws < 11 * seconds + 30, `the list was drawn ${draws} times in ${seconds} s`);
}, { server: ['core.rate=0'], patience: 6 });
