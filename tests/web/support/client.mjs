/* SPDX-License-Identifier: MIT
 * A client that says frames as they are, over plain TCP or a WebSocket: what the page shows is compared with what it gets. */
import net from 'node:net';
import path from 'node:path';
import { StringDecoder } from 'node:string_decoder';
import { WebSocket } from './modules.mjs';
import { until } from './wait.mjs';

export const LOGIN = 1, REGISTER = 4, CHAT = 6, CREATE_GROUP = 8, JOIN_GROUP = 9, GROUP_CHAT = 10;
export const PING = 102, DELIVERED = 104, HISTORY = 105, INBOX = 106, SET_PASSWORD = 112, READ = 120, SIGNAL = 122;
export const SET_CONTACT = 131, CONTACTS = 132, FIND_USER = 133, REMOVE_MEMBER = 141, SET_ROLE = 142, MEMBERS = 144;
export const INVITE = 145, MUTE = 146, EDIT = 160, RECALL = 161;
/* Of operators. */
export const ACCOUNT_LOCK = 922, ACCOUNT_SHOW = 925, ACCOUNT_ERASE = 927, GROUP_DISSOLVE = 932, GROUP_MUTE = 934, INVITE_CREATE = 940;

function newClient() {
	return { id: 0, name: '', frames: [], waiting: new Map(), req: 0, closed: false, write: null, end: null };
}

function clientTake(client, text) {
	const frame = JSON.parse(text);
	const answer = client.waiting.get(frame.req);

	client.frames.push(frame);
	if (answer && (frame.msgid === 100 || frame.msgid === 2 || frame.msgid === 5)) {
		client.waiting.delete(frame.req);
		answer.resolve(frame);
	}
}

function clientEnded(client) {
	client.closed = true;
	for (const answer of client.waiting.values())
		answer.reject(new Error('the connection was closed'));
	client.waiting.clear();
}

/* where: of net.connect. */
async function connectPlain(where) {
	const client = newClient();
	const socket = net.connect(where);
	const decoder = new StringDecoder('utf8');
	let rest = '';

	await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
	socket.on('data', (bytes) => {
		const parts = (rest + decoder.write(bytes)).split('\0');

		rest = parts.pop();
		parts.forEach((part) => clientTake(client, part));
	});
	socket.on('error', () => {}).on('close', () => clientEnded(client));
	client.write = (text) => socket.write(`${text}\0`);
	client.end = () => socket.destroy();
	return client;
}

export const connectTcp = (server) => connectPlain({ port: server.port, host: '127.0.0.1' });

/* An operator on the socket of core.control; it has no account. */
export async function connectOperator(server) {
	return Object.assign(await connectPlain({ path: path.join(server.folder, 'control') }), { id: undefined });
}

export async function connectWebSocket(server) {
	const client = newClient();
	const socket = new WebSocket(`ws://127.0.0.1:${server.webPort}/ws`);

	await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
	socket.on('message', (bytes) => clientTake(client, bytes.toString()));
	socket.on('error', () => {}).on('close', () => clientEnded(client));
	client.write = (text) => socket.send(text);
	client.end = () => socket.terminate();
	return client;
}

export function clientSend(client, frame) {
	client.write(JSON.stringify(frame));
}

/* Asks, and returns the answer, also a refusal. */
export function clientAsk(client, frame) {
	const req = ++client.req;

	return new Promise((resolve, reject) => {
		client.waiting.set(req, { resolve, reject });
		clientSend(client, { id: client.id, ...frame, req });
	});
}

/* The same, for what must be done. */
export async function clientDo(client, frame) {
	const answer = await clientAsk(client, frame);

	if (answer.errno)
		throw new Error(`${JSON.stringify(frame).slice(0, 200)} was refused: ${JSON.stringify(answer)}`);
	return answer;
}

export async function clientRegister(client, name, password) {
	return (await clientDo(client, { msgid: REGISTER, id: undefined, name, password })).id;
}

/* A session of a device, as the page has one. */
export async function clientLogin(client, name, password, more = {}) {
	const answer = await clientDo(client, {
		msgid: LOGIN, id: undefined, name, password, rosters: false, device: 'raw', want: ['event', 'echo', 'read', 'presence', 'signal'],
		...more,
	});

	client.id = answer.id;
	client.name = answer.name;
	return answer;
}

/* Makes an account and logs in; where: connectTcp or connectWebSocket. */
export async function clientEnter(server, name, where = connectTcp, password = 'a good secret') {
	const client = await where(server);

	await clientRegister(client, name, password);
	await clientLogin(client, name, password);
	return client;
}

export async function clientFind(client, name) {
	return (await clientDo(client, { msgid: FIND_USER, name })).account;
}

export function clientChat(client, toid, msg) {
	return clientDo(client, { msgid: CHAT, name: client.name, toid, msg });
}

/* The whole log of a conversation, where: { peer } or { groupid }. */
export async function clientHistory(client, where) {
	const messages = [];

	for (let next, more = true; more;) {
		const page = await clientDo(client, { msgid: HISTORY, ...where, limit: 200, ...(next ? { before: next } : {}) });

		messages.unshift(...page.messages);
		next = page.next;
		more = page.more === true && next !== undefined;
	}
	return messages;
}

/* Waits for a frame with these fields, also one that came before. */
export function clientExpect(client, fields) {
	return until(`the frame ${JSON.stringify(fields)}`, () =>
		client.frames.find((frame) => Object.entries(fields).every(([key, value]) => frame[key] === value)));
}
