/* SPDX-License-Identifier: MIT
 * The page in a browser, as a person uses it: controls are found by role and name, as a screen reader finds them. */
import english from '../../../tools/web/words/en.js';
import { patience, until } from './wait.mjs';

const sizes = { desk: { width: 1280, height: 800 }, phone: { width: 390, height: 844 } };

/* What the browser itself says when a connection or a request cannot be made: tests of trouble make that happen. */
const ofTheNetwork = /^(A bad HTTP response code|WebSocket connection to .* failed|Failed to load resource: net::ERR_)/;

/* The first parts of the keys of texts that have several: notice, error, event ... */
const keyParts = new Set(Object.keys(english).filter((key) => key.includes('.')).map((key) => key.split('.')[0]));

/* Runs in the page. A key that has no text is shown as it is: that is an error of the page. */
function watchKeys(parts) {
	const key = new RegExp(`^(${parts})\\.[a-zA-Z]+$`);
	const told = (text) => {
		if (key.test(text))
			console.error(`no text for ${text}`);
	};
	const look = (node) => {
		if (node.nodeType === Node.TEXT_NODE) {
			told(node.data);
			return;
		}
		for (const name of ['aria-label', 'title', 'placeholder'])
			told(node.getAttribute?.(name));
		node.childNodes.forEach(look);
	};

	new MutationObserver((changes) => {
		for (const change of changes)
			(change.type === 'childList' ? [...change.addedNodes] : [change.target]).forEach(look);
	}).observe(document, { subtree: true, childList: true, characterData: true, attributeFilter: ['aria-label', 'title', 'placeholder'] });
}

/* Options: size, theme ('light' or 'dark'), locale, url, and context to open a second tab. */
export async function newBrowserPage(world, options = {}) {
	const url = options.url || world.server.url;
	const context = options.context || await world.browser.newContext({
		viewport: sizes[options.size || 'desk'], hasTouch: options.size === 'phone', isMobile: options.size === 'phone',
		colorScheme: options.theme || 'light', locale: options.locale || 'en-US', timezoneId: 'UTC',
	});
	const page = { context, view: await context.newPage(), faults: [], who: '', url };

	page.view.setDefaultTimeout(patience);
	page.view.on('pageerror', (error) => page.faults.push(`it threw ${error.stack}`));
	page.view.on('console', (message) => {
		if (message.type() === 'error' && !ofTheNetwork.test(message.text()))
			page.faults.push(`it says ${message.text()}`);
	});
	page.view.on('dialog', (dialog) => {
		page.faults.push(`a dialog says ${dialog.message()}`);
		dialog.dismiss();
	});
	page.view.on('popup', (popup) => page.faults.push(`a window opens ${popup.url()}`));
	page.view.on('request', (request) => {
		if (!/^(data|blob):/.test(request.url()) && !request.url().startsWith(url))
			page.faults.push(`it asks for ${request.url()}`);
	});
	await page.view.addInitScript(() => {
		document.addEventListener('securitypolicyviolation', (event) =>
			console.error(`${event.violatedDirective} is broken by ${event.blockedURI} in ${event.sourceFile}`));
	});
	await page.view.addInitScript(watchKeys, [...keyParts].join('|'));
	world.pages.push(page);
	await page.view.goto(url);
	return page;
}

export const button = (page, name) => page.view.getByRole('button', { name, exact: true });

/* ---- who one is */

async function fillLogin(page, name, password) {
	await page.view.getByLabel('Name', { exact: true }).fill(name);
	await page.view.getByLabel('Password', { exact: true }).fill(password);
}

/* Opens the page and makes an account. */
export async function pageEnter(world, name, options) {
	const page = await newBrowserPage(world, options);

	page.who = name;
	await fillLogin(page, name, 'a good secret');
	await button(page, 'Create account').click();
	await pageOnline(page, true);
	return page;
}

export async function pageLogin(page, name, password = 'a good secret', { refused } = {}) {
	page.who = name;
	await fillLogin(page, name, password);
	await button(page, 'Log in').click();
	if (refused)
		await page.view.getByRole('alert').filter({ hasText: /password/i }).waitFor();
	else
		await pageOnline(page, true);
}

/* Logged in and connected, or else connected no more, as the page says it. */
export async function pageOnline(page, wanted) {
	const list = page.view.getByRole('navigation', { name: 'Conversations' });

	await list.waitFor({ state: 'attached' });
	await page.view.getByRole('button', { name: 'Retry now' }).waitFor({ state: wanted ? 'hidden' : 'visible' });
}

export async function pageShowsLogin(page) {
	await button(page, 'Log in').waitFor();
}

export async function pageSettings(page) {
	await pageBack(page);
	await button(page, 'Settings').click();
	await page.view.getByRole('dialog').waitFor();
}

export async function pageLogout(page) {
	await pageSettings(page);
	await page.view.getByRole('dialog').getByRole('button', { name: 'Log out', exact: true }).click();
	await page.view.getByRole('dialog', { name: 'Log out' }).getByRole('button', { name: 'Log out', exact: true }).click();
	await pageShowsLogin(page);
}

export async function pageSetPassword(page, before, after) {
	await pageSettings(page);
	const dialog = page.view.getByRole('dialog');

	await dialog.locator('summary').filter({ hasText: /password/i }).click();
	await dialog.getByLabel('Present password').fill(before);
	await dialog.getByLabel('New password').fill(after);
	await dialog.getByRole('button', { name: 'Change', exact: true }).click();
	await page.view.getByRole('status').filter({ hasText: /password/i }).first().waitFor();
}

export async function pageRetry(page) {
	const retry = page.view.getByRole('button', { name: 'Retry now' });

	if (await retry.isVisible())
		await retry.click({ timeout: 1000 }).catch(() => {}); /* it may have connected by itself meanwhile */
}

/* The tab where this is shown takes the session of the other tab. */
export async function pageUseHere(page) {
	await page.view.getByRole('button', { name: /here/i }).click();
}

/* ---- the list of conversations */

export function pageItem(page, name) {
	return page.view.getByRole('navigation', { name: 'Conversations' }).getByRole('link').filter({ has: page.view.getByText(name, { exact: true }) });
}

/* On a phone the list is not seen beside a conversation. */
export async function pageBack(page) {
	const back = button(page, 'Back'), details = page.view.getByRole('complementary');

	if (await back.isVisible() && await details.isVisible())
		await details.getByRole('button', { name: 'Close' }).click();
	if (await back.isVisible())
		await back.click();
}

export async function pageOpen(page, name) {
	await pageBack(page);
	await pageItem(page, name).click();
	await page.view.getByRole('main').getByRole('heading', { name, exact: true }).waitFor();
}

/* Begins a conversation with who has this name. */
export async function pageFind(page, name, { refused } = {}) {
	await pageBack(page);
	const search = page.view.getByRole('navigation', { name: 'Conversations' }).getByRole('searchbox');

	await search.fill(name);
	await search.press('Enter');
	if (refused)
		await page.view.getByRole('status').filter({ hasText: /nobody|no one|no account/i }).first().waitFor();
	else
		await page.view.getByRole('main').getByRole('heading', { name, exact: true }).waitFor();
}

export async function pageUnread(page, name) {
	const told = await pageItem(page, name).locator('.badge .hidden-text').allTextContents();

	return told.length ? parseInt(told[0], 10) : 0;
}

/* ---- the conversation that is open */

export function pageLog(page) {
	return page.view.getByRole('log');
}

/* What stands at the top of the conversation. */
export async function pageHead(page) {
	return page.view.getByRole('main').locator('header').innerText();
}

/* The messages that are in the document, in their order. */
export async function pageMessages(page) {
	return pageLog(page).evaluate((log) => [...log.querySelectorAll('article.message')].map((item) => {
		const stateText = item.querySelector('.state')?.className || '';

		return {
			text: item.querySelector('.text').textContent,
			own: item.classList.contains('own'),
			state: /sending|failed|read/.exec(stateText)?.[0] || (/stored/.test(stateText) ? 'sent' : ''),
			edited: /edited/i.test(item.querySelector('.meta').textContent),
			recalled: !!item.querySelector('.recalled'),
			quote: item.querySelector('.quote')?.textContent || '',
		};
	}));
}

export async function pageTexts(page) {
	return (await pageMessages(page)).filter((message) => !message.recalled).map((message) => message.text);
}

export async function pageMessage(page, text) {
	return (await pageMessages(page)).find((message) => message.text === text) || {};
}

export function pageSees(page, text) {
	return until(`the page of ${page.who} to show ${text}`, async () => (await pageMessages(page)).some((message) => message.text === text));
}

export const pageField = (page) => page.view.getByRole('main').getByRole('textbox');

export async function pageType(page, text) {
	await pageField(page).pressSequentially(text);
}

/* Sends, whether there is a connection or not. */
export async function pageSayAnyhow(page, text) {
	await pageField(page).fill(text);
	await button(page, 'Send').click();
	await pageSees(page, text);
}

export async function pageSay(page, text) {
	await pageSayAnyhow(page, text);
	await until(`${text} to be sent`, async () => /sent|read/.test((await pageMessage(page, text)).state));
}

/* Leaves text in the field, unsent; without text: what stands there. */
export async function pageDraft(page, text) {
	if (text === undefined)
		return pageField(page).inputValue();
	await pageField(page).fill(text);
	return text;
}

/* Chooses an entry of the menu of a message; for Edit, text is the new one. */
export async function pageAct(page, message, choice, text) {
	const item = pageLog(page).getByRole('article').filter({ hasText: message }).last();

	await item.hover();
	await item.getByRole('button', { name: 'Actions' }).click();
	await page.view.getByRole('menuitem', { name: choice, exact: true }).click();
	if (choice === 'Delete for everyone')
		await page.view.getByRole('dialog').getByRole('button', { name: choice }).click();
	if (text !== undefined) {
		await pageField(page).fill(text);
		await pageField(page).press('Enter');
	}
}

/* ---- groups */

export async function groupMake(page, name, about) {
	await pageBack(page);
	await button(page, 'New chat').first().click();
	const dialog = page.view.getByRole('dialog');

	await dialog.locator('summary').filter({ hasText: /new group/i }).click();
	await dialog.getByLabel('Name of the group').fill(name);
	await dialog.getByLabel('Description').fill(about);
	await dialog.getByRole('button', { name: 'Create group' }).click();
	await page.view.getByRole('main').getByRole('heading', { name, exact: true }).waitFor();
}

export async function pageDetails(page) {
	const details = page.view.getByRole('complementary');

	if (!await details.isVisible())
		await button(page, 'Details').click();
	await details.waitFor();
	return details;
}

export async function groupInvite(page, name) {
	const details = await pageDetails(page);

	await details.getByLabel('Invite', { exact: true }).fill(name);
	await details.getByLabel('Invite', { exact: true }).press('Enter');
	await page.view.getByRole('status').filter({ hasText: name }).first().waitFor();
}

/* Takes the invitation to the group that is open. */
export async function pageJoin(page) {
	await button(page, 'Join').click();
	await pageField(page).waitFor();
}

/* Joins a group by its number, or tries to; refused: what the page says then. */
export async function pageJoinNumber(page, groupid, refused) {
	await pageBack(page);
	await button(page, 'New chat').first().click();
	const dialog = page.view.getByRole('dialog');

	await dialog.locator('summary').filter({ hasText: /join a group/i }).click();
	await dialog.getByLabel('Number of the group').fill(String(groupid));
	await dialog.getByRole('button', { name: 'Join', exact: true }).click();
	if (refused) {
		await page.view.getByRole('alert').filter({ hasText: refused }).waitFor();
		await page.view.keyboard.press('Escape');
	}
	await dialog.waitFor({ state: 'detached' });
}

/* Chooses an entry of the menu of a member. */
export async function groupAct(page, name, choice) {
	const details = await pageDetails(page);

	await details.getByRole('listitem').filter({ hasText: name }).getByRole('button').click();
	await page.view.getByRole('menuitem', { name: choice }).first().click();
	const sure = page.view.getByRole('dialog').getByRole('button', { name: choice });

	if (await sure.isVisible())
		await sure.click();
}

export async function groupLeave(page) {
	const details = await pageDetails(page);

	await details.getByRole('button', { name: 'Leave group' }).click();
	await page.view.getByRole('dialog').getByRole('button', { name: /leave/i }).click();
}
