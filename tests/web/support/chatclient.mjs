/* SPDX-License-Identifier: MIT
 * A chatclient of the build that plays a script, line by line. */
import { spawn } from 'node:child_process';
import path from 'node:path';
import { build } from './modules.mjs';
import { until } from './wait.mjs';

export function startChatclient(server) {
	const child = spawn(path.join(build, 'chatclient'), ['127.0.0.1', String(server.port)], {
		env: { ...process.env, XDG_STATE_HOME: server.folder },
		stdio: ['pipe', 'pipe', 'inherit'],
	});
	const talker = { child, lines: [], text: '' };

	talker.ended = new Promise((resolve) => child.once('exit', resolve));
	child.stdout.setEncoding('utf8').on('data', (text) => {
		const parts = (talker.text + text).split('\n');

		talker.text = parts.pop();
		talker.lines.push(...parts.map((line) => line.split('\t')));
	});
	return talker;
}

export function chatclientSay(talker, line) {
	talker.child.stdin.write(`${line}\n`);
}

/* Waits for a line with these first fields; null fits every field. Returns the line. */
export function chatclientExpect(talker, ...fields) {
	return until(`chatclient to say "${fields.join(' ')}" (it said ${JSON.stringify(talker.lines)})`, () =>
		talker.lines.find((line) => fields.every((field, i) => field === null || line[i] === String(field))));
}

/* Returns its exit status. */
export function chatclientQuit(talker) {
	talker.child.stdin.end();
	return talker.ended;
}
