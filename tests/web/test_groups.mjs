/* SPDX-License-Identifier: MIT
 * Tests groups on the page: to make one, invite, join, talk, give roles, mute, remove, leave. */
import assert from 'node:assert/strict';
import { clientAsk, clientDo, clientEnter, clientExpect, clientHistory, GROUP_CHAT, INVITE, JOIN_GROUP, MEMBERS, MUTE, REMOVE_MEMBER, SET_ROLE } from './support/client.mjs';
import { groupAct, groupInvite, groupLeave, groupMake, pageEnter, pageDetails, pageFind, pageJoin, pageJoinNumber, pageLog, pageOpen, pageSay, pageSees, pageTexts } from './support/page.mjs';
import { test } from './support/runner.mjs';
import { until } from './support/wait.mjs';

async function members(client, groupid) {
	return Object.fromEntries((await clientDo(client, { msgid: MEMBERS, groupid })).members.map((member) => [member.name, member.role]));
}

test('a group is made, people are invited and join, and all of them talk', async (world) => {
	const ann = await pageEnter(world, 'ann'), ben = await pageEnter(world, 'ben');
	const cid = world.keep(await clientEnter(world.server, 'cid'));

	await groupMake(ann, 'cooks', 'what we eat');
	await groupInvite(ann, 'ben');
	await groupInvite(ann, 'cid');
	await pageOpen(ben, 'cooks');
	await pageJoin(ben);
	await until('the beginning of the group to be there', async () => /begins/.test(await pageLog(ben).innerText()));
	const { groupid } = await clientExpect(cid, { msgid: INVITE });

	await clientDo(cid, { msgid: JOIN_GROUP, name: 'cid', groupid });
	await pageSay(ann, 'soup today');
	await pageSees(ben, 'soup today');
	await pageSay(ben, 'again?');
	await pageSees(ann, 'again?');
	await clientExpect(cid, { msgid: GROUP_CHAT, msg: 'again?' });
	await clientDo(cid, { msgid: GROUP_CHAT, name: 'cid', groupid, msg: 'with bread' });
	await pageSees(ann, 'with bread');
	await pageSees(ben, 'with bread');
	assert.deepEqual(await members(cid, groupid), { ann: 'creator', ben: 'normal', cid: 'normal' });
});

test('the creator gives roles, mutes and removes members on the page', async (world) => {
	const ann = await pageEnter(world, 'ann');
	const ben = world.keep(await clientEnter(world.server, 'ben')), cid = world.keep(await clientEnter(world.server, 'cid'));

	await groupMake(ann, 'cooks', '');
	await groupInvite(ann, 'ben');
	await groupInvite(ann, 'cid');
	const { groupid } = await clientExpect(ben, { msgid: INVITE });

	await clientDo(ben, { msgid: JOIN_GROUP, name: 'ben', groupid });
	await clientDo(cid, { msgid: JOIN_GROUP, name: 'cid', groupid });
	await groupAct(ann, 'ben', 'Make admin');
	await until('ben to be an admin', async () => (await members(cid, groupid)).ben === 'admin');
	await groupAct(ann, 'cid', 'Mute');
	await clientExpect(cid, { msgid: MUTE });
	await groupAct(ann, 'cid', 'Remove');
	await clientExpect(cid, { msgid: REMOVE_MEMBER });
	await until('cid to be gone', async () => !(await members(ben, groupid)).cid);
	await clientExpect(ben, { msgid: SET_ROLE });
});

/* ann's group "cooks": ben and ann have the page, cid a client. */
async function enterCooks(world) {
	const ann = await pageEnter(world, 'ann'), ben = await pageEnter(world, 'ben');
	const cid = world.keep(await clientEnter(world.server, 'cid'));

	await groupMake(ann, 'cooks', '');
	await groupInvite(ann, 'ben');
	await groupInvite(ann, 'cid');
	const { groupid } = await clientExpect(cid, { msgid: INVITE });

	await clientDo(cid, { msgid: JOIN_GROUP, name: 'cid', groupid });
	await pageOpen(ben, 'cooks');
	await pageJoin(ben);
	return { ann, ben, cid, groupid };
}

test('a banned member is gone and cannot join again until it is invited', async (world) => {
	const { ann, ben, cid, groupid } = await enterCooks(world);

	await pageSay(ben, 'soup?');
	await pageSees(ann, 'soup?');
	await groupAct(ann, 'ben', 'Remove and ban');
	await ben.view.getByRole('status').filter({ hasText: /an invitation is needed/ }).first().waitFor();
	await until('the page of ben to say so', async () => /no longer in this group/.test(await ben.view.locator('main').innerText()));
	assert.deepEqual(Object.keys(await members(cid, groupid)).sort(), ['ann', 'cid']);
	await pageJoinNumber(ben, groupid, /not allowed/);
	await groupInvite(ann, 'ben');
	await pageOpen(ben, 'cooks');
	await pageJoin(ben);
	await pageSay(ben, 'I am back');
	await pageSees(ann, 'I am back');
});

test('the owner hands a group over on the page, and can leave it then', async (world) => {
	const { ann, ben, cid, groupid } = await enterCooks(world);

	await groupAct(ann, 'ben', 'Make owner');
	await until('the roles', async () => JSON.stringify(await members(cid, groupid)) === JSON.stringify({ ann: 'admin', ben: 'creator', cid: 'normal' }));
	/* Each page shows what one may do now. */
	await groupAct(ben, 'cid', 'Make admin');
	await until('the role of cid', async () => (await members(cid, groupid)).cid === 'admin');
	await groupLeave(ann);
	await until('ann to be gone', async () => !(await members(cid, groupid)).ann);
	await pageSay(ben, 'mine now');
	await clientExpect(cid, { msgid: GROUP_CHAT, msg: 'mine now' });
});

test('a muted member sees that it may not write, and a removed one keeps what it could read', async (world) => {
	const ben = world.keep(await clientEnter(world.server, 'ben'));
	const ann = await pageEnter(world, 'ann');
	const { groupid } = await clientDo(ben, { msgid: 8, name: 'ben', groupname: 'cooks', groupdesc: '' });
	const annId = (await clientDo(ben, { msgid: 133, name: 'ann' })).account;

	await clientDo(ben, { msgid: INVITE, name: 'ben', groupid, account: annId });
	await pageOpen(ann, 'cooks');
	await pageJoin(ann);
	await clientDo(ben, { msgid: GROUP_CHAT, name: 'ben', groupid, msg: 'before all that' });
	await pageSees(ann, 'before all that');
	await clientDo(ben, { msgid: MUTE, name: 'ben', groupid, account: annId, until: Date.now() + 3600000 });
	await until('the page to say so', async () => /cannot write here/.test(await ann.view.locator('main').innerText()));
	await clientDo(ben, { msgid: MUTE, name: 'ben', groupid, account: annId, until: 0 });
	await pageSay(ann, 'I may again');
	await clientExpect(ben, { msgid: GROUP_CHAT, msg: 'I may again' });
	await clientDo(ben, { msgid: REMOVE_MEMBER, name: 'ben', groupid, account: annId });
	await until('the page to say so', async () => /removed/i.test(await ann.view.locator('main').innerText()));
	assert.ok((await pageTexts(ann)).includes('before all that'));
});

test('who leaves a group is gone from it', async (world) => {
	const ben = world.keep(await clientEnter(world.server, 'ben'));
	const ann = await pageEnter(world, 'ann');
	const { groupid } = await clientDo(ben, { msgid: 8, name: 'ben', groupname: 'cooks', groupdesc: '' });
	const annId = (await clientDo(ben, { msgid: 133, name: 'ann' })).account;

	await clientDo(ben, { msgid: INVITE, name: 'ben', groupid, account: annId });
	await pageOpen(ann, 'cooks');
	await pageJoin(ann);
	await until('ann to be a member', async () => (await members(ben, groupid)).ann);
	await groupLeave(ann);
	await until('ann to be gone', async () => !(await members(ben, groupid)).ann);
	await pageFind(ann, 'ben');
});

test('the creator says who can join, and what new members see', async (world) => {
	const ann = await pageEnter(world, 'ann');
	const ben = world.keep(await clientEnter(world.server, 'ben'));

	await groupMake(ann, 'cooks', '');
	await pageSay(ann, 'in the beginning');
	const groupid = Number(/g([0-9]+)/.exec(ann.view.url())[1]);
	const details = await pageDetails(ann);

	await details.locator('summary').click();
	await details.getByRole('button', { name: 'Let only invited people join' }).click();
	await until('ben to be refused', async () => {
		const { errno } = await clientAsk(ben, { msgid: JOIN_GROUP, name: 'ben', groupid });

		assert.notEqual(errno, 0, 'ben joins');
		return errno === 8;
	});
	await details.getByRole('button', { name: 'Show new members all messages' }).click();
	await details.getByRole('button', { name: 'Let everyone join' }).click();
	await until('ben to join', async () => (await clientAsk(ben, { msgid: JOIN_GROUP, name: 'ben', groupid })).errno === 0);
	await until('ben to read all', async () => (await clientHistory(ben, { groupid })).some((frame) => frame.msg === 'in the beginning'));
});
