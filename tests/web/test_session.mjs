/* SPDX-License-Identifier: MIT
 * Tests how long one stays logged in: the token, logout, another password, a second tab. */
import assert from 'node:assert/strict';
import { clientChat, clientEnter, clientDo, FIND_USER } from './support/client.mjs';
import { button, newBrowserPage, pageEnter, pageLogin, pageLogout, pageOnline, pageOpen, pageSay, pageSees, pageSetPassword, pageShowsLogin, pageUseHere } from './support/page.mjs';
import { test } from './support/runner.mjs';
import { until } from './support/wait.mjs';

/* Everything that the browser keeps for the page. */
function kept(page) {
	return page.view.evaluate(async () => {
		const texts = [JSON.stringify(localStorage), JSON.stringify(sessionStorage), document.cookie];

		for (const { name } of await indexedDB.databases()) {
			const base = await new Promise((resolve) => { indexedDB.open(name).onsuccess = (event) => resolve(event.target.result); });

			for (const table of base.objectStoreNames) {
				const all = base.transaction(table).objectStore(table).getAll();

				texts.push(JSON.stringify(await new Promise((resolve) => { all.onsuccess = () => resolve(all.result); })));
			}
			base.close();
		}
		return texts.join('\n');
	});
}

test('a reload logs in without the password, which is kept nowhere', async (world) => {
	const ann = await pageEnter(world, 'ann');
	const ben = world.keep(await clientEnter(world.server, 'ben'));

	await ann.view.reload();
	await pageOnline(ann, true);
	await clientChat(ben, (await clientDo(ben, { msgid: FIND_USER, name: 'ann' })).account, 'still there?');
	await pageOpen(ann, 'ben');
	await pageSees(ann, 'still there?');
	assert.ok(!(await kept(ann)).includes('a good secret'));
});

test('logout drops the token and all that was kept', async (world) => {
	const ann = await pageEnter(world, 'ann');
	const ben = world.keep(await clientEnter(world.server, 'ben'));

	await clientChat(ben, (await clientDo(ben, { msgid: FIND_USER, name: 'ann' })).account, 'for your eyes only');
	await pageOpen(ann, 'ben');
	await pageSees(ann, 'for your eyes only');
	await pageLogout(ann);
	await pageShowsLogin(ann);
	assert.ok(!(await kept(ann)).includes('for your eyes only'));
	assert.ok(!/token"\s*:\s*"\S{10,}/i.test(await kept(ann)));
	await ann.view.reload();
	await pageShowsLogin(ann);
	await pageLogin(ann, 'ann');
	await pageOpen(ann, 'ben');
	await pageSees(ann, 'for your eyes only');
});

test('a login that waits shows nothing of who was logged in before', async (world) => {
	const ann = await pageEnter(world, 'ann');
	const ben = world.keep(await clientEnter(world.server, 'ben'));

	await clientChat(ben, (await clientDo(ben, { msgid: FIND_USER, name: 'ann' })).account, 'for your eyes only');
	await pageOpen(ann, 'ben');
	await pageSees(ann, 'for your eyes only');
	const other = await newBrowserPage(world);

	await pageLogin(other, 'ann');
	await pageSetPassword(other, 'a good secret', 'another secret');
	await pageShowsLogin(ann);
	await ann.view.evaluate(() => {
		window.seen = '';
		new MutationObserver(() => { window.seen += document.body.innerText; }).observe(document.body, { childList: true, subtree: true });
	});
	await pageLogin(ann, 'ann', 'a guess', { refused: true });
	assert.ok(!/for your eyes only|ben/.test(await ann.view.evaluate(() => window.seen)));
	assert.ok(/Wrong name or password/.test(await ann.view.evaluate(() => document.body.innerText)));
});

test('a wrong password is refused in plain words', async (world) => {
	const ann = await pageEnter(world, 'ann');

	await pageLogout(ann);
	await pageLogin(ann, 'ann', 'a wrong secret', { refused: true });
	await pageLogin(ann, 'ann');
});

test('a field that was left empty is marked and described', async (world) => {
	const page = await newBrowserPage(world);
	const password = page.view.getByLabel('Password', { exact: true });

	await page.view.getByLabel('Name', { exact: true }).fill('ann');
	await button(page, 'Log in').click();
	await until('the field to be marked', async () => await password.getAttribute('aria-invalid') === 'true');
	const told = page.view.locator(`#${await password.getAttribute('aria-describedby')}`);

	assert.match(await told.textContent(), /fill in/);
	const place = await told.boundingBox(), field = await password.boundingBox(), send = await button(page, 'Log in').boundingBox();

	assert.ok(place.y >= field.y + field.height && place.y + place.height <= send.y, 'it stands between the field and the buttons');
	await password.fill('x');
	assert.equal(await password.getAttribute('aria-invalid'), null);
	assert.equal(await told.textContent(), '');
});

test('a password that is set in one browser ends the session of the other, which asks for it', async (world) => {
	const ann = await pageEnter(world, 'ann'), other = await world.page();

	await pageLogin(other, 'ann');
	await pageSetPassword(ann, 'a good secret', 'a better secret');
	await pageShowsLogin(other);
	await pageOnline(ann, true);
	await ann.view.reload();
	await pageOnline(ann, true);
	await pageLogin(other, 'ann', 'a better secret');
});

test('a second tab says that the first one has the session, and can take it over', async (world) => {
	const ann = await pageEnter(world, 'ann');
	const ben = world.keep(await clientEnter(world.server, 'ben'));
	const id = (await clientDo(ben, { msgid: FIND_USER, name: 'ann' })).account;
	const second = await world.page({ context: ann.context });

	await pageUseHere(second);
	await pageOnline(second, true);
	await clientChat(ben, id, 'to whom?');
	await pageOpen(second, 'ben');
	await pageSees(second, 'to whom?');
	await pageSay(second, 'to the second tab');
	await pageUseHere(ann);
	await pageOpen(ann, 'ben');
	await pageSees(ann, 'to the second tab');
	await until('the second tab to say where the session is', () => second.view.getByRole('button', { name: /here/i }).isVisible());
});
