// SPDX-License-Identifier: MIT
// Answers come late, and the network comes and goes: what one sees, has read and reads stays right.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { enter, newcomer, openPage, startServer, texts, until } from '../support.mjs';

let server;
before(async () => (server = await startServer()));
after(() => server.stop());

async function pair() {
    const ann = await newcomer(server, 'ann'), bob = await newcomer(server, 'bob');
    ann.key = await ann.chat.talk(bob.chat.me.account, bob.name);
    bob.key = await bob.chat.talk(ann.chat.me.account, ann.name);
    return { ann, bob };
}

const leave = (...all) => all.forEach((one) => one.leave());

// Holds back the answer to HISTORY until free() is called.
function holdPage(one) {
    const held = [];
    let isHeld = true;
    one.wire.onFrame = (text) => !(isHeld && /"of":105/.test(text) && held.push(text));
    return { held, free: () => (isHeld = false, held.forEach((data) => one.wire.socket.onmessage({ data }))) };
}

test('a message that is recalled or edited while its page is under way does not come back', async () => {
    const { ann, bob } = await pair();
    await ann.chat.open(ann.key);
    const first = await ann.chat.send(ann.key, 'wrong'), second = await ann.chat.send(ann.key, 'private');
    const again = bob.reload();
    await enter(again, bob.name);
    await until('the list came', () => again.chat.conversation(bob.key)?.last);
    const page = holdPage(again);
    again.chat.open(bob.key);
    await until('the page was asked for', () => page.held.length === 1);
    await ann.chat.edit(ann.key, first.id, 'right');
    await ann.chat.recall(ann.key, second.id);
    await until('it came', () => again.chat.conversation(bob.key).last.recalled);
    page.free();
    await until('the page is shown', () => again.chat.messages(bob.key).length === 2);
    assert.deepEqual(texts(again, bob.key), ['right', '']);
    const kept = async () => JSON.stringify(await again.keep.load('log:' + bob.key));
    await until('the log is kept as it is shown', async () => /right/.test(await kept()) && !/private|wrong/.test(await kept()));
    leave(ann, again);
});

test('what the page has not got yet is not read, though its conversation is in sight', async () => {
    const { ann, bob } = await pair();
    for (const text of ['m0', 'm1', 'm2'])
        await ann.chat.send(ann.key, text);
    await until('all came', () => bob.chat.conversation(bob.key)?.unread === 3);
    bob.page.dispatchEvent(new Event('pagehide'));
    const again = bob.reload();
    again.wire.refused = true;
    await again.chat.start();
    await again.chat.open(bob.key);
    again.chat.visible(bob.key);
    assert.deepEqual(texts(again, bob.key), []);
    assert.equal(again.chat.conversation(bob.key).unread, 3);
    again.chat.visible(null);
    again.wire.refused = false;
    again.page.dispatchEvent(new Event('online'));
    await until('they are there', () => texts(again, bob.key).length === 3);
    assert.equal(again.chat.conversation(bob.key).unread, 3);
    again.chat.visible(bob.key);
    await until('they are read', () => again.chat.conversation(bob.key).unread === 0);
    leave(ann, again);
});

// Bob reads the twentieth of ann's 120 messages.
async function readFarUp(ann, bob) {
    for (let i = 0; i < 120; i++)
        ann.chat.send(ann.key, 'm' + i);
    await until('all came', () => bob.chat.conversation(bob.key)?.last?.text === 'm119');
    await bob.chat.open(bob.key);
    await bob.chat.around(bob.key, 20);
}

test('who reads old messages stays there when the connection comes back', async () => {
    const { ann, bob } = await pair();
    await readFarUp(ann, bob);
    const shown = texts(bob, bob.key);
    assert.equal(bob.chat.newest(bob.key), false);
    bob.wire.cut();
    await until('it is noticed', () => bob.chat.state === 'offline');
    await until('it is back', () => bob.chat.state === 'online');
    await ann.chat.send(ann.key, 'news');
    await until('it came', () => bob.chat.conversation(bob.key).last.text === 'news');
    assert.deepEqual(texts(bob, bob.key), shown);
    while (!bob.chat.newest(bob.key))
        await bob.chat.newer(bob.key);
    assert.equal(texts(bob, bob.key).at(-1), 'news');
    leave(ann, bob);
});

test('who left a conversation at old messages finds it at the newest ones', async () => {
    const { ann, bob } = await pair();
    await readFarUp(ann, bob);
    await bob.chat.open(bob.key);
    assert.equal(bob.chat.newest(bob.key), false, 'who is there stays there');
    bob.chat.close(bob.key);
    await bob.chat.open(bob.key);
    assert.ok(bob.chat.newest(bob.key));
    assert.equal(texts(bob, bob.key).at(-1), 'm119');
    leave(ann, bob);
});

test('what was never delivered to this device, as the server had forgotten it, is there when its conversation is opened', async () => {
    const { ann, bob } = await pair();
    await ann.chat.send(ann.key, 'm0');
    await until('it came', () => bob.chat.conversation(bob.key)?.unread === 1);
    await bob.chat.open(bob.key);
    bob.chat.close(bob.key);
    bob.wire.refused = true;
    bob.wire.cut();
    await until('it is noticed', () => bob.chat.state === 'offline');
    await ann.chat.send(ann.key, 'm1');
    bob.wire.onFrame = (text) => {
        const { offlinemsg, ...frame } = JSON.parse(text);
        return frame.msgid !== 6 && JSON.stringify(frame);
    };
    bob.wire.refused = false;
    bob.chat.retryNow();
    await until('the list tells of it', () => bob.chat.conversation(bob.key).unread === 2);
    assert.deepEqual(texts(bob, bob.key), ['m0']);
    await bob.chat.open(bob.key);
    assert.deepEqual(texts(bob, bob.key), ['m0', 'm1']);
    leave(ann, bob);
});

test('who adds somebody again and again makes one notice of it', async () => {
    const { ann, bob } = await pair(), account = bob.chat.me.account;
    let asked = 0, told = 0;
    bob.wire.onSend = (text) => void (asked += /"msgid":132/.test(text));
    bob.wire.onFrame = (text) => (told += /"msgid":134/.test(text), true);
    for (let i = 0; i < 10; i++)
        for (const friend of [true, false])
            await ann.chat.setContact(account, { friend });
    await until('it was told', () => told === 10);
    await until('contacts were asked for', () => asked);
    assert.equal(bob.seen.filter(([kind, key]) => kind === 'notice' && key === 'notice.added').length, 1);
    assert.ok(asked < 8, String(asked));
    leave(ann, bob);
});

test('an edit that is too long is refused at once, and harms nothing else', async () => {
    const { ann, bob } = await pair();
    await ann.chat.open(ann.key);
    const { id } = await ann.chat.send(ann.key, 'short'), { made } = ann.wire;
    await assert.rejects(ann.chat.edit(ann.key, id, 'x'.repeat(70000)), { key: 'error.tooLong' });
    await ann.chat.send(ann.key, 'and on');
    assert.equal(ann.wire.made, made);
    assert.deepEqual(texts(ann, ann.key), ['short', 'and on']);
    leave(ann, bob);
});

test('what was sent is no draft any more, and the log of a group that one left is not kept', async () => {
    const { ann, bob } = await pair(), group = await ann.chat.createGroup('left soon ' + Math.random());
    await ann.chat.open(group);
    await ann.chat.setDraft(group, 'in the group');
    await until('the draft is kept', async () => (await ann.keep.load('drafts'))?.[group]);
    await ann.chat.setDraft(group, '');
    assert.equal((await ann.keep.load('drafts'))[group], undefined);
    await ann.chat.send(group, 'in the group');
    await until('the log is kept', () => ann.keep.load('log:' + group));
    await ann.chat.send(group, 'the last word');
    await ann.chat.leave(group);
    ann.page.dispatchEvent(new Event('pagehide'));
    await until('the log is kept no more', async () => await ann.keep.load('log:' + group) === undefined);
    leave(ann, bob);
});

test('what another device has read while this one was away is not announced, and the rest is', async () => {
    const { ann, bob } = await pair(), cat = await newcomer(server, 'cat'), desk = openPage(server);
    await desk.chat.start();
    await desk.chat.login(bob.name, 'secret');
    const toBob = await cat.chat.talk(bob.chat.me.account, bob.name), fromCat = 'p' + cat.chat.me.account;
    bob.wire.refused = true;
    bob.wire.cut();
    await until('it is noticed', () => bob.chat.state === 'offline');
    await ann.chat.send(ann.key, 'read at the desk');
    await cat.chat.send(toBob, 'for later');
    await until('they came', () => desk.chat.conversation(bob.key)?.unread && desk.chat.conversation(fromCat)?.unread);
    await desk.chat.read(bob.key);
    await desk.chat.open(bob.key);
    // A device of his that is new: the server tells it what it knows.
    const phone = openPage(server);
    await enter(phone, bob.name);
    await until('the server knows', () => phone.chat.conversation(bob.key)?.unread === 0);
    bob.wire.refused = false;
    bob.chat.retryNow();
    const told = () => bob.seen.filter(([kind]) => kind === 'incoming').map(([, key, { text }]) => [key, text]);
    await until('it is told', () => told().length);
    await until('all came', () => bob.chat.conversation(bob.key)?.last);
    assert.deepEqual(told(), [[fromCat, 'for later']]);
    await ann.chat.send(ann.key, 'now');
    await until('it is told', () => told().length === 2);
    leave(ann, bob, cat, desk, phone);
});
