// SPDX-License-Identifier: MIT
// Frames of a hostile server or user: nothing throws, nothing of a wrong type comes through, and the model goes on.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { parse } from '../../../tools/web/frames.js';
import { createChat } from '../../../tools/web/chat.js';
import english from '../../../tools/web/words/en.js';
import { joinQuote, makeMessage, splitQuote } from '../../../tools/web/messages.js';
import { enter, newcomer, openPage, startServer, texts, until } from '../support.mjs';

const seconds = Number(process.env.FUZZ_TIME || 3);

// A generator of pseudo-random numbers, so that a failure can be repeated: CS_SEED.
let seed = Number(process.env.CS_SEED || Date.now() % 2 ** 31);
function random() {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
}
const below = (n) => Math.floor(random() * n), pick = (list) => list[below(list.length)];

const samples = [
    { msgid: 6, id: 21, name: 'bob', toid: 13, msg: '> ann: hi\n\nho', time: 'x', cid: 'q', req: 3, seq: 7, ts: 1795956799973 },
    { msgid: 10, id: 13, name: 'ann', groupid: 2, msg: 'x', cid: 'c', edited: 9, recalled: 10, seq: 8, ts: 1 },
    { msgid: 8, id: 13, groupname: 'g', groupdesc: 'd', groupid: 2, seq: 1, ts: 1 }, { msgid: 9, id: 21, groupid: 2, seq: 2, ts: 1 },
    { msgid: 141, id: 13, groupid: 2, account: 21, ban: true, seq: 3, ts: 1 }, { msgid: 142, id: 13, groupid: 2, account: 13, role: 'admin', seq: 4, ts: 1 },
    { msgid: 143, id: 13, groupid: 2, groupname: 'h', join: 'invite', seq: 5, ts: 1 }, { msgid: 146, id: 21, groupid: 2, account: 0, until: 9, seq: 6, ts: 1 },
    { msgid: 160, id: 21, toid: 13, of: 7, msg: 'new', seq: 9, ts: 1 }, { msgid: 161, id: 21, toid: 13, of: 7, seq: 10, ts: 1 },
    { msgid: 120, id: 21, peer: 13, seq: 7, show: true }, { msgid: 122, id: 21, toid: 13, kind: 'typing' }, { msgid: 123, id: 21, state: 'online', ts: 1 },
    { msgid: 134, id: 21, name: 'bob' }, { msgid: 145, id: 21, name: 'bob', groupid: 3, account: 13 }, { msgid: 103 },
    { msgid: 2, req: 1, errno: 0, id: 13, name: 'ann', have: ['event'], store: 's', token: 't', offlinemsg: ['{"msgid":6,"id":21,"toid":13,"msg":"m","seq":1,"ts":1}'] },
    { msgid: 100, of: 106, req: 2, errno: 0, more: true, next: '1.2', conversations: [{ peer: 21, name: 'bob', state: 'online', seq: 9, read: 3, unread: 2, seen: 4,
        last: { msgid: 6, id: 21, name: 'bob', toid: 13, msg: 'x', seq: 9, ts: 5 } }, { groupid: 2, groupname: 'g', invited: 21, ts: 4 }] },
    { msgid: 100, of: 105, req: 3, errno: 0, first: 1, last: 9, more: true, next: 3, messages: [{ msgid: 6, id: 21, name: 'b', toid: 13, msg: 'y', seq: 4, ts: 1 }] },
    { msgid: 100, of: 132, req: 4, errno: 0, contacts: [{ account: 21, name: 'bob', state: 'online', friend: true, friend_of: false, blocked: true }] },
    { msgid: 100, of: 144, errno: 0, members: [{ account: 21, name: 'bob', role: 'admin', state: 'offline', joined: 3 }] },
    { msgid: 100, of: 110, errno: 0, devices: [{ device: 'x', online: true, seen: 3 }] }, { msgid: 100, of: 0, errno: 12, errmsg: 'long', until: 4 },
    { msgid: 124, text: 'We restart at 22:00.', ts: 1 },
];
const values = [null, true, -1, 0, 1.5, 2 ** 53, 1e308, '', 'text', 'constructor', '__proto__', [], {}, [null], [[]], [{}], { msgid: 6 }, '\ud800', '\u202e\u0000', 'x'.repeat(5000),
    13, 21, 6, 100, 'online', 'admin', 9007199254740991];

function mutate(value, depth = 0) {
    if (random() < 0.08 || depth > 6)
        return pick(values);
    if (Array.isArray(value))
        return value.flatMap((v) => (random() < 0.1 ? [] : random() < 0.1 ? [mutate(v, depth + 1), v] : [mutate(v, depth + 1)]));
    if (value && typeof value === 'object') {
        const made = {};
        for (const key of Object.keys(value))
            if (random() > 0.05)
                made[random() < 0.03 ? pick(['__proto__', 'constructor', 'toString', key + 'x']) : key] = mutate(value[key], depth + 1);
        return made;
    }
    if (typeof value === 'number' && random() < 0.3)
        return value + below(7) - 3;
    return value;
}

function mutateText(text) {
    if (random() < 0.8)
        return text;
    const at = below(text.length), cut = below(4);
    return text.slice(0, at) + pick(['', '"', '{', '}', '[', '\\', '\\u0000', '\0', '1e999', ',', '\ufffd']) + text.slice(at + cut);
}

// What came through must be of these types and in range, whatever was sent.
const texts_ = ['name', 'msg', 'text', 'groupname', 'groupdesc', 'cid', 'kind', 'role', 'token', 'store', 'errmsg', 'device', 'join', 'history'];
const counts = ['id', 'seq', 'ts', 'toid', 'groupid', 'peer', 'account', 'of', 'req', 'errno', 'until', 'edited', 'recalled', 'first', 'last', 'members', 'read', 'unread', 'seen', 'invited', 'joined'];
const flags = ['show', 'ban', 'more', 'older', 'newer', 'friend', 'friend_of', 'blocked', 'online', 'state'];
function check(value) {
    assert.equal(Object.getPrototypeOf(value), Object.prototype);
    for (const [key, v] of Object.entries(value)) {
        if (Array.isArray(v))
            v.forEach((one) => typeof one === 'object' && check(one));
        else if (v !== null && typeof v === 'object')
            check(v);
        else if (texts_.includes(key))
            assert.equal(typeof v, 'string', key);
        else if (counts.includes(key))
            assert.ok(Number.isSafeInteger(v) && v >= 0, key);
        else if (flags.includes(key))
            assert.equal(typeof v, 'boolean', key);
        else
            assert.ok(['msgid', 'next', 'before', 'after'].includes(key), key);
        if (typeof v === 'string')
            assert.ok(!/\p{Cs}/u.test(v), 'half a character');
    }
}

test('no time is one that a date cannot show', () => {
    for (const frame of [...samples, { msgid: 100, of: 10, errno: 8, until: 1 }]) {
        const text = JSON.stringify(frame).replace(/"(ts|until|joined)":\d+/g, `"$1":${Number.MAX_SAFE_INTEGER}`);
        JSON.stringify(parse(text), (key, value) => ['ts', 'until', 'joined'].includes(key) ? new Date(value).toISOString() : value);
    }
    assert.doesNotThrow(() => new Date(parse(`{"msgid":100,"devices":[{"device":"x","seen":${Number.MAX_SAFE_INTEGER}}]}`).devices[0].seen).toISOString());
});

test('every sample is read as it is meant', () => {
    for (const sample of samples)
        assert.equal(parse(JSON.stringify(sample)).msgid, sample.msgid);
    assert.deepEqual(parse(JSON.stringify(samples[0])), { msgid: 6, id: 21, name: 'bob', seq: 7, ts: 1795956799973, cid: 'q', toid: 13, msg: '> ann: hi\n\nho' });
});

test('what a sender brings besides does not come through', () => {
    const own = { operator: true, account: 5, forwarded: { seq: 1 }, until: 9, role: 'admin', seq: 7, ts: 1 };
    const read = (frame) => parse(JSON.stringify({ ...own, ...frame }));
    assert.deepEqual(read({ msgid: 6, id: 21, toid: 13, groupid: 2, msg: 'm' }), { msgid: 6, id: 21, seq: 7, ts: 1, toid: 13, msg: 'm' });
    assert.deepEqual(read({ msgid: 10, id: 21, toid: 13, groupid: 2, msg: 'm' }), { msgid: 10, id: 21, seq: 7, ts: 1, groupid: 2, msg: 'm' });
    assert.deepEqual(read({ msgid: 9, id: 21, toid: 13, groupid: 2 }), { msgid: 9, id: 21, seq: 7, ts: 1, groupid: 2 });
});

test('nothing that is no frame of the page comes through', () => {
    for (const text of ['', 'null', '7', '[]', '{}', '{"msgid":6}', '{"msgid":"6"}', '{"msgid":1e400}', '{"msgid":7,"id":1}', '{"__proto__":{"msgid":103}}', '{"msgid":"constructor"}', undefined, new ArrayBuffer(3)])
        assert.equal(parse(text), null);
    const poisoned = parse('{"msgid":123,"id":1,"state":"online","__proto__":{"x":1},"constructor":1}');
    assert.deepEqual(Object.keys(poisoned), ['msgid', 'id', 'state']);
    assert.equal({}.x, undefined);
});

test('fuzz: no frame, however it was changed, throws or brings a value of a wrong type', () => {
    const begun = seed, end = Date.now() + seconds * 1000;
    let count = 0, through = 0;
    try {
        for (; Date.now() < end; count++) {
            const frame = parse(mutateText(JSON.stringify(mutate(pick(samples))) ?? ''));
            if (!frame)
                continue;
            through++;
            check(frame);
            if (frame.seq)
                makeMessage(frame, 13, () => '');
        }
    } catch (error) {
        error.message += ` (CS_SEED=${begun})`;
        throw error;
    }
    assert.ok(through > count / 10, 'the fuzz is of use');
    console.log(`# ${count} frames, ${through} came through`);
});

test('fuzz: a model that gets changed frames throws nothing, and gives only well-formed conversations and keys that have a text', async () => {
    const begun = seed, end = Date.now() + seconds * 1000, errors = [];
    let socket, count = 0;
    class Socket {
        constructor() {
            socket = this;
            setTimeout(() => this.onopen?.());
        }
        send(text) {
            const { msgid, req } = JSON.parse(text);
            if (msgid === 1)
                setTimeout(() => this.onmessage?.({ data: JSON.stringify({ ...samples[16], req }) }));
            else if (req)
                setTimeout(() => this.onmessage?.({ data: JSON.stringify(Object.assign({}, mutate(pick(samples.slice(17))), { msgid: 100, req, errno: pick([0, 0, 0, 8, 10]) })) }));
        }
        close() {}
    }
    const note = (error) => errors.push(error);
    process.on('uncaughtException', note);
    process.on('unhandledRejection', note);
    const chat = createChat({ url: 'ws://none/', alone: null, WebSocket: Socket, page: new EventTarget() });
    const given = new Set(); // keys of texts
    const named = (key) => given.add(key) && assert.ok(Object.hasOwn(english, key), `no text for ${key}`);
    const refused = (error) => (error instanceof Error ? note(error) : named(error.key));
    chat.on('notice', named);
    await chat.start();
    await chat.login('ann', 'secret');
    while (Date.now() < end && !errors.length) {
        for (let i = 0; i < 50; i++, count++)
            socket.onmessage?.({ data: mutateText(JSON.stringify(mutate(pick(samples))) ?? '') });
        for (const one of chat.conversations()) {
            assert.match(one.key, /^[pg][1-9]\d*$/);
            assert.equal(typeof one.name, 'string');
            assert.ok(Number.isSafeInteger(one.unread) && one.unread >= 0);
            for (const m of chat.messages(one.key)) {
                assert.ok(typeof m.text === 'string' && typeof m.name === 'string' && Number.isSafeInteger(m.seq) && typeof m.id === 'string');
                if (m.kind === 'event')
                    named(`event.${m.event.what}`);
                if (m.own && m.kind === 'text')
                    named(`state.${m.state}`);
                if (m.error)
                    named(m.error);
            }
            chat.older(one.key).catch(refused).catch(note);
            chat.open(one.key).catch(refused).catch(note);
            chat.edit(one.key, chat.messages(one.key)[0]?.id ?? '', 'x').catch(refused).catch(note);
            if (one.groupid)
                chat.members(one.key).then(({ members }) => members.forEach((member) => ![undefined, 'normal'].includes(member.role) && named(`role.${member.role}`)), refused).catch(note);
        }
        await new Promise((resolve) => setTimeout(resolve));
    }
    chat.stop();
    process.off('uncaughtException', note);
    process.off('unhandledRejection', note);
    assert.deepEqual(errors, [], `CS_SEED=${begun}`);
    for (const part of ['event', 'notice', 'error'])
        assert.ok([...given].some((key) => key.startsWith(part)), `the fuzz brings texts of ${part}`);
    console.log(`# ${count} frames to a model, which gave ${given.size} texts`);
});

test('a quote and its text come back as they were written, and a text that only looks like one is left alone', () => {
    assert.deepEqual(splitQuote(joinQuote({ name: 'ann', text: 'a\nb' }, 'c\nd')), { quote: { seq: 0, name: 'ann', text: 'a\nb' }, text: 'c\nd' });
    assert.deepEqual(splitQuote('> only a quote'), { quote: null, text: '> only a quote' });
    assert.deepEqual(splitQuote('>:( no'), { quote: null, text: '>:( no' });
    assert.deepEqual(splitQuote('> said\nanswer'), { quote: { seq: 0, name: '', text: 'said' }, text: 'answer' });
    const { quote } = splitQuote(joinQuote({ name: 'ann', text: 'x'.repeat(900) }, 'y'));
    assert.equal(quote.text, 'x'.repeat(200) + '…');
});

let server;
before(async () => (server = await startServer()));
after(() => server.stop());

test('a page of a log that has nothing but frames that are no entries harms nothing', async () => {
    const ann = await newcomer(server, 'ann'), bob = await newcomer(server, 'bob');
    await bob.chat.send(await bob.chat.talk(ann.chat.me.account, ann.name), 'hello');
    const key = 'p' + bob.chat.me.account;
    const damage = (text) => {
        const frame = JSON.parse(text);
        return frame.of !== 105 || JSON.stringify({ ...frame, messages: [{ msgid: 120, id: bob.chat.me.account, peer: ann.chat.me.account, seq: 1 }] });
    };
    ann.leave();
    const again = openPage(server);
    again.wire.onFrame = damage;
    await enter(again, ann.name);
    await until('the list came', () => again.chat.conversation(key));
    await again.chat.open(key);
    again.leave();
    bob.leave();
});

test('names and texts with markup, bidi and control characters reach the other side as plain text', async () => {
    const ann = await newcomer(server, '<img src=x onerror=alert(1)>'), bob = await newcomer(server, 'bob');
    const text = '<script>alert(1)</script> \u202etxt\u2066 ' + 'z\u0301'.repeat(500) + ' \u{1f600}';
    const key = await ann.chat.talk(bob.chat.me.account, bob.name);
    await ann.chat.send(key, text);
    const other = 'p' + ann.chat.me.account;
    await until('it came', () => texts(bob, other).length === 1);
    assert.deepEqual(texts(bob, other), [text]);
    assert.equal(bob.chat.conversation(other).name, ann.name);
    ann.leave();
    bob.leave();
});
