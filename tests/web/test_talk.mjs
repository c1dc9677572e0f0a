/* SPDX-License-Identifier: MIT
 * Tests that people talk: two browsers and a chatclient, what is unread, read, typed, edited, recalled and answered. */
import assert from 'node:assert/strict';
import { chatclientExpect, chatclientSay } from './support/chatclient.mjs';
import { clientChat, clientEnter, clientExpect, clientHistory, clientSend, connectWebSocket, EDIT, READ, RECALL, SIGNAL, clientDo } from './support/client.mjs';
import { pageAct, pageDetails, pageEnter, pageField, pageFind, pageHead, pageLogin, pageMessage, pageOpen, pageSay, pageSees, pageTexts, pageType, pageUnread } from './support/page.mjs';
import { test } from './support/runner.mjs';
import { until } from './support/wait.mjs';

test('two browsers and a chatclient find each other by name and talk', async (world) => {
	const ann = await pageEnter(world, 'ann'), ben = await pageEnter(world, 'ben');
	const cid = world.chatclient();

	chatclientSay(cid, 'register:cid:a good secret');
	chatclientSay(cid, 'login:cid:a good secret');
	await chatclientExpect(cid, 'logged-in', null, 'cid');

	await pageFind(ann, 'ben');
	await pageSay(ann, 'hello ben');
	await pageOpen(ben, 'ann');
	await pageSees(ben, 'hello ben');
	await pageSay(ben, 'hello ann');
	await pageSees(ann, 'hello ann');

	chatclientSay(cid, 'chat:ann:hello from a terminal');
	await pageOpen(ann, 'cid');
	await pageSees(ann, 'hello from a terminal');
	await pageSay(ann, 'and from a browser');
	await chatclientExpect(cid, 'message', null, 'ann', null, null, 'and from a browser');
});

test('a name that nobody has is refused in plain words', async (world) => {
	const ann = await pageEnter(world, 'ann');

	await pageFind(ann, 'nobody at all', { refused: true });
});

test('both sides show the messages in the order in which they were stored', async (world) => {
	const ann = await pageEnter(world, 'ann'), ben = await pageEnter(world, 'ben');

	await pageFind(ann, 'ben');
	await pageSay(ann, 'the beginning');
	await pageOpen(ben, 'ann');
	await pageSees(ben, 'the beginning');
	for (let i = 1; i <= 6; i++)
		await Promise.all([pageSay(ann, `ann ${i}`), pageSay(ben, `ben ${i}`)]);
	await until('all to be stored on both pages', async () =>
		(await pageTexts(ann)).length === 13 && (await pageTexts(ben)).length === 13);
	assert.deepEqual(await pageTexts(ann), await pageTexts(ben));
	assert.deepEqual((await pageTexts(ann)).filter((text) => text.startsWith('ann')), Array.from({ length: 6 }, (_, i) => `ann ${i + 1}`));
});

test('what is unread is counted, also in the title, until it is read on any browser of the account', async (world) => {
	const ann = await pageEnter(world, 'ann'), other = await world.page();
	const ben = world.keep(await clientEnter(world.server, 'ben')), cid = world.keep(await clientEnter(world.server, 'cid'));
	const id = await pageLogin(other, 'ann').then(() => annId(ben));

	await clientChat(cid, id, 'from cid');
	for (const text of ['one', 'two', 'three'])
		await clientChat(ben, id, text);
	for (const page of [ann, other]) {
		await until('the count', async () => await pageUnread(page, 'ben') === 3 && await pageUnread(page, 'cid') === 1);
		await until('the title', async () => /\b4\b/.test(await page.view.title()));
	}
	await pageOpen(ann, 'ben');
	await pageSees(ann, 'three');
	for (const page of [ann, other]) {
		await until('nothing of ben to be unread', async () => await pageUnread(page, 'ben') === 0 && await pageUnread(page, 'cid') === 1);
		await until('the title', async () => /\b1\b/.test(await page.view.title()));
	}
	/* A raw client sees the same mark of the account. */
	await other.view.reload();
	await until('the count after a reload', async () => await pageUnread(other, 'ben') === 0 && await pageUnread(other, 'cid') === 1);
});

async function annId(client) {
	return (await clientDo(client, { msgid: 133, name: 'ann' })).account;
}

test('a message is shown as sent, then as read when the other side has read it', async (world) => {
	const ann = await pageEnter(world, 'ann');
	const ben = world.keep(await clientEnter(world.server, 'ben', connectWebSocket));

	await pageFind(ann, 'ben');
	await pageSay(ann, 'have you seen this');
	const frame = await clientExpect(ben, { msg: 'have you seen this' });

	await until('the message to be sent', async () => (await pageMessage(ann, 'have you seen this')).state === 'sent');
	await clientDo(ben, { msgid: READ, peer: frame.id, seq: frame.seq, show: true });
	await until('the message to be read', async () => (await pageMessage(ann, 'have you seen this')).state === 'read');
});

test('what the page shows as read is told to the sender', async (world) => {
	const ann = await pageEnter(world, 'ann');
	const ben = world.keep(await clientEnter(world.server, 'ben'));
	const { seq } = await clientChat(ben, await annId(ben), 'read me');

	await pageOpen(ann, 'ben');
	await pageSees(ann, 'read me');
	await clientExpect(ben, { msgid: READ, seq });
});

test('one sees who is typing, and the other side sees it of oneself', async (world) => {
	const ann = await pageEnter(world, 'ann');
	const ben = world.keep(await clientEnter(world.server, 'ben'));
	const id = await annId(ben);

	await clientChat(ben, id, 'wait');
	await pageOpen(ann, 'ben');
	await pageSees(ann, 'wait');
	clientSend(ben, { msgid: SIGNAL, id: ben.id, name: 'ben', toid: id, kind: 'typing' });
	await until('ben to be shown as typing', async () => /typing/i.test(await ann.view.locator('body').innerText()));
	await pageType(ann, 'I am');
	await clientExpect(ben, { msgid: SIGNAL, id, kind: 'typing' });
});

test('an edited message shows its new text on both sides, and a recalled one none', async (world) => {
	const ann = await pageEnter(world, 'ann'), ben = await pageEnter(world, 'ben');

	await pageFind(ann, 'ben');
	await pageSay(ann, 'a mistke');
	await pageSay(ann, 'a secret');
	await pageOpen(ben, 'ann');
	await pageSees(ben, 'a secret');
	await pageAct(ann, 'a mistke', 'Edit', 'no mistake');
	for (const page of [ann, ben]) {
		await pageSees(page, 'no mistake');
		assert.ok((await pageMessage(page, 'no mistake')).edited);
	}
	await pageAct(ann, 'a secret', 'Delete for everyone');
	for (const page of [ann, ben])
		await until('the secret to be gone', async () =>
			!(await page.view.locator('body').innerText()).includes('a secret') && !(await page.view.content()).includes('a secret'));
});

test('what others edit and recall changes on the page', async (world) => {
	const ann = await pageEnter(world, 'ann');
	const ben = world.keep(await clientEnter(world.server, 'ben'));
	const id = await annId(ben);
	const first = await clientChat(ben, id, 'the frist'), second = await clientChat(ben, id, 'the second');

	await pageOpen(ann, 'ben');
	await pageSees(ann, 'the second');
	await clientDo(ben, { msgid: EDIT, name: 'ben', toid: id, of: first.seq, msg: 'the first' });
	await clientDo(ben, { msgid: RECALL, name: 'ben', toid: id, of: second.seq });
	await pageSees(ann, 'the first');
	await until('the second to be gone', async () => !(await ann.view.content()).includes('the second'));
	await ann.view.reload();
	await pageOpen(ann, 'ben');
	await pageSees(ann, 'the first');
	assert.ok(!(await ann.view.content()).includes('the second'));
});

test('a reply quotes what it answers, as plain text that every client can read', async (world) => {
	const ann = await pageEnter(world, 'ann'), ben = await pageEnter(world, 'ben');

	await pageFind(ann, 'ben');
	await pageSay(ann, 'tea or coffee?');
	await pageOpen(ben, 'ann');
	await pageSees(ben, 'tea or coffee?');
	await pageAct(ben, 'tea or coffee?', 'Reply');
	await pageSay(ben, 'tea');
	for (const page of [ann, ben]) {
		await pageSees(page, 'tea');
		assert.match((await pageMessage(page, 'tea')).quote, /tea or coffee\?/);
	}
});

test('whether a contact is online is shown', async (world) => {
	const ann = await pageEnter(world, 'ann');
	const ben = world.keep(await clientEnter(world.server, 'ben'));

	await pageFind(ann, 'ben');
	await (await pageDetails(ann)).getByRole('switch', { name: 'Contact' }).check();
	await until('ben to be online', async () => /online/.test(await pageHead(ann)));
	ben.end();
	await until('ben to be offline', async () => /offline/.test(await pageHead(ann)));
}, { patience: 4 }); /* the server waits ten seconds for him */

test('of who is no contact it is not said whether they are online', async (world) => {
	const ann = await pageEnter(world, 'ann');
	const ben = world.keep(await clientEnter(world.server, 'ben'));

	await clientChat(ben, await annId(ben), 'hello');
	await pageOpen(ann, 'ben');
	await pageSees(ann, 'hello');
	assert.doesNotMatch(await pageHead(ann), /online|offline/);
	await ann.view.reload();
	await pageSees(ann, 'hello');
	assert.doesNotMatch(await pageHead(ann), /online|offline/);
});

test('Enter in the search begins a conversation with exactly that name, also when another name contains it', async (world) => {
	const ann = await pageEnter(world, 'ann');
	const robert = world.keep(await clientEnter(world.server, 'robert'));

	world.keep(await clientEnter(world.server, 'rob'));
	await clientChat(robert, await annId(robert), 'hello');
	await pageOpen(ann, 'robert');
	await pageFind(ann, 'rob');
	await pageFind(ann, 'robert');
	await pageSees(ann, 'hello');
});

test('a text that the server could not take is given back to who wrote it', async (world) => {
	const ann = await pageEnter(world, 'ann');
	const text = `long ${'\u0001'.repeat(11000)} text`;

	world.keep(await clientEnter(world.server, 'ben'));
	await pageFind(ann, 'ben');
	await pageField(ann).fill(text);
	await pageField(ann).press('Enter');
	await until('it is said', () => ann.view.getByText('This is too long.').isVisible());
	assert.equal(await pageField(ann).inputValue(), text);
	assert.deepEqual(await pageTexts(ann), []);
	await pageField(ann).fill('shorter');
	await pageField(ann).press('Enter');
	await pageSees(ann, 'shorter');
});

test('the log holds what the store holds', async (world) => {
	const ann = await pageEnter(world, 'ann');
	const ben = world.keep(await clientEnter(world.server, 'ben'));
	const id = await annId(ben);

	for (let i = 0; i < 40; i++)
		await clientChat(ben, id, `line ${i}`);
	await pageOpen(ann, 'ben');
	await pageSees(ann, 'line 39');
	const stored = (await clientHistory(ben, { peer: id })).map((frame) => frame.msg);

	await until('the same log', async () => JSON.stringify(await pageTexts(ann)) === JSON.stringify(stored));
});

test('the line "New" stands above the first unread message, and nowhere while that one is far above', async (world) => {
	const ann = await pageEnter(world, 'ann');
	const ben = world.keep(await clientEnter(world.server, 'ben'));
	const id = await annId(ben), log = ann.view.getByRole('log'), line = log.getByText('New', { exact: true });

	await clientChat(ben, id, 'read');
	await pageOpen(ann, 'ben');
	await pageSees(ann, 'read');
	await until('it to be read', async () => !/^\(/.test(await ann.view.title()));
	await ann.view.evaluate(() => { location.hash = '#/'; });
	for (let i = 0; i < 200; i++)
		await clientChat(ben, id, `line ${i}`);
	await until('all to be counted', async () => await pageUnread(ann, 'ben') > 99);
	await pageOpen(ann, 'ben');
	await until('the newest one to be in sight', () => log.evaluate((node) => {
		const last = [...node.querySelectorAll('article')].at(-1);

		return last.textContent.startsWith('line 199') && last.getBoundingClientRect().top < node.getBoundingClientRect().bottom;
	}));
	assert.equal(await line.count(), 0);
	await until('the first one to be there', async () => {
		await log.press('Home');
		return (await pageTexts(ann)).includes('read');
	});
	assert.equal(await line.count(), 1);
	assert.equal(await log.locator('.new-line + article .text').textContent(), 'line 0');
});

test('who goes to the newest message while a conversation is being opened stays there', async (world) => {
	const ann = await pageEnter(world, 'ann');
	const ben = world.keep(await clientEnter(world.server, 'ben'));
	const id = await annId(ben), log = ann.view.getByRole('log');

	for (let i = 0; i < 40; i++)
		await clientChat(ben, id, `line ${i}`);
	await until('all to be counted', async () => await pageUnread(ann, 'ben') === 40);
	await ann.view.evaluate(() => {
		const { send } = WebSocket.prototype;

		WebSocket.prototype.send = function (text) {
			if (JSON.parse(text).msgid !== 105) {
				send.call(this, text);
				return;
			}
			window.release = () => {
				WebSocket.prototype.send = send;
				send.call(this, text);
			};
		};
	});
	await pageOpen(ann, 'ben');
	await until('the page to ask for messages', () => ann.view.evaluate(() => Boolean(window.release)));
	await log.press('End');
	await ann.view.evaluate(() => window.release());
	await until('all to be read', async () => !/^\(/.test(await ann.view.title()));
});
