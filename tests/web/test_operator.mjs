/* SPDX-License-Identifier: MIT
 * Tests what the page shows of an operator's work: orders about a group, an account that was erased, and registration by
 * invitation or not at all. */
import assert from 'node:assert/strict';
import { ACCOUNT_ERASE, ACCOUNT_LOCK, ACCOUNT_SHOW, clientChat, clientDo, clientEnter, connectOperator, GROUP_DISSOLVE, GROUP_MUTE, INVITE_CREATE } from './support/client.mjs';
import { button, groupInvite, groupMake, pageEnter, pageItem, pageJoin, pageLog, pageMessages, pageOnline, pageOpen, pageSees } from './support/page.mjs';
import { test } from './support/runner.mjs';
import { until } from './support/wait.mjs';

const events = (page) => pageLog(page).locator('.event').allInnerTexts();

function seesEvent(page, text) {
	return until(`the page of ${page.who} to show "${text}"`, async () => (await events(page)).some((one) => one.startsWith(text)));
}

const toast = (page, text) => page.view.getByRole('status').filter({ hasText: text }).first().waitFor();

test('what an operator does in a group is shown as the work of the operator', async (world) => {
	const ann = await pageEnter(world, 'ann'), ben = await pageEnter(world, 'ben');
	const operator = world.keep(await connectOperator(world.server));

	await groupMake(ann, 'cooks', '');
	await groupInvite(ann, 'ben');
	await pageOpen(ben, 'cooks');
	await pageJoin(ben);
	const { account } = await clientDo(operator, { msgid: ACCOUNT_SHOW, name: 'ben' });

	await clientDo(operator, { msgid: GROUP_MUTE, groupname: 'cooks', account, ms: 60000 });
	await seesEvent(ann, 'The operator muted ben');
	await seesEvent(ben, 'The operator muted ben');
	await clientDo(operator, { msgid: GROUP_MUTE, groupname: 'cooks', account, ms: 0 });
	await seesEvent(ann, 'The operator unmuted ben');
	while (!(await clientDo(operator, { msgid: GROUP_DISSOLVE, groupname: 'cooks' })).ended);
	await toast(ben, 'The operator removed you from cooks.');
	await seesEvent(ann, 'The operator removed ben');
	await seesEvent(ann, 'The operator ended the group');
	await toast(ann, 'The operator ended cooks.');
	for (const page of [ann, ben])
		await page.view.getByText('You are no longer in this group.').waitFor();
	assert.ok(!(await events(ann)).some((one) => /ann (muted|unmuted|removed|left)/.test(one)));
});

test('who is locked is told so, and not that the password is wrong', async (world) => {
	const ann = await pageEnter(world, 'ann');
	const operator = world.keep(await connectOperator(world.server));
	const told = () => ann.view.getByRole('alert').filter({ hasText: 'This account is locked.' }).waitFor();

	await clientDo(operator, { msgid: ACCOUNT_LOCK, name: 'ann', reason: 'sends spam' });
	await told();
	await ann.view.reload();
	await ann.view.getByLabel('Name', { exact: true }).fill('ann');
	await ann.view.getByLabel('Password', { exact: true }).fill('a good secret');
	await button(ann, 'Log in').click();
	await told();
});

test('a message of an account that was erased says that it is empty', async (world) => {
	const ann = await pageEnter(world, 'ann');
	const ben = world.keep(await clientEnter(world.server, 'ben'));
	const operator = world.keep(await connectOperator(world.server));
	const name = `erased ${ben.id}`, { account } = await clientDo(operator, { msgid: ACCOUNT_SHOW, name: 'ann' });

	await clientChat(ben, account, 'words of ben');
	await pageOpen(ann, 'ben');
	await pageSees(ann, 'words of ben');
	await clientDo(operator, { msgid: ACCOUNT_ERASE, account: ben.id });
	await until('ben to be erased', async () => (await clientDo(operator, { msgid: ACCOUNT_SHOW, account: ben.id })).state === 'erased');
	await ann.view.reload();
	await pageOpen(ann, name);
	await pageSees(ann, 'Empty message');
	assert.deepEqual((await pageMessages(ann)).map((message) => message.text), ['Empty message']);
	assert.match(await pageItem(ann, name).innerText(), /Empty message/);
	assert.equal(await pageLog(ann).getByRole('button', { name: 'Actions' }).count(), 0);
});

async function askForAccount(world) {
	const page = await world.page();

	page.who = 'ann';
	await page.view.getByLabel('Name', { exact: true }).fill('ann');
	await page.view.getByLabel('Password', { exact: true }).fill('a good secret');
	assert.ok(!await page.view.getByLabel('Invitation').isVisible());
	await button(page, 'Create account').click();
	return page;
}

const alert = (page, text) => page.view.getByRole('alert').filter({ hasText: text }).waitFor();

test('the code of an invitation is asked for where a new account needs one', async (world) => {
	const operator = world.keep(await connectOperator(world.server));
	const { code } = await clientDo(operator, { msgid: INVITE_CREATE });
	const page = await askForAccount(world), field = page.view.getByLabel('Invitation');

	await alert(page, 'An invitation is needed to make an account.');
	await field.waitFor();
	assert.ok(await field.evaluate((input) => input === document.activeElement));
	await field.fill('ABCDE-FGHJK');
	await button(page, 'Create account').click();
	await alert(page, 'This invitation is wrong, used up or over.');
	await field.fill(` ${code.toLowerCase()} `);
	await button(page, 'Create account').click();
	await pageOnline(page, true);
}, { server: ['login.registration=invite'] });

test('who cannot make an account is told that nobody can', async (world) => {
	const page = await askForAccount(world);

	await alert(page, 'No new accounts can be made here.');
	assert.ok(!await page.view.getByLabel('Invitation').isVisible());
}, { server: ['login.registration=closed'] });
