// SPDX-License-Identifier: MIT
// Answers and live frames cross, in both orders: what is shown of a conversation is what the server has.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createKeep, newcomer, openPage, startServer, until } from '../support.mjs';

let server, ann, bob, cat, desk, number = 0;
before(async () => {
    server = await startServer();
    [ann, bob, cat] = await Promise.all(['ann', 'bob', 'cat'].map((name) => newcomer(server, name)));
    desk = openPage(server); // another device of bob
    await desk.chat.start();
    await desk.chat.login(bob.name, 'secret');
});
after(() => server.stop());

// Holds back the frames that are of a kind until free() is called.
function hold(one, kind) {
    const held = [];
    one.wire.onFrame = (text) => !(kind(JSON.parse(text)) && held.push(text));
    return { held, free: () => (one.wire.onFrame = () => true, held.forEach((data) => one.wire.socket.onmessage({ data }))) };
}

const isInbox = (frame) => frame.of === 106, isEntry = (frame) => [6, 8, 9, 10, 141, 142, 143, 146, 160, 161].includes(frame.msgid);

// A device of bob that knows only what the list says.
async function fresh() {
    const keep = createKeep(), one = openPage(server, { keep });
    let told = 0;
    keep.set('device', 'fresh'); // an account has not many new ones in a row
    one.wire.onFrame = (text) => {
        const { offlinemsg, ...frame } = JSON.parse(text);
        told += isInbox(frame);
        return !isEntry(frame) && JSON.stringify(frame);
    };
    await one.chat.start();
    await one.chat.login(bob.name, 'secret');
    await until('the list came', () => told && one.chat.conversations().length);
    return one;
}

// A group of ann's in which bob is, and one to which he is not invited yet.
async function group() {
    const key = await ann.chat.createGroup('group ' + ++number, 'first'), id = Number(key.slice(1));
    await ann.chat.invite(key, bob.chat.me.account);
    await bob.chat.join(id);
    await until('he is in', () => [bob, desk].every((one) => one.chat.conversation(key)?.members === 2));
    return { key, id, other: await ann.chat.createGroup('other ' + ++number) };
}

// An invitation makes all devices of bob ask for the list.
const ask = (other) => ann.chat.invite(other, bob.chat.me.account);

function picture(one, key) {
    const head = one.chat.conversation(key);
    return head ? { ...Object.fromEntries(['name', 'role', 'members', 'unread', 'read', 'invited', 'gone'].map((field) => [field, head[field]])),
        last: head.last && [head.last.seq, head.last.text, !!head.last.recalled] } : null;
}

async function same(one, key) {
    const other = await fresh(), right = picture(other, key);
    other.leave();
    await until('the same', () => JSON.stringify(picture(one, key)) === JSON.stringify(right)).catch(() => {});
    assert.deepEqual(picture(one, key), right);
}

const changes = {
    'somebody joins': ({ id }) => cat.chat.join(id),
    'somebody joins and leaves': async ({ key, id }) => (await cat.chat.join(id), await cat.chat.leave(key)),
    'somebody joins and is removed, and another one gets a role': async ({ key, id }) => {
        await cat.chat.join(id);
        await ann.chat.remove(key, cat.chat.me.account);
        await ann.chat.setRole(key, bob.chat.me.account, 'admin');
    },
    'the group is handed over and back': async ({ key }) => {
        await ann.chat.setRole(key, bob.chat.me.account, 'creator');
        await until('it is his', () => desk.chat.conversation(key).role === 'creator');
        await desk.chat.setRole(key, ann.chat.me.account, 'creator');
    },
    'the group is renamed twice': async ({ key }) => {
        await ann.chat.setGroup(key, { name: 'renamed ' + ++number });
        await ann.chat.setGroup(key, { name: 'renamed ' + ++number });
    },
    'something is said': ({ key }) => ann.chat.send(key, 'said'),
    'something is said and recalled': async ({ key }) => {
        const m = await ann.chat.send(key, 'said');
        await ann.chat.recall(key, m.id);
    },
    'what was said before is edited and recalled': async ({ key, first, second }) => {
        await ann.chat.recall(key, first.id);
        await ann.chat.edit(key, second.id, 'edited');
    },
    'an admin recalls, on another device, what others said': async ({ key, first }) => {
        await desk.chat.open(key);
        await desk.chat.recall(key, first.id.replace(/^c.*/, 's' + first.seq));
    },
    'another device reads': ({ key }) => desk.chat.read(key),
    'one leaves on another device': ({ key }) => desk.chat.leave(key),
    'one is removed': ({ key }) => ann.chat.remove(key, bob.chat.me.account),
};

async function begin(name) {
    const on = await group();
    on.first = await ann.chat.send(on.key, 'first');
    on.second = await ann.chat.send(on.key, 'second');
    if (/an admin/.test(name))
        await ann.chat.setRole(on.key, bob.chat.me.account, 'admin');
    await until('he has them', () => [bob, desk].every((one) => one.chat.conversation(on.key).unread === 2 && (one.chat.conversation(on.key).role === 'admin') === /an admin/.test(name)));
    return on;
}

async function end(name, { key }) {
    if (name === 'one is removed')
        assert.deepEqual(['gone', 'role'].map((field) => bob.chat.conversation(key)[field]), [true, '']);
    else
        await same(bob, key);
}

for (const name of Object.keys(changes)) {
    test(`the list was asked for, and then, before its answer: ${name}`, async () => {
        const on = await begin(name);
        let heard = 0, wanted = 0;
        const inbox = hold(bob, (frame) => (heard += isEntry(frame) || frame.msgid === 120, isInbox(frame)));
        desk.wire.onFrame = (text) => (wanted += isEntry(JSON.parse(text)), true);
        desk.wire.onSend = (text) => void (wanted += isEntry(JSON.parse(text)) || /"msgid":120/.test(text));
        await ask(on.other);
        await until('the answer is there', () => inbox.held.length === 1);
        await changes[name](on);
        await until('the frames came', () => heard && heard >= wanted);
        desk.wire.onSend = desk.wire.onFrame = () => true;
        inbox.free();
        await end(name, on);
    });

    test(`the answer tells of it before the frames do: ${name}`, async () => {
        const on = await begin(name);
        let told = 0;
        const frames = hold(bob, (frame) => (told += isInbox(frame), isEntry(frame) || frame.msgid === 120));
        await changes[name](on);
        await until('the frames came', () => frames.held.length);
        await ask(on.other);
        await until('the answer came', () => told);
        frames.free();
        await end(name, on);
    });
}

test('that a group was made here comes, on another device, after the list that has it and who joined it', async () => {
    const { other } = await group(), frames = hold(desk, isEntry), key = await bob.chat.createGroup('made ' + ++number);
    await cat.chat.join(Number(key.slice(1)));
    await cat.chat.send(key, 'here I am');
    await until('they came', () => frames.held.length === 3);
    await ask(other);
    await until('the list came', () => desk.chat.conversation(key));
    assert.equal(desk.chat.conversation(key).members, 2);
    frames.free();
    assert.equal(desk.chat.conversation(key).members, 2);
    assert.equal(desk.chat.conversation(key).unread, 1);
});

test('one\'s own answer comes before what others did earlier', async () => {
    const { key, id } = await group();
    await ann.chat.setRole(key, bob.chat.me.account, 'admin');
    await until('he is admin', () => bob.chat.conversation(key).role === 'admin');
    const frames = hold(bob, isEntry);
    await cat.chat.join(id);
    await ann.chat.setGroup(key, { name: 'by ann ' + number, desc: 'by ann' });
    await until('they came', () => frames.held.length === 2);
    await bob.chat.setGroup(key, { name: 'by bob ' + number, desc: 'by bob' });
    await bob.chat.remove(key, cat.chat.me.account);
    frames.free();
    const { name, desc, members } = bob.chat.conversation(key);
    assert.deepEqual([name, desc, members], ['by bob ' + number, 'by bob', 2]);
});

test('a group that one has left does not come back by what was said in it before, nor by a list that was asked for before', async () => {
    const { key, other } = await group(), held = hold(bob, (frame) => isInbox(frame) || isEntry(frame));
    await ask(other);
    await ann.chat.send(key, 'before');
    await until('they came', () => held.held.some((text) => /"msg":"before"/.test(text)) && held.held.some((text) => isInbox(JSON.parse(text))));
    await bob.chat.leave(key);
    held.free();
    await bob.chat.contacts();
    assert.equal(bob.chat.conversation(key), undefined);
});

test('an invitation that one has declined does not come back by a list that was asked for before', async () => {
    const { other } = await group(), third = await ann.chat.createGroup('third ' + ++number);
    await ask(other);
    await until('he is invited', () => bob.chat.conversation(other)?.invited);
    const inbox = hold(bob, isInbox);
    await ask(third);
    await until('the answer is there', () => inbox.held.length === 1);
    await bob.chat.leave(other);
    inbox.free();
    await until('the list came', () => bob.chat.conversation(third)?.invited);
    assert.equal(bob.chat.conversation(other), undefined);
    await ask(other);
    await until('he is invited again', () => bob.chat.conversation(other)?.invited);
});

test('what is told of presence while lists are under way holds', async () => {
    const { other } = await group(), account = cat.chat.me.account, key = await bob.chat.talk(account, cat.name);
    await cat.chat.send(await cat.chat.talk(bob.chat.me.account, bob.name), 'here I am');
    await bob.chat.setContact(account, { friend: true });
    await until('she is there', () => bob.chat.conversation(key).online);
    await bob.chat.contacts(); // none is under way
    const lists = hold(bob, (frame) => isInbox(frame) || frame.of === 132);
    const contacts = bob.chat.contacts();
    await ask(other);
    await until('the answers are there', () => lists.held.length === 2);
    bob.wire.socket.onmessage({ data: JSON.stringify({ msgid: 123, id: account, state: 'offline', ts: Date.now() }) });
    assert.equal(bob.chat.conversation(key).online, false);
    lists.free();
    assert.equal((await contacts).find((person) => person.account === account).online, false);
    await until('the list came', () => bob.chat.conversation(other)?.invited);
    assert.equal(bob.chat.conversation(key).online, false);
    await bob.chat.contacts();
    assert.equal(bob.chat.conversation(key).online, true);
});

test('who is blocked while contacts are under way is blocked', async () => {
    const account = cat.chat.me.account, key = await bob.chat.talk(account, cat.name);
    const lists = hold(bob, (frame) => frame.of === 132), contacts = bob.chat.contacts();
    await until('the answer is there', () => lists.held.length === 1);
    await bob.chat.setContact(account, { blocked: true });
    lists.free();
    await contacts;
    await until('she is blocked', () => bob.chat.conversation(key).blocked);
    await bob.chat.setContact(account, { blocked: false });
});

test('the newest description of a page is shown', async () => {
    const { key } = await group();
    await ann.chat.setGroup(key, { desc: 'second' });
    await ann.chat.setGroup(key, { desc: 'third' });
    const one = await fresh();
    await one.chat.open(key);
    assert.equal(one.chat.conversation(key).desc, 'third');
    one.leave();
});
