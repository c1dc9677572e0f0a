/* SPDX-License-Identifier: MIT
 * Goes through the screens of the page at the size of a desk and of a phone, light and dark: each is checked with axe, and
 * a picture of it is kept in web-shots/ of the build. */
import { mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { clientChat, clientDo, clientEnter, clientSend, CREATE_GROUP, EDIT, FIND_USER, GROUP_CHAT, INVITE, JOIN_GROUP, RECALL, SET_CONTACT, SIGNAL } from './support/client.mjs';
import { axePath, build } from './support/modules.mjs';
import { button, newBrowserPage, pageBack, pageDetails, pageEnter, pageJoin, pageLog, pageOnline, pageOpen, pageSay, pageSees, pageSettings, pageAct, pageDraft } from './support/page.mjs';
import { test } from './support/runner.mjs';
import { relayCut, startRelay } from './support/relay.mjs';
import { until } from './support/wait.mjs';

const folder = path.join(build, 'web-shots');
const axe = readFileSync(axePath, 'utf8');

/* Movements are over, fonts are there. */
async function settle(page) {
	await page.view.evaluate(async () => {
		await document.fonts.ready;
		await Promise.all(document.getAnimations().filter((one) => one.effect.getComputedTiming().iterations !== Infinity).map((one) => one.finished.catch(() => {})));
	});
}

/* What axe says of colours. */
const ofColours = ['color-contrast', 'link-in-text-block'];

/* The same screen in both themes: but for its colours it is the same document. */
async function screen(page, size, name, problems) {
	if (!await page.view.evaluate(() => 'axe' in window))
		await page.view.evaluate(axe);
	for (const theme of ['dark', 'light']) {
		const options = { resultTypes: ['violations'], ...theme === 'dark' ? { runOnly: ofColours } : {} };

		await page.view.emulateMedia({ colorScheme: theme });
		await settle(page);
		await page.view.screenshot({ path: path.join(folder, `${size}-${theme}-${name}.png`), animations: 'disabled' });
		const { violations } = await page.view.evaluate((more) => window.axe.run(document, more), options);

		for (const { id, impact, nodes } of violations)
			if (impact === 'serious' || impact === 'critical')
				problems.push(`${theme} ${name}: ${id} (${impact}): ${nodes.slice(0, 3).map((node) => `${node.html.slice(0, 160)} ${node.failureSummary.split('\n')[1]}`).join(' | ')}`);
	}
}

async function find(client, name) {
	return (await clientDo(client, { msgid: FIND_USER, name })).account;
}

/* People and what they have said, before anybody looks. */
async function furnish(world) {
	const people = {};

	for (const name of ['Ben Carter', 'Zoë', '王小明', 'שרה', 'Dora'])
		people[name] = world.keep(await clientEnter(world.server, name));
	return people;
}

async function talk(people, id) {
	const ben = people['Ben Carter'], zoe = people['Zoë'];

	for (const text of ['Hi Ann! Are you coming on Saturday?', 'We meet at seven at the harbour, as we did last year. Bring something warm, it gets cold on the water.', 'The way: https://example.com/harbour?from=station'])
		await clientChat(ben, id, text);
	const { seq } = await clientChat(ben, id, 'And the tickts are with me.');

	await clientDo(ben, { msgid: EDIT, name: 'Ben Carter', toid: id, of: seq, msg: 'And the tickets are with me.' });
	const wrong = await clientChat(ben, id, 'for somebody else');

	await clientDo(ben, { msgid: RECALL, name: 'Ben Carter', toid: id, of: wrong.seq });
	await clientChat(people['王小明'], id, '明天下午三点开会，别忘了带上次的资料。');
	await clientChat(people['שרה'], id, 'שלום! נתראה מחר');
	await clientChat(people.Dora, id, 'supercalifragilisticexpialidocious'.repeat(8));
	const { groupid } = await clientDo(zoe, { msgid: CREATE_GROUP, groupname: 'Sunday cooks', groupdesc: 'What we eat, and who brings what' });

	await clientDo(zoe, { msgid: INVITE, groupid, account: id });
	for (const name of ['Ben Carter', 'Dora', '王小明'])
		await clientDo(people[name], { msgid: JOIN_GROUP, name, groupid });
	for (const [name, msg] of [['Zoë', 'Who has a large pot?'], ['Dora', 'I do. Twelve litres.'], ['Dora', 'And ladles.'], ['王小明', '我带饺子 🥟'], ['Ben Carter', 'Then I bring nothing but hunger']])
		await clientDo(people[name], { msgid: GROUP_CHAT, name, groupid, msg });
	const other = await clientDo(zoe, { msgid: CREATE_GROUP, groupname: 'Night swimmers', groupdesc: '' });

	await clientDo(zoe, { msgid: INVITE, groupid: other.groupid, account: id });
	return groupid;
}

for (const size of ['desk', 'phone'])
	test(`axe finds nothing serious on any screen of a ${size}, light and dark`, async (world) => {
		const problems = [];
		const shot = (page, name) => screen(page, size, name, problems);
		const relay = world.keep(await startRelay(world.server));
		const people = await furnish(world);

		mkdirSync(folder, { recursive: true });
		const first = await newBrowserPage(world, { size });

		await button(first, 'Log in').waitFor();
		await shot(first, '01-login');
		await button(first, 'Log in').click();
		await shot(first, '02-login-refused');
		const ann = await pageEnter(world, 'Ann', { size, url: relay.url });

		await shot(ann, '03-empty');
		await talk(people, await find(people.Dora, 'Ann'));
		await until('the list', async () => (await ann.view.getByRole('navigation').getByRole('listitem').count()) >= 6);
		await shot(ann, '04-list');
		await pageOpen(ann, 'Ben Carter');
		await pageSees(ann, 'And the tickets are with me.');
		await pageSay(ann, 'Of course. I will be there at seven.');
		await pageAct(ann, 'Are you coming on Saturday?', 'Reply');
		await pageSay(ann, 'Yes!');
		clientSend(people['Ben Carter'], { msgid: SIGNAL, id: people['Ben Carter'].id, name: 'Ben Carter', toid: await find(people.Dora, 'Ann'), kind: 'typing' });
		await shot(ann, '05-conversation');
		await pageLog(ann).getByRole('article').filter({ hasText: 'Yes!' }).last().click({ button: 'right' });
		await ann.view.getByRole('menu').waitFor();
		await shot(ann, '06-menu-of-a-message');
		await ann.view.keyboard.press('Escape');
		await pageDetails(ann);
		await shot(ann, '07-details-of-a-person');
		await pageOpen(ann, 'Sunday cooks');
		await shot(ann, '08-invitation');
		await pageJoin(ann);
		await pageSay(ann, 'I bring bread');
		await shot(ann, '09-group');
		await pageDetails(ann);
		await until('the members', async () => (await ann.view.locator('body').innerText()).includes('Zoë'));
		await shot(ann, '10-details-of-a-group');
		await pageOpen(ann, '王小明');
		await pageDraft(ann, 'a draft of several words');
		await shot(ann, '11-chinese');
		await pageOpen(ann, 'Dora');
		await shot(ann, '12-long-word');
		await pageOpen(ann, 'שרה');
		await shot(ann, '13-right-to-left');
		await pageBack(ann);
		await button(ann, 'New chat').first().click();
		await ann.view.getByRole('dialog').waitFor();
		await shot(ann, '14-new-conversation');
		await ann.view.keyboard.press('Escape');
		await pageSettings(ann);
		await shot(ann, '15-settings');
		await ann.view.keyboard.press('Escape');
		relayCut(relay);
		await pageOnline(ann, false);
		await shot(ann, '16-offline');
		if (problems.length > 0)
			throw new Error(problems.join('\n'));
	}, { patience: 8 });
