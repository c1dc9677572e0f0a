// SPDX-License-Identifier: MIT
// A chatserverd with a store of its own, and the page's model connected to it, for tests of the model under node.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { createChat } from '../../tools/web/chat.js';
import { createKeep } from '../../tools/web/keep.js';
import { patience } from './support/wait.mjs';

// CS_BUILD: the build to test; its configuration and schema lie beside it.
const build = path.resolve(fileURLToPath(new URL('../..', import.meta.url)), process.env.CS_BUILD || 'build'), root = path.dirname(build);
const pages = new Set(); // that were opened and not left

export { createKeep, patience };

// Waits until probe gives something.
export async function until(what, probe) {
    for (const end = Date.now() + patience; ;) {
        const value = await probe();
        if (value)
            return value;
        if (Date.now() > end)
            throw new Error('waited in vain until ' + what);
        await new Promise((resolve) => setTimeout(resolve, 10));
    }
}

function freePort() {
    return new Promise((resolve) => {
        const server = net.createServer().listen(0, '127.0.0.1', () => {
            const { port } = server.address();
            server.close(() => resolve(port));
        });
    });
}

// Starts a server. kill() ends it at once, or by another signal, and start() brings it back with its store; stop() ends it and removes all.
export async function startServer(options = {}) {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'chat-web-')), port = await freePort();
    const all = { 'core.listen': `127.0.0.1:${port}`, 'db_sqlite.path': path.join(folder, 'chat.db'), 'login.password_memory': '1M', 'login.password_ops': 1,
        'core.plugin_dir': path.join(build, 'plugins'), 'websocket.listen': '', ...options };
    let child = null;
    const server = {
        port,
        async start() {
            const args = Object.entries(all).flatMap(([key, value]) => ['-o', `${key}=${value}`]);
            child = spawn(path.join(build, 'chatserverd'), ['-c', path.join(root, 'conf/chat.conf'), ...args], { cwd: root, stdio: ['ignore', 'ignore', 'pipe'] });
            let log = '';
            child.stderr.on('data', (data) => (log += data));
            await until('the server is ready: ' + log, () => / ready /.test(log));
        },
        kill(signal = 'SIGKILL') {
            const ended = new Promise((resolve) => child.once('exit', resolve));
            child.kill(signal);
            return ended;
        },
        async stop() {
            for (const one of pages)
                one.leave();
            await server.kill();
            rmSync(folder, { recursive: true, force: true });
        },
    };
    await server.start();
    return server;
}

// What the model takes for a WebSocket: the plain port, where each frame ends with NUL.
function socketClass(wire) {
    return class {
        constructor() {
            let rest = Buffer.alloc(0);
            wire.made++;
            wire.socket = this;
            this.tcp = net.connect(wire.port, '127.0.0.1');
            this.tcp.on('connect', () => (wire.refused ? this.tcp.destroy() : this.onopen?.()));
            this.tcp.on('error', () => {});
            this.tcp.on('close', () => this.onclose?.());
            this.tcp.on('data', (data) => {
                rest = Buffer.concat([rest, data]);
                for (let end; (end = rest.findIndex((byte) => byte === 0 || byte === 10)) >= 0; rest = rest.subarray(end + 1)) {
                    const text = rest.subarray(0, end).toString(), heard = text && wire.onFrame(text);
                    if (text && heard !== false)
                        this.onmessage?.({ data: typeof heard === 'string' ? heard : text });
                }
            });
        }
        send(text) {
            if (wire.onSend(text) !== false)
                this.tcp.write(text + '\0');
        }
        close() {
            this.tcp.destroy();
        }
    };
}

// A browser with the page. wire.cut() cuts its connection; wire.onFrame and wire.onSend see frames, lose them with false, and
// onFrame changes them with another text.
// reload() ends this page and gives a new one on the same browser.
export function openPage(server, { keep = createKeep(), ...more } = {}) {
    const wire = { port: server.port, made: 0, refused: false, onFrame: () => true, onSend: () => true, cut: () => wire.socket?.tcp.destroy() };
    const page = new EventTarget();
    const chat = createChat({ url: 'ws://none/', keep, alone: null, WebSocket: socketClass(wire), page, random: () => 0, ...more });
    const seen = [];
    for (const kind of ['messages', 'incoming', 'notice'])
        chat.on(kind, (...values) => seen.push([kind, ...values]));
    const leave = () => {
        page.dispatchEvent(new Event('pagehide'));
        pages.delete(one);
        chat.stop();
        wire.refused = true;
        wire.onSend = wire.onFrame = () => false;
        wire.cut();
    };
    const one = { chat, wire, page, keep, seen, leave, reload: () => (leave(), openPage(server, { keep, ...more })) };
    pages.add(one);
    return one;
}

let number = 0;

// A page with a new account that is logged in.
export async function newcomer(server, name = 'person', more = {}) {
    const one = openPage(server, more);
    await one.chat.start();
    one.name = `${name} ${++number}`;
    await one.chat.register(one.name, 'secret');
    await until('logged in', () => one.chat.state === 'online');
    return one;
}

// Logs in on a page that was reloaded: by its token, or by the name where the server gives none.
export async function enter(one, name) {
    await one.chat.start();
    if (one.chat.state === 'login')
        await one.chat.login(name, 'secret');
    await until('logged in again', () => one.chat.state === 'online');
}

export const texts = (one, key) => one.chat.messages(key).filter((m) => m.kind === 'text').map((m) => m.text);
