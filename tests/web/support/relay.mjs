/* SPDX-License-Identifier: MIT
 * A network between the browser and the server that a test can cut: it passes TCP on, byte by byte. */
import net from 'node:net';
import { Transform } from 'node:stream';

function join(relay, near, server) {
	const far = net.connect(server.webPort, '127.0.0.1');
	const gate = new Transform({
		transform(data, _encoding, pass) {
			if (relay.hangsAt && data.toString('latin1').startsWith(`GET ${relay.hangsAt} `))
				relay.gates.push(() => pass(null, data));
			else
				pass(null, data);
		},
	});

	near.pipe(gate).pipe(far);
	far.pipe(near);
	for (const [one, other] of [[near, far], [far, near]]) {
		relay.sockets.add(one);
		one.on('error', () => {}).on('close', () => { relay.sockets.delete(one); other.destroy(); });
	}
	return far;
}

/* What is asked through it waits: see relayAsked and relayRelease. */
function hold(relay, near) {
	const one = { near, data: Buffer.alloc(0) };

	near.on('data', one.take = (data) => { one.data = Buffer.concat([one.data, data]); });
	relay.held.push(one);
}

export async function startRelay(server) {
	const relay = { sockets: new Set(), isCut: false, isHung: false, hanging: 0, hangs: 0, held: [], hangsAt: '', gates: [] };

	relay.listener = net.createServer((near) => {
		if (relay.isCut) {
			near.destroy();
			return;
		}
		if (relay.isHung) {
			relay.sockets.add(near.on('error', () => {}));
			relay.hangs ||= Date.now();
			relay.hanging++;
			hold(relay, near);
			return;
		}
		join(relay, near, server);
	});
	await new Promise((resolve) => relay.listener.listen(0, '127.0.0.1', resolve));
	relay.url = `http://127.0.0.1:${relay.listener.address().port}/`;
	relay.end = () => { relay.listener.close(); relayCut(relay); };
	return relay;
}

/* Ends all connections and takes no new ones until relayMend. */
export function relayCut(relay) {
	relay.isCut = true;
	relay.sockets.forEach((socket) => socket.destroy());
}

export function relayMend(relay) {
	relay.isCut = relay.isHung = false;
	relay.hangsAt = '';
}

/* New connections are taken, and nothing passes through them. */
export function relayHang(relay) {
	relay.isCut = false;
	relay.isHung = true;
}

/* Of what is asked for from now on, this path is not answered until relayRelease. */
export function relayHangAt(relay, path) {
	relay.hangsAt = path;
}

/* The paths that are asked for by the connections that hang. */
export function relayAsked(relay) {
	return relay.held.map((one) => /^GET (\S+)/.exec(one.data.toString())?.[1]).filter(Boolean);
}

/* What hangs goes on. */
export function relayRelease(relay, server) {
	relayMend(relay);
	relay.gates.splice(0).forEach((open) => open());
	for (const { near, data, take } of relay.held.splice(0).filter((one) => !one.near.destroyed)) {
		near.off('data', take);
		join(relay, near, server).write(data);
	}
}
