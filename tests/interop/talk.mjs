// SPDX-License-Identifier: MIT
// Two people talk over WebSocket with the package ws of npm: node talk.mjs URL [CERTIFICATE]. NODE_PATH does not help
// modules: the package is asked of the folder in WS_FOLDER.
import assert from 'node:assert';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const WebSocket = createRequire(process.env.WS_FOLDER + '/')('ws');
const [url, certificate] = process.argv.slice(2);
const options = certificate ? { ca: readFileSync(certificate) } : {};

setTimeout(() => { console.error('no answer in time'); process.exit(1); }, 20000).unref();

async function connect() {
	const socket = new WebSocket(url, options);
	socket.heard = [];
	socket.wake = () => {};
	socket.on('message', (data, isBinary) => {
		assert.equal(isBinary, false);
		socket.heard.push(JSON.parse(data.toString()));
		socket.wake();
	});
	await once(socket, 'open');
	return socket;
}

async function hear(socket, msgid) {
	for (;;) {
		while (socket.heard.length) {
			const frame = socket.heard.shift();
			if (frame.msgid === msgid)
				return frame;
		}
		await new Promise((resolve) => { socket.wake = resolve; });
	}
}

async function enter(socket, name) {
	socket.send(JSON.stringify({ msgid: 4, name, password: 'secret' }));
	const { id, errno } = await hear(socket, 5);
	assert.equal(errno, 0);
	socket.send(JSON.stringify({ msgid: 1, id, password: 'secret' }));
	assert.equal((await hear(socket, 2)).errno, 0);
	return id;
}

const ann = await connect(), bob = await connect();
const a = await enter(ann, 'node ann ' + url), b = await enter(bob, 'node bob ' + url);

ann.send(JSON.stringify({ msgid: 6, id: a, toid: b, msg: 'hello', time: '' }));
assert.equal((await hear(bob, 6)).msg, 'hello');

const text = '你好, in fragments 😀', frame = JSON.stringify({ msgid: 6, id: b, toid: a, msg: text, time: '' });
const bytes = Buffer.from(frame);
for (let at = 0; at < bytes.length; at += 7) // within characters, too
	bob.send(bytes.subarray(at, at + 7), { fin: at + 7 >= bytes.length, binary: false });
assert.equal((await hear(ann, 6)).msg, text);

ann.ping('alive?');
assert.equal((await once(ann, 'pong'))[0].toString(), 'alive?');
ann.close(1000, 'done');
assert.equal((await once(ann, 'close'))[0], 1000);
bob.send(Buffer.from('binary'));
assert.equal((await once(bob, 'close'))[0], 1003);
