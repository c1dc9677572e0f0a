/* SPDX-License-Identifier: MIT
 * Tests that the page can be used by keyboard alone, with Chinese input, in other languages and directions, and by those
 * who listen to it. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { clientChat, clientDo, clientEnter, clientExpect, CREATE_GROUP, EDIT, FIND_USER, INVITE, RECALL, SET_ROLE } from './support/client.mjs';
import { root } from './support/modules.mjs';
import { button, newBrowserPage, pageEnter, pageField, pageFind, pageJoin, pageLog, pageMessage, pageOnline, pageOpen, pageSay, pageSees, pageSettings, pageTexts } from './support/page.mjs';
import { test } from './support/runner.mjs';
import { until } from './support/wait.mjs';

async function find(client, name) {
	return (await clientDo(client, { msgid: FIND_USER, name })).account;
}

/* What has the focus: its role is told by the tag where it has none. */
function focused(page) {
	return page.view.evaluate(() => {
		const element = document.activeElement;

		return element.getAttribute('aria-label') || element.labels?.[0]?.textContent || element.textContent.trim() || element.tagName;
	});
}

/* Presses Tab until what has the focus is called so. */
async function tabTo(page, name, key = 'Tab') {
	for (let i = 0; i < 60; i++) {
		if (name.test(await focused(page)))
			return;
		await page.view.keyboard.press(key);
	}
	throw new Error(`Tab does not reach ${name}`);
}

/* The focus can be seen: what has it looks different without it. */
async function focusShows(page) {
	const shown = await page.view.evaluate(() => {
		const style = getComputedStyle(document.activeElement), around = getComputedStyle(document.activeElement.parentElement);

		return style.outlineStyle !== 'none' || style.boxShadow !== 'none' || around.outlineStyle !== 'none' || around.boxShadow !== 'none';
	});

	assert.ok(shown, `the focus on ${await focused(page)} is seen`);
}

test('one registers, begins a conversation, sends, edits and leaves by keyboard alone', async (world) => {
	const ben = world.keep(await clientEnter(world.server, 'ben'));
	const page = await newBrowserPage(world), keys = page.view.keyboard;

	page.who = 'ann';
	await until('the field for the name', async () => /name/i.test(await focused(page)));
	await focusShows(page);
	await keys.type('ann');
	await keys.press('Tab');
	await keys.type('a good secret');
	await tabTo(page, /^Create account$/);
	await focusShows(page);
	await keys.press('Enter');
	await pageOnline(page, true);
	await keys.press('Control+k');
	await keys.type('ben');
	await keys.press('Enter');
	await until('the field to write in', async () => await pageField(page).evaluate((field) => field === document.activeElement).catch(() => false));
	await keys.type('hello');
	await keys.press('Shift+Enter');
	await keys.type('wrold');
	await keys.press('Enter');
	await clientExpect(ben, { msg: 'hello\nwrold' });
	await until('the message to be sent', async () => (await pageMessage(page, 'hello\nwrold')).state === 'sent');
	await keys.press('ArrowUp');
	await until('the text to edit', async () => await pageField(page).inputValue() === 'hello\nwrold');
	for (let i = 0; i < 5; i++)
		await keys.press('Backspace');
	await keys.type('world');
	await keys.press('Enter');
	await pageSees(page, 'hello\nworld');
	/* The menu of a message. */
	await tabTo(page, /^Messages/, 'Shift+Tab');
	await focusShows(page);
	await keys.press('ArrowUp');
	await keys.press('Enter');
	await page.view.getByRole('menu').waitFor();
	await keys.press('Escape');
	await page.view.getByRole('menu').waitFor({ state: 'detached' });
	await tabTo(page, /^Settings$/, 'Shift+Tab');
	await keys.press('Enter');
	await page.view.getByRole('dialog').waitFor();
	await tabTo(page, /^Log out$/);
	await keys.press('Enter');
	await page.view.getByRole('dialog', { name: 'Log out' }).waitFor();
	await tabTo(page, /^Log out$/);
	await keys.press('Enter');
	await page.view.getByRole('button', { name: 'Log in' }).waitFor();
});

test('where there is no mouse and nothing to touch, the field to write in has the focus of an opened conversation', async (world) => {
	const ann = await pageEnter(world, 'ann');

	world.keep(await clientEnter(world.server, 'ben'));
	await ann.view.addInitScript(() => {
		const ask = window.matchMedia;

		window.matchMedia = (query) => ask(query.replace('(pointer: fine)', 'not all'));
	});
	await ann.view.reload();
	await pageOnline(ann, true);
	await pageFind(ann, 'ben');
	await until('the field to write in', () => pageField(ann).evaluate((field) => field === document.activeElement));
});

test('the page is no higher than its window, so that nothing moves it as a whole', async (world) => {
	const over = (page) => page.view.evaluate(() => document.documentElement.scrollHeight - innerHeight);

	for (const size of ['desk', 'phone']) {
		const first = await newBrowserPage(world, { size });

		await button(first, 'Log in').waitFor();
		assert.equal(await over(first), 0, `the login on a ${size}`);
		assert.equal(await over(await pageEnter(world, `ann on a ${size}`, { size })), 0, `the list on a ${size}`);
	}
});

test('what scrolls has a scrollbar in the colours of the page', async (world) => {
	const ann = await pageEnter(world, 'ann', { theme: 'dark' });
	const colours = () => ann.view.evaluate(() => getComputedStyle(document.querySelector('.rows-place')).scrollbarColor);
	const dark = await colours();

	await ann.view.emulateMedia({ colorScheme: 'light' });
	assert.match(dark, /^rgb/);
	assert.notEqual(await colours(), dark);
});

test('Enter sends nothing while Chinese characters are composed', async (world) => {
	const ann = await pageEnter(world, 'ann');
	const ben = world.keep(await clientEnter(world.server, 'ben'));
	const session = await ann.context.newCDPSession(ann.view);

	await pageFind(ann, 'ben');
	await pageField(ann).focus();
	await session.send('Input.imeSetComposition', { text: 'ni', selectionStart: 2, selectionEnd: 2 });
	await session.send('Input.imeSetComposition', { text: '你好', selectionStart: 2, selectionEnd: 2 });
	/* The key that ends a composition has the code 229, as browsers tell it. */
	await session.send('Input.dispatchKeyEvent', { type: 'rawKeyDown', key: 'Process', code: 'Enter', windowsVirtualKeyCode: 229 });
	await ann.view.keyboard.press('Enter');
	await session.send('Input.insertText', { text: '你好' });
	await until('the characters', async () => (await pageField(ann).inputValue()).replace(/\n/g, '') === '你好');
	assert.deepEqual(await pageTexts(ann), []);
	await ann.view.keyboard.press('Enter');
	await clientExpect(ben, { msg: '你好' });
	await pageSees(ann, '你好');
	assert.deepEqual(await pageTexts(ann), ['你好']);
});

test('every language has every text, with the same values in it', async () => {
	const folder = path.join(root, 'tools/web/words');
	const words = {};

	for (const name of readdirSync(folder))
		words[name.slice(0, -3)] = (await import(pathToFileURL(path.join(folder, name)))).default;
	assert.deepEqual(Object.keys(words).sort(), ['de', 'en', 'zh']);
	const texts = (value) => (typeof value === 'object' ? Object.values(value) : [value]);
	const holes = (value) => [...new Set(texts(value).flatMap((text) => text.match(/\{\w+\}/g) || []))].sort();
	/* Words that are the same in German. */
	const same = /^(Name|Chat|Retry|Admin|Details|English|Deutsch|online|offline|Online|Offline|OK|\W*|\{\w+\})$/;

	for (const language of ['de', 'zh']) {
		assert.deepEqual(Object.keys(words[language]).sort(), Object.keys(words.en).sort(), language);
		for (const [key, value] of Object.entries(words.en)) {
			assert.deepEqual(holes(words[language][key]), holes(value), `${language} ${key}`);
			if (!texts(value).every((text) => same.test(text)))
				assert.notDeepEqual(texts(words[language][key])[0], texts(value)[0], `${language} ${key}`);
		}
	}
});

for (const [locale, language, pattern] of [['de-DE', 'de', /Anmelden/], ['zh-CN', 'zh', /登录/]])
	test(`the page greets a browser that speaks ${language} in its language`, async (world) => {
		const page = await newBrowserPage(world, { locale });
		const english = (await import(pathToFileURL(path.join(root, 'tools/web/words/en.js')))).default;

		await until('the words', async () => pattern.test(await page.view.locator('body').innerText()));
		assert.equal(await page.view.evaluate(() => document.documentElement.lang), language);
		const shown = await page.view.locator('main').innerText();

		for (const text of Object.values(english).filter((one) => typeof one === 'string' && one.length > 12))
			assert.ok(!shown.includes(text), text);
	});

/* What is seen, and what is said by screen readers: each text of the document by itself. */
function wordsOf(page) {
	return page.view.evaluate(() => {
		const texts = [];
		const nodes = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT | NodeFilter.SHOW_ELEMENT);

		for (let node = nodes.nextNode(); node; node = nodes.nextNode())
			if (node.nodeType === Node.TEXT_NODE)
				texts.push(node.data.trim());
			else
				for (const name of ['aria-label', 'title', 'placeholder'])
					texts.push(node.getAttribute(name) || '');
		return texts.filter(Boolean);
	});
}

/* English texts of the page, as patterns: {name} stands for anything. Those that are the same in the other language are no mistake. */
async function englishTexts(language) {
	const read = async (name) => (await import(pathToFileURL(path.join(root, `tools/web/words/${name}.js`)))).default;
	const texts = (words) => Object.values(words).flatMap((value) => (typeof value === 'object' ? Object.values(value) : [value]));
	const own = new Set(texts(await read(language)));

	return texts(await read('en')).filter((text) => !own.has(text) && /[a-z]{2}/.test(text.replace(/\{\w+\}/g, '')))
		.map((text) => new RegExp(`^${text.replace(/[.*+?^$()|[\]\\]/g, '\\$&').replace(/\{\w+\}/g, '.+')}$`));
}

for (const [language, settings] of [['de', 'Einstellungen'], ['zh', '设置']])
	test(`no English is left on the screens of a person who has chosen ${language}`, async (world) => {
		const ann = await pageEnter(world, 'ann'), ben = world.keep(await clientEnter(world.server, 'ben'));
		const id = await find(ben, 'ann'), english = await englishTexts(language);
		const englishWords = async () => (await wordsOf(ann)).filter((text) => english.some((pattern) => pattern.test(text)));
		/* What was told before the language was chosen goes away by itself. */
		const looked = (screen) => until(`no English on ${screen}`, async () => assert.deepEqual(await englishWords(), []) ?? true);

		await clientChat(ben, id, 'one');
		const wrong = await clientChat(ben, id, 'two');

		await clientDo(ben, { msgid: EDIT, name: 'ben', toid: id, of: wrong.seq, msg: 'three' });
		await clientDo(ben, { msgid: RECALL, name: 'ben', toid: id, of: (await clientChat(ben, id, 'four')).seq });
		const { groupid } = await clientDo(ben, { msgid: CREATE_GROUP, groupname: 'cooks', groupdesc: '' });

		await clientDo(ben, { msgid: INVITE, name: 'ben', groupid, account: id });
		await pageOpen(ann, 'cooks');
		await pageJoin(ann);
		await clientDo(ben, { msgid: SET_ROLE, name: 'ben', groupid, account: id, role: 'admin' });
		await pageOpen(ann, 'ben');
		await pageSay(ann, 'five');
		await pageSettings(ann);
		assert.ok((await englishWords()).length > 30, 'English is found before');
		await ann.view.getByRole('dialog').getByLabel('Language').selectOption(language);
		const dialog = ann.view.getByRole('dialog', { name: settings });

		await dialog.waitFor();
		/* What is folded away is shown, too. */
		await dialog.locator('details').evaluateAll((all) => all.forEach((one) => { one.open = true; }));
		await dialog.locator('.device').first().waitFor();
		await looked('the settings');
		await ann.view.keyboard.press('Escape');
		await pageSees(ann, 'five');
		await looked('a conversation');
		await ann.view.locator('article').filter({ hasText: 'five' }).click({ button: 'right' });
		await ann.view.getByRole('menu').waitFor();
		await looked('the menu of a message');
		await ann.view.keyboard.press('Escape');
		await ann.view.locator('.about').click();
		await ann.view.getByRole('complementary').waitFor();
		await looked('the details of a person');
		await ann.view.locator('a.row').filter({ hasText: 'cooks' }).click();
		await ann.view.locator('main').getByRole('heading', { name: 'cooks' }).click();
		await ann.view.getByRole('complementary').getByRole('listitem').filter({ hasText: 'ben' }).waitFor();
		await ann.view.getByRole('complementary').locator('details').evaluateAll((all) => all.forEach((one) => { one.open = true; }));
		await looked('the details of a group');
	});

test('another language is chosen in the settings and shows at once', async (world) => {
	const ann = await pageEnter(world, 'ann');

	await pageSettings(ann);
	await ann.view.getByRole('dialog').getByLabel('Language').selectOption('de');
	await until('German', async () => /Einstellungen/.test(await ann.view.locator('body').innerText()));
	assert.equal(await ann.view.evaluate(() => document.documentElement.lang), 'de');
	await ann.view.reload();
	await until('German after a reload', async () => await ann.view.evaluate(() => document.documentElement.lang) === 'de');
});

test('text of people that is written from right to left stands so, and turns nothing around it', async (world) => {
	const ann = await pageEnter(world, 'ann');
	const sara = world.keep(await clientEnter(world.server, 'שרה'));

	await clientChat(sara, await find(sara, 'ann'), 'שלום, ann!');
	await pageOpen(ann, 'שרה');
	await pageSees(ann, 'שלום, ann!');
	const article = pageLog(ann).getByRole('article').last();

	assert.equal(await article.locator('.text').evaluate((text) => getComputedStyle(text).direction), 'rtl');
	assert.equal(await article.evaluate((item) => getComputedStyle(item).direction), 'ltr');
	await pageField(ann).fill('שלום');
	assert.equal(await pageField(ann).evaluate((field) => getComputedStyle(field).direction), 'rtl');
});

test('a screen reader is told of new messages only, not of the whole log', async (world) => {
	const ann = await pageEnter(world, 'ann');
	const ben = world.keep(await clientEnter(world.server, 'ben'));
	const id = await find(ben, 'ann');

	await clientChat(ben, id, 'an old one');
	await pageOpen(ann, 'ben');
	await pageSees(ann, 'an old one');
	assert.equal(await pageLog(ann).getAttribute('aria-live'), 'off');
	const said = ann.view.locator('#said');

	assert.ok(!(await said.textContent()).includes('an old one'));
	await clientChat(ben, id, 'a new one');
	await until('it to be said', async () => (await said.textContent()).includes('a new one'));
	assert.ok(!(await said.textContent()).includes('an old one'));
});

test('what was said to a screen reader does not stay in the document', async (world) => {
	const ann = await pageEnter(world, 'ann');
	const ben = world.keep(await clientEnter(world.server, 'ben'));
	const id = await find(ben, 'ann');
	const said = ann.view.locator('#said');

	await clientChat(ben, id, 'hello');
	await pageOpen(ann, 'ben');
	await pageSees(ann, 'hello');
	const { seq } = await clientChat(ben, id, 'a mistake');

	await until('it to be said', async () => (await said.textContent()).includes('a mistake'));
	await clientDo(ben, { msgid: RECALL, name: 'ben', toid: id, of: seq });
	await until('it to be gone', async () => !(await ann.view.content()).includes('a mistake'));
	await clientChat(ben, id, 'something else');
	await until('it to be said', async () => (await said.textContent()).includes('something else'));
	await until('the region to be empty', async () => (await said.textContent()) === '');
});

test('a notification tells of a message only after it was asked for in the settings', async (world) => {
	const ann = await pageEnter(world, 'ann');
	const ben = world.keep(await clientEnter(world.server, 'ben'));
	const id = await find(ben, 'ann');

	await ann.context.grantPermissions(['notifications'], { origin: new URL(ann.url).origin });
	/* Instead of showing them, a list takes them, whether the page or its worker shows them. */
	const spy = () => {
		const told = window.told = [];

		if (window.ServiceWorkerRegistration)
			ServiceWorkerRegistration.prototype.showNotification = async function (title, more) { told.push(`${title} ${more?.body}`); };
		window.Notification = class extends EventTarget {
			static permission = 'granted';
			static requestPermission = async () => 'granted';
			constructor(title, more) { super(); told.push(`${title} ${more?.body}`); }
			close() {}
		};
		Object.defineProperty(document, 'hidden', { get: () => window.away === true });
		Object.defineProperty(document, 'visibilityState', { get: () => (window.away ? 'hidden' : 'visible') });
		document.hasFocus = () => !window.away;
	};

	await ann.view.addInitScript(spy);
	await ann.view.reload();
	await pageOnline(ann, true);
	const away = (value) => ann.view.evaluate((is) => { window.away = is; document.dispatchEvent(new Event('visibilitychange')); window.dispatchEvent(new Event(is ? 'blur' : 'focus')); }, value);

	await away(true);
	await clientChat(ben, id, 'nobody asked');
	await until('it to be unread', async () => /1/.test(await ann.view.title()));
	assert.deepEqual(await ann.view.evaluate(() => window.told), []);
	await away(false);
	await pageSettings(ann);
	await ann.view.getByRole('dialog').getByRole('switch', { name: /notif/i }).check();
	await ann.view.keyboard.press('Escape');
	await away(true);
	await clientChat(ben, id, 'now tell me');
	await until('the notification', async () => (await ann.view.evaluate(() => window.told)).some((text) => /ben.*now tell me/s.test(text)));
});
