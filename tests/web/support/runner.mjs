/* SPDX-License-Identifier: MIT
 * Runs tests of the page and prints TAP. Each test has a server and a store of its own, and fresh browser contexts; at its
 * end it also fails if a page has thrown, logged an error, broken its Content-Security-Policy, shown a dialog, or asked
 * another host for anything. Several tests run at a time. */
import { chromium } from './modules.mjs';
import { serverStop, startServer } from './server.mjs';
import { newBrowserPage } from './page.mjs';
import { startChatclient } from './chatclient.mjs';
import { patience } from './wait.mjs';

const tests = [];

const patienceOf = (entry) => entry.options.patience || 3;

/* name: a sentence, what is promised. options.server: options of the server;
 * options.patience: how often `patience` it may take. */
export function test(name, run, options = {}) {
	tests.push({ name, run, options });
}

const launchOptions = {
	executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
	args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
		'--disable-component-update', '--disable-sync', '--disable-smooth-scrolling'],
};

async function runOne(entry, browser) {
	const world = { browser, pages: [], clients: [], server: await startServer(entry.options.server) };
	const errors = [];
	let timer;

	world.page = (options) => newBrowserPage(world, options);
	world.keep = (client) => { world.clients.push(client); return client; };
	world.chatclient = () => {
		const talker = startChatclient(world.server);

		world.clients.push({ end: () => talker.child.kill('SIGKILL') });
		return talker;
	};
	const late = new Promise((_, reject) => {
		timer = setTimeout(() => reject(new Error('the test takes too long')), patienceOf(entry) * patience);
	});
	await Promise.race([(async () => entry.run(world))(), late]).catch((error) => errors.push(error));
	clearTimeout(timer);
	for (const page of world.pages)
		errors.push(...page.faults.map((fault) => new Error(`the page of ${page.who || 'nobody'}: ${fault}`)));
	if (errors.length > 0 && process.env.CS_WEB_PICTURES)
		await Promise.all(world.pages.map((page, i) => page.view.screenshot({ path: `${process.env.CS_WEB_PICTURES}-${i}.png` }).catch(() => {})));
	await Promise.all(world.pages.map((page) => page.context.close().catch(() => {})));
	world.clients.forEach((client) => client.end());
	await serverStop(world.server).catch((error) => errors.push(error));
	return errors;
}

/* Runs all tests whose names contain `only`; returns the exit status. */
export async function runTests(only, lanes) {
	/* The long ones first, so that no lane waits for one at the end. */
	const chosen = tests.filter((entry) => !only || entry.name.includes(only)).sort((a, b) => patienceOf(b) - patienceOf(a));
	const browser = await chromium.launch(launchOptions);
	let next = 0, done = 0, failed = 0;

	console.log(`1..${chosen.length}`);
	const lane = async () => {
		while (next < chosen.length) {
			const entry = chosen[next++], start = Date.now();
			const errors = await runOne(entry, browser).catch((error) => [error]);
			const took = `${((Date.now() - start) / 1000).toFixed(1)} s`;

			console.log(`${errors.length ? 'not ok' : 'ok'} ${++done} - ${entry.name} (${took})`);
			for (const error of errors)
				console.error(`${entry.name}: ${error.stack || error}`);
			failed += errors.length > 0;
		}
	};
	await Promise.all(Array.from({ length: lanes }, lane));
	await browser.close();
	return failed || !chosen.length ? 1 : 0;
}
