// SPDX-License-Identifier: MIT
// What was written and is not stored yet: kept, sent in order, and sent again with the same cid until the server answers.
import { makeMessage, joinQuote } from './messages.js';
import { change } from './log.js';
import { createConversation, takeLive, tell, to, touch } from './conversations.js';
import { lost } from './connection.js';

const frameMost = 60000; // bytes; the server takes 64 KiB
const pauseFirst = 1000, pauseMost = 15000;

const two = (n) => String(n).padStart(2, '0');

// The time as clients of the protocol write it.
export function timeText(ms) {
    const d = new Date(ms);
    return `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())} ${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`;
}

export function randomText() {
    return [...crypto.getRandomValues(new Uint8Array(16))].map((n) => n.toString(16).padStart(2, '0')).join('');
}

const frameOf = (c, conv, m) => ({ msgid: conv.groupid ? 10 : 6, ...to(conv), name: c.me.name, msg: m.msg, time: timeText(m.ts), cid: m.cid });

function pending(c, conv, { cid, msg, ts, state, error }) {
    const frame = { msgid: conv.groupid ? 10 : 6, id: c.me.account, name: c.me.name, seq: 0, ts, cid, msg };
    return { ...makeMessage(frame, c.me.account, c.nameOf), state, error, msg };
}

export function saveOutbox(c) {
    const list = [];
    for (const conv of c.conversations.values())
        for (const { cid, msg, ts, state, error } of conv.pending)
            list.push({ key: conv.key, name: conv.name, cid, msg, ts, state, error });
    return c.keep.save('outbox', list);
}

export function restoreOutbox(c, list) {
    for (const item of Array.isArray(list) ? list : []) {
        const conv = c.conversations.get(item.key) || createConversation(c, item.key);
        conv.name ||= item.name;
        conv.pending.push(pending(c, conv, item));
    }
}

function replace(c, conv, m, changes) {
    const at = conv.pending.indexOf(m), out = change();
    if (at < 0)
        return;
    conv.pending[at] = { ...m, ...changes };
    out.changed.push(conv.pending[at]);
    tell(c, conv, out);
    touch(c, conv);
    saveOutbox(c);
}

function fail(c, conv, m, error) {
    c.promises.get(m.cid)?.reject(error);
    c.promises.delete(m.cid);
    replace(c, conv, m, { state: 'failed', error: error.key });
    if (error.values?.until)
        conv.muted = error.values.until;
}

// Sends the first one that waits; the next one follows its answer.
export async function pump(c, conv) {
    const m = conv.pending.find((one) => one.state === 'sending');
    // A conversation of before a logout is another one than that of the same key now.
    if (!m || conv.isSending || c.state !== 'online' || c.conversations.get(conv.key) !== conv)
        return;
    conv.isSending = true;
    clearTimeout(conv.pause);
    const frame = frameOf(c, conv, m);
    try {
        const { seq } = await c.ask(frame);
        conv.tries = 0;
        // It was stored when the first one of this cid was; a repetition may be answered with a seq that is known already.
        if (conv.pending.includes(m))
            takeLive(c, { ...frame, id: c.me.account, seq, ts: m.ts }, true);
    } catch (error) {
        if (error === lost || [-1, 10, 11, 13].includes(error.errno)) {
            conv.tries = (conv.tries || 0) + 1;
            conv.pause = setTimeout(pump, Math.min(pauseMost, pauseFirst * 2 ** (conv.tries - 1)), c, conv);
            return;
        }
        fail(c, conv, m, error);
    } finally {
        conv.isSending = false;
    }
    pump(c, conv);
}

export function pumpAll(c) {
    for (const conv of c.conversations.values())
        pump(c, conv);
}

// A message that was stored, as an entry tells.
export function stored(c, conv, message) {
    saveOutbox(c);
    c.promises.get(message.cid)?.resolve(message);
    c.promises.delete(message.cid);
}

// Refuses what the server would answer by closing the connection.
export function check(frame) {
    if (new TextEncoder().encode(JSON.stringify(frame)).length > frameMost)
        throw { errno: 12, key: 'error.tooLong', values: {}, unsent: true }; // no message was made of it
}

export async function send(c, conv, text, quote) {
    const item = { cid: randomText(), msg: joinQuote(quote, text), ts: c.now(), state: 'sending', error: null };
    const m = pending(c, conv, item), out = change();
    check(frameOf(c, conv, m));
    const promise = new Promise((resolve, reject) => c.promises.set(m.cid, { resolve, reject }));
    promise.catch(() => {});
    conv.pending.push(m);
    conv.mark = null;
    out.added.push(m);
    tell(c, conv, out);
    touch(c, conv);
    await saveOutbox(c);
    pump(c, conv);
    return promise;
}

export function retry(c, conv, id) {
    const m = conv.pending.find((one) => one.id === id && one.state === 'failed');
    if (m)
        replace(c, conv, m, { state: 'sending', error: null });
    return pump(c, conv);
}

export function discard(c, conv, id) {
    const out = { ...change(), reset: true };
    conv.pending = conv.pending.filter((one) => one.id !== id || one.state !== 'failed');
    tell(c, conv, out);
    touch(c, conv);
    return saveOutbox(c);
}

// An error that names no request: the frame was refused as a whole, so it was the longest of those under way.
export function refuseLongest(c, error) {
    const under = [...c.conversations.values()].filter((conv) => conv.isSending).map((conv) => [conv, conv.pending.find((m) => m.state === 'sending')])
        .filter(([, m]) => m).sort(([, a], [, b]) => b.msg.length - a.msg.length);
    if (under.length)
        fail(c, ...under[0], error);
}
