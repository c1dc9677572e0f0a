/* SPDX-License-Identifier: MIT
 * A chatserverd of the build that serves the page, with a store in a folder of its own. */
import { spawn } from 'node:child_process';
import { createWriteStream, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { build, root } from './modules.mjs';
import { until } from './wait.mjs';

const cheapHashes = ['login.password_ops=1', 'login.password_memory=1M'];

/* options: texts "section.key=value". */
export async function startServer(options = []) {
	const server = { folder: mkdtempSync(path.join(tmpdir(), 'chat-web-')), options, port: 0, webPort: 0, child: null };

	await serverRun(server);
	return server;
}

/* Starts it again, on the same ports and with the same store. */
export async function serverRun(server) {
	const log = path.join(server.folder, 'log');
	const arguments_ = ['-c', 'conf/chat.conf'];
	const given = [
		`core.plugin_dir=${path.join(build, 'plugins')}`,
		`core.listen=127.0.0.1:${server.port}`,
		`websocket.listen=127.0.0.1:${server.webPort}`,
		`websocket.root=${path.join(root, 'tools/web')}`,
		`core.control=${path.join(server.folder, 'control')}`,
		`db_sqlite.path=${path.join(server.folder, 'chat.db')}`,
		'db_sqlite.synchronous=normal',
		...cheapHashes,
		...server.options,
	];

	for (const option of given)
		arguments_.push('-o', option);
	const output = createWriteStream(log);
	await new Promise((resolve) => output.once('open', resolve));
	const child = spawn(path.join(build, 'chatserverd'), arguments_, { cwd: root, stdio: ['ignore', output, output] });

	server.child = child;
	server.ended = new Promise((resolve) => child.once('exit', (code, signal) => resolve({ code, signal })));
	await until('the server to be ready', () => {
		if (child.exitCode !== null)
			throw new Error(`the server ended:\n${serverLog(server)}`);
		return serverLog(server).includes(' ready ');
	});
	server.port = listeningPort(server, 'plain');
	server.webPort = listeningPort(server, 'ws');
	server.url = `http://127.0.0.1:${server.webPort}/`;
}

export function serverLog(server) {
	return readFileSync(path.join(server.folder, 'log'), 'utf8');
}

/* A line of the log says where the server listens, and for what. */
function listeningPort(server, transport) {
	for (const line of serverLog(server).split('\n')) {
		const address = / listening .*\baddress=\S*:(\d+)/.exec(line);
		const found = /\btransport=(\S+)/.exec(line);

		if (address && (found ? found[1] : 'plain') === transport)
			return Number(address[1]);
	}
	throw new Error(`the server does not say where it listens for ${transport}:\n${serverLog(server)}`);
}

/* As if the machine had lost its power. */
export async function serverKill(server) {
	server.child.kill('SIGKILL');
	await server.ended;
}

/* Ends it as an operator does, and removes its folder; throws if it did not end well. */
export async function serverStop(server) {
	let ended = { code: 0 };

	if (server.child.exitCode === null && server.child.signalCode === null) {
		server.child.kill('SIGTERM');
		ended = await server.ended;
	}
	const log = serverLog(server);

	rmSync(server.folder, { recursive: true, force: true });
	if (ended.code !== 0)
		throw new Error(`the server ended with ${JSON.stringify(ended)}:\n${log}`);
}
