// SPDX-License-Identifier: MIT
// Two pages talk: messages, their states, unread counts, edits, quotes, typing.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { enter, newcomer, openPage, startServer, texts, until } from '../support.mjs';

let server;
before(async () => (server = await startServer()));
after(() => server.stop());

// ann and bob, each with the conversation with the other.
async function pair() {
    const ann = await newcomer(server, 'ann'), bob = await newcomer(server, 'bob');
    const { account } = await ann.chat.find(bob.name);
    ann.key = await ann.chat.talk(account, bob.name);
    bob.key = 'p' + ann.chat.me.account;
    await ann.chat.open(ann.key);
    return { ann, bob };
}

const leave = (...all) => all.forEach((one) => one.leave());

test('a message is shown as sending at once, as stored with the answer, and as read when the other side has seen it', async () => {
    const { ann, bob } = await pair(), states = [];
    ann.chat.on('messages', (key) => states.push(ann.chat.messages(key).at(-1)?.state));
    const sent = ann.chat.send(ann.key, 'hello');
    await until('it is shown', () => texts(ann, ann.key).length === 1);
    assert.equal(ann.chat.messages(ann.key)[0].state, 'sending');
    await sent;
    assert.equal(ann.chat.messages(ann.key)[0].state, 'stored');
    await until('it came', () => bob.chat.conversation(bob.key)?.unread === 1);
    assert.equal(bob.chat.conversation(bob.key).name, ann.name);
    assert.equal(bob.chat.conversation(bob.key).last.text, 'hello');
    await bob.chat.open(bob.key);
    bob.chat.visible(bob.key);
    assert.equal(bob.chat.conversation(bob.key).unread, 0);
    await until('it is read', () => ann.chat.messages(ann.key)[0].state === 'read');
    assert.deepEqual([...new Set(states)], ['sending', 'stored', 'read']);
    leave(ann, bob);
});

test('a message keeps its id from sending to read, and after history brought it again', async () => {
    const { ann, bob } = await pair();
    ann.chat.send(ann.key, 'one');
    await until('it is shown', () => texts(ann, ann.key).length);
    const { id } = ann.chat.messages(ann.key)[0];
    await until('it is stored', () => ann.chat.messages(ann.key)[0].seq === 1);
    const again = ann.reload();
    await enter(again, ann.name);
    await until('the list came', () => again.chat.conversation(ann.key));
    await again.chat.open(ann.key);
    await until('it is there', () => texts(again, ann.key).length === 1);
    assert.equal(again.chat.messages(ann.key)[0].id, id);
    leave(again, bob);
});

test('what both write at the same time is in one order on both pages, and nothing is doubled', async () => {
    const { ann, bob } = await pair();
    await bob.chat.talk(ann.chat.me.account, ann.name);
    await bob.chat.open(bob.key);
    const all = [];
    for (let i = 0; i < 50; i++)
        all.push(ann.chat.send(ann.key, 'a' + i), bob.chat.send(bob.key, 'b' + i));
    await Promise.all(all);
    await until('all came', () => texts(ann, ann.key).length === 100 && texts(bob, bob.key).length === 100);
    assert.deepEqual(texts(ann, ann.key), texts(bob, bob.key));
    assert.deepEqual(texts(ann, ann.key).filter((t) => t[0] === 'a'), Array.from({ length: 50 }, (_, i) => 'a' + i));
    leave(ann, bob);
});

test('an edited and a recalled message change on both pages, in the list, too', async () => {
    const { ann, bob } = await pair();
    const first = await ann.chat.send(ann.key, 'first'), last = await ann.chat.send(ann.key, 'last');
    await until('both came', () => bob.chat.conversation(bob.key)?.unread === 2);
    await bob.chat.open(bob.key);
    await ann.chat.edit(ann.key, first.id, 'first, mended');
    assert.deepEqual(texts(ann, ann.key), ['first, mended', 'last']);
    assert.ok(ann.chat.messages(ann.key)[0].edited);
    await ann.chat.recall(ann.key, last.id);
    for (const one of [ann, bob]) {
        await until('it is changed', () => one.chat.messages(one.key)[1].recalled);
        assert.deepEqual(texts(one, one.key), ['first, mended', '']);
        assert.ok(one.chat.conversation(one.key).last.recalled);
    }
    assert.equal(bob.chat.conversation(bob.key).unread, 1, 'a recalled message is not unread');
    leave(ann, bob);
});

test('a quote is plain text for other clients, and a quote with its message for the page', async () => {
    const { ann, bob } = await pair();
    const asked = await ann.chat.send(ann.key, 'when?\nand where?');
    await until('it came', () => bob.chat.conversation(bob.key)?.unread === 1);
    await bob.chat.open(bob.key);
    const sent = [];
    bob.wire.onSend = (text) => void sent.push(text);
    await bob.chat.send(bob.key, 'at noon', { quote: bob.chat.messages(bob.key)[0] });
    assert.equal(JSON.parse(sent.find((text) => /at noon/.test(text))).msg, `> ${ann.name}: when?\n> and where?\n\nat noon`);
    await until('it came back', () => texts(ann, ann.key).length === 2);
    const answer = ann.chat.messages(ann.key)[1];
    assert.equal(answer.text, 'at noon');
    assert.deepEqual(answer.quote, { seq: asked.seq, name: ann.name, text: 'when?\nand where?' });
    leave(ann, bob);
});

test('typing is shown to the other side and ends with the message', async () => {
    const { ann, bob } = await pair();
    await ann.chat.send(ann.key, 'hello');
    await until('it came', () => bob.chat.conversation(bob.key));
    await ann.chat.typing(ann.key);
    await until('typing is shown', () => bob.chat.conversation(bob.key).typing[0] === ann.name);
    await ann.chat.send(ann.key, 'there');
    await until('it ends', () => !bob.chat.conversation(bob.key).typing.length);
    leave(ann, bob);
});

test('what another device of the account reads is read here, and what it writes is shown here', async () => {
    const { ann, bob } = await pair();
    const desk = openPage(server);
    await desk.chat.start();
    await desk.chat.login(bob.name, 'secret');
    await ann.chat.send(ann.key, 'hello');
    await until('both have it', () => bob.chat.conversation(bob.key)?.unread === 1 && desk.chat.conversation(bob.key)?.unread === 1);
    await desk.chat.read(bob.key);
    await until('it is read', () => bob.chat.conversation(bob.key).unread === 0);
    await bob.chat.open(bob.key);
    await desk.chat.send(bob.key, 'from the desk');
    await until('the own message came', () => texts(bob, bob.key).includes('from the desk'));
    assert.ok(bob.chat.messages(bob.key).at(-1).own);
    assert.equal(bob.chat.conversation(bob.key).unread, 0);
    leave(ann, bob, desk);
});

test('a first-time device shows the same unread counts as the one that was there', async () => {
    const { ann, bob } = await pair();
    for (let i = 0; i < 7; i++)
        await ann.chat.send(ann.key, 'm' + i);
    await until('all came', () => bob.chat.conversation(bob.key)?.unread === 7);
    const phone = openPage(server);
    await phone.chat.start();
    await phone.chat.login(bob.name, 'secret');
    await until('the inbox came', () => phone.chat.conversation(bob.key)?.unread === 7);
    await ann.chat.send(ann.key, 'one more');
    await until('eight', () => phone.chat.conversation(bob.key).unread === 8 && bob.chat.conversation(bob.key).unread === 8);
    leave(ann, bob, phone);
});

test('the first unread message is marked when a conversation is opened', async () => {
    const { ann, bob } = await pair();
    const first = await ann.chat.send(ann.key, 'read');
    await until('it came', () => bob.chat.conversation(bob.key)?.unread === 1);
    await bob.chat.read(bob.key);
    const second = await ann.chat.send(ann.key, 'new');
    await until('it came', () => bob.chat.conversation(bob.key).unread === 1);
    await bob.chat.open(bob.key);
    bob.chat.visible(bob.key);
    assert.equal(bob.chat.conversation(bob.key).newFrom, second.seq);
    assert.notEqual(first.seq, second.seq);
    assert.equal(bob.chat.conversation(bob.key).unread, 0);
    leave(ann, bob);
});

test('the first unread message is marked only when it is known which one it is, however many came', async () => {
    const { ann, bob } = await pair();
    const read = await ann.chat.send(ann.key, 'read');
    await until('it came', () => bob.chat.conversation(bob.key)?.unread === 1);
    await bob.chat.read(bob.key);
    const unread = await Promise.all(Array.from({ length: 180 }, (_, i) => ann.chat.send(ann.key, 'new ' + i)));
    await until('all came', () => bob.chat.conversation(bob.key).unread === unread.length);
    const desk = openPage(server), known = (one) => one.chat.messages(bob.key)[0].seq <= unread[0].seq;
    await enter(desk, bob.name);
    for (const one of [bob, desk]) { // one had them all and left the oldest ones out, the other one asks for them
        await until('the number came', () => one.chat.conversation(bob.key)?.unread === unread.length);
        await one.chat.open(bob.key);
        assert.ok(!known(one));
        for (; !known(one); await one.chat.older(bob.key))
            assert.equal(one.chat.conversation(bob.key).newFrom, 0);
        assert.equal(one.chat.conversation(bob.key).newFrom, unread[0].seq);
    }
    assert.equal(unread[0].seq, read.seq + 1);
    leave(ann, bob, desk);
});

test('a wrong password and a taken name are refused in words of the page', async () => {
    const { ann, bob } = await pair(), other = openPage(server);
    await other.chat.start();
    await assert.rejects(other.chat.login(ann.name, 'wrong'), { errno: 1, key: 'error.login' });
    assert.equal(other.chat.state, 'login');
    await assert.rejects(other.chat.register(ann.name, 'secret'), { key: 'error.taken' });
    await other.chat.login(ann.name, 'secret');
    assert.equal(other.chat.state, 'online');
    leave(ann, bob, other);
});

test('who is blocked cannot write, and the message says so', async () => {
    const { ann, bob } = await pair();
    await bob.chat.setContact(ann.chat.me.account, { blocked: true });
    await assert.rejects(ann.chat.send(ann.key, 'hello?'), { key: 'error.notAllowed' });
    const [m] = ann.chat.messages(ann.key);
    assert.equal(m.state, 'failed');
    assert.equal(m.error, 'error.notAllowed');
    await bob.chat.setContact(ann.chat.me.account, { blocked: false });
    await ann.chat.retry(ann.key, m.id);
    await until('it is stored', () => ann.chat.messages(ann.key)[0].state === 'stored');
    leave(ann, bob);
});

test('a draft is there after a reload, and a text that is too long is refused at once', async () => {
    const { ann, bob } = await pair();
    await ann.chat.setDraft(ann.key, 'not finished');
    const again = ann.reload();
    await enter(again, ann.name);
    assert.equal(again.chat.conversation(ann.key).draft, 'not finished');
    await assert.rejects(again.chat.send(ann.key, 'x'.repeat(70000)), { key: 'error.tooLong' });
    leave(again, bob);
});

test('a notice of the operator is said once, as it came', async () => {
    const bob = await newcomer(server, 'bob');
    bob.wire.socket.onmessage({ data: JSON.stringify({ msgid: 124, text: 'We restart at 22:00.', ts: Date.now() }) });
    await until('the notice', () => bob.seen.some(([kind, key, values]) => kind === 'notice' && key === 'notice.server' && values.text === 'We restart at 22:00.'));
    leave(bob);
});
