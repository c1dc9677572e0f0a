// SPDX-License-Identifier: MIT
// Connections break, servers die, pages are reloaded: nothing is lost, nothing is doubled, and the counts stay right.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { enter, newcomer, openPage, patience, startServer, texts, until } from '../support.mjs';

let server;
before(async () => (server = await startServer()));
after(() => server.stop());

async function pair() {
    const ann = await newcomer(server, 'ann'), bob = await newcomer(server, 'bob');
    ann.key = await ann.chat.talk(bob.chat.me.account, bob.name);
    bob.key = await bob.chat.talk(ann.chat.me.account, ann.name);
    await ann.chat.open(ann.key);
    await bob.chat.open(bob.key);
    return { ann, bob };
}

const leave = (...all) => all.forEach((one) => one.leave());
const numbers = (n, from = 0) => Array.from({ length: n }, (_, i) => 'm' + (i + from));

test('what is written without a connection is sent after it, in order, once', async () => {
    const { ann, bob } = await pair();
    ann.wire.refused = true;
    ann.wire.cut();
    await until('it is noticed', () => ann.chat.state === 'offline');
    assert.ok(ann.chat.retryAt > 0);
    const all = numbers(10).map((text) => ann.chat.send(ann.key, text));
    await until('they are shown', () => texts(ann, ann.key).length === 10);
    ann.wire.refused = false;
    ann.chat.retryNow();
    await Promise.all(all);
    await until('they came', () => texts(bob, bob.key).length === 10);
    assert.deepEqual(texts(bob, bob.key), numbers(10));
    assert.deepEqual(texts(ann, ann.key), numbers(10));
    leave(ann, bob);
});

test('a browser that goes offline asks the server at once whether it is still there', async () => {
    const ann = await newcomer(server, 'ann');
    let asked = 0, answered = 0;
    ann.wire.onSend = (text) => void (asked += /"msgid":102\b/.test(text));
    ann.wire.onFrame = (text) => void (answered += /"msgid":103\b|"of":102\b/.test(text));
    ann.page.dispatchEvent(new Event('offline'));
    assert.equal(asked, 1);
    ann.page.dispatchEvent(new Event('offline'));
    assert.equal(asked, 1, 'the answer is under way');
    await until('the answer came', () => answered);
    ann.page.dispatchEvent(new Event('offline'));
    assert.equal(asked, 2);
    assert.equal(ann.chat.state, 'online');
    leave(ann);
});

test('of two copies of a browser one has the session in the end, and the other one can take it over', async () => {
    const ann = await newcomer(server, 'ann'), copy = openPage(server, { keep: ann.keep }), both = [ann, copy];
    await enter(copy, ann.name);
    await until('one gives up', () => both.some((one) => one.chat.state === 'elsewhere'));
    const [loser, winner] = ann.chat.state === 'elsewhere' ? both : [copy, ann];
    await until('the other one has it', () => winner.chat.state === 'online');
    const made = loser.wire.made;
    await loser.chat.useHere();
    await until('it is taken over', () => loser.chat.state === 'online' && winner.chat.state === 'elsewhere');
    assert.equal(loser.wire.made, made + 1);
    leave(ann, copy);
});

test('a page whose device was taken once takes it back by itself', async () => {
    const ann = await newcomer(server, 'ann'), late = openPage(server, { keep: ann.keep });
    let told = 0;
    ann.wire.onFrame = (text) => void (told += /"reason":"replaced"/.test(text));
    await enter(late, ann.name);
    late.leave();
    await until('it is back', () => told && ann.wire.made === 2 && ann.chat.state === 'online');
    assert.equal(told, 1);
    leave(ann);
});

// Takes the device of one away, and is gone; resolves when one was told.
async function takeAway(one) {
    const late = openPage(server, { keep: one.keep });
    let told = false;
    one.wire.onFrame = (text) => void (told ||= /"reason":"replaced"/.test(text));
    await enter(late, one.name);
    late.leave();
    await until('it is told', () => told);
    one.wire.onFrame = () => true;
}

test('of two copies of a browser that are slow to connect again one has the session in the end', async () => {
    let ahead = 0; // ms
    const now = () => Date.now() + ahead, ann = await newcomer(server, 'ann', { now }), copy = openPage(server, { keep: ann.keep, now });
    for (const one of [ann, copy])
        one.wire.onFrame = (text) => void (ahead += /"reason":"replaced"/.test(text) && 100000);
    await enter(copy, ann.name);
    await until('one gives up', () => ann.chat.state === 'elsewhere' || copy.chat.state === 'elsewhere');
    leave(ann, copy);
});

test('a page that took the session over by hand, or logged in anew, takes its device back once, whatever was before', async () => {
    const ann = await newcomer(server, 'ann');
    await takeAway(ann);
    await until('it is back', () => ann.wire.made === 2 && ann.chat.state === 'online');
    await takeAway(ann);
    await until('it gives up', () => ann.chat.state === 'elsewhere');
    await ann.chat.useHere();
    await until('it is taken over', () => ann.chat.state === 'online');
    await takeAway(ann);
    await until('it is back after it was taken over', () => ann.wire.made === 4 && ann.chat.state === 'online');
    await ann.chat.logout();
    await ann.chat.login(ann.name, 'secret');
    await takeAway(ann);
    await until('it is back after a login', () => ann.wire.made === 6 && ann.chat.state === 'online');
    await takeAway(ann);
    await until('it gives up again', () => ann.chat.state === 'elsewhere');
    leave(ann);
});

test('a page takes its device back each time a session lasted, however the session ended', async () => {
    let ahead = 0, made = 1; // ms
    const ann = await newcomer(server, 'ann', { now: () => Date.now() + ahead });
    const isBack = () => until('it is back', () => ann.wire.made === made && ann.chat.state === 'online');
    for (; made < 4; made++) {
        await isBack();
        ahead += 300000;
        await takeAway(ann);
    }
    await isBack();
    ahead += 300000;
    ann.wire.cut();
    made++;
    await isBack();
    await takeAway(ann);
    made++;
    await isBack();
    await takeAway(ann);
    await until('it gives up', () => ann.chat.state === 'elsewhere');
    leave(ann);
});

test('a message whose answer was lost is stored once', async () => {
    const { ann, bob } = await pair();
    ann.wire.onFrame = (text) => {
        if (!/"of":6/.test(text))
            return true;
        ann.wire.onFrame = () => true;
        ann.wire.cut();
        return false;
    };
    await ann.chat.send(ann.key, 'once');
    await ann.chat.send(ann.key, 'and then');
    await until('they came', () => texts(bob, bob.key).length >= 2);
    assert.deepEqual(texts(bob, bob.key), ['once', 'and then']);
    assert.deepEqual(texts(ann, ann.key), ['once', 'and then']);
    leave(ann, bob);
});

test('what was missed while the connection was away comes after it, and is counted once', async () => {
    const { ann, bob } = await pair();
    await ann.chat.send(ann.key, 'm0');
    await until('it came', () => bob.chat.conversation(bob.key).unread === 1);
    bob.wire.refused = true;
    bob.wire.cut();
    await until('it is noticed', () => bob.chat.state === 'offline');
    for (const text of numbers(20, 1))
        await ann.chat.send(ann.key, text);
    bob.wire.refused = false;
    bob.page.dispatchEvent(new Event('online'));
    await until('all came', () => texts(bob, bob.key).length === 21);
    assert.deepEqual(texts(bob, bob.key), numbers(21));
    assert.equal(bob.chat.conversation(bob.key).unread, 21);
    await bob.chat.read(bob.key);
    await until('it is read', () => ann.chat.messages(ann.key).at(-1).state === 'read');
    leave(ann, bob);
});

test('a server that is killed again and again while both write loses and doubles nothing', { timeout: 4 * patience }, async () => {
    const { ann, bob } = await pair(), all = [];
    for (let round = 0; round < 3; round++) {
        for (let i = 0; i < 20; i++)
            all.push(ann.chat.send(ann.key, `a${round}.${i}`), bob.chat.send(bob.key, `b${round}.${i}`));
        await all.at(-30);
        await server.kill();
        await server.start();
        ann.chat.retryNow();
    }
    await Promise.all(all);
    await until('all is there', () => texts(ann, ann.key).length === 120 && texts(bob, bob.key).length === 120);
    assert.deepEqual(texts(ann, ann.key), texts(bob, bob.key));
    assert.equal(new Set(texts(ann, ann.key)).size, 120);
    const fresh = openPage(server);
    await enter(fresh, ann.name);
    await until('the list came', () => fresh.chat.conversation(ann.key));
    await fresh.chat.open(ann.key);
    await fresh.chat.older(ann.key);
    await fresh.chat.older(ann.key);
    assert.deepEqual(texts(fresh, ann.key), texts(ann, ann.key), 'the store has the same');
    leave(ann, bob, fresh);
});

test('a page that is closed with unsent messages sends them when it is opened again', async () => {
    const { ann, bob } = await pair();
    ann.wire.refused = true;
    ann.wire.cut();
    await until('it is noticed', () => ann.chat.state === 'offline');
    ann.chat.send(ann.key, 'm0');
    ann.chat.send(ann.key, 'm1');
    await until('they are kept', async () => (await ann.keep.load('outbox'))?.length === 2);
    const again = ann.reload();
    await enter(again, ann.name);
    await until('they came', () => texts(bob, bob.key).length === 2);
    await again.chat.open(ann.key);
    await until('they are stored', () => again.chat.messages(ann.key).every((m) => m.state === 'stored'));
    assert.deepEqual(texts(again, ann.key), numbers(2));
    leave(again, bob);
});

test('a reloaded page shows what it kept before it is connected, and what it missed after', async () => {
    const { ann, bob } = await pair();
    for (const text of numbers(5))
        await ann.chat.send(ann.key, text);
    await until('all came', () => texts(bob, bob.key).length === 5);
    await until('they are kept', async () => (await bob.keep.load('log:' + bob.key))?.list.length === 5);
    const again = bob.reload();
    for (const text of numbers(70, 5))
        await ann.chat.send(ann.key, text);
    again.wire.refused = true;
    await again.chat.start();
    if (bob.keep.get('session').token) {
        await again.chat.open(bob.key);
        assert.deepEqual(texts(again, bob.key), numbers(5));
    }
    again.wire.refused = false;
    await enter(again, bob.name);
    await until('the list came', () => again.chat.conversation(bob.key)?.unread === 75);
    await again.chat.open(bob.key);
    while (!again.chat.complete(bob.key))
        await again.chat.older(bob.key);
    await until('all is there', () => texts(again, bob.key).length === 75);
    assert.deepEqual(texts(again, bob.key), numbers(75));
    leave(ann, again);
});

test('what one has seen is kept, also when the connection is lost before its page came', async () => {
    const { ann, bob } = await pair(), withoutPages = (text) => !/"of":105/.test(text);
    const [first] = await Promise.all(numbers(5).map((text) => ann.chat.send(ann.key, text)));
    await until('all came', () => texts(bob, bob.key).length === 5);
    const second = bob.reload();
    second.wire.onFrame = withoutPages;
    await enter(second, bob.name);
    await ann.chat.edit(ann.key, first.id, 'm0, mended');
    await ann.chat.send(ann.key, 'm5');
    await until('it came', () => second.chat.conversation(bob.key)?.last?.text === 'm5');
    second.chat.open(bob.key);
    await until('all is shown', () => texts(second, bob.key).length === 6);
    await until('it is kept', async () => (await second.keep.load('log:' + bob.key)).list.length === 6);
    const third = second.reload();
    third.wire.refused = true;
    await third.chat.start();
    await third.chat.open(bob.key);
    assert.deepEqual(texts(third, bob.key), ['m0, mended', ...numbers(5, 1)]);
    third.wire.refused = false;
    third.chat.retryNow();
    await ann.chat.send(ann.key, 'm6');
    await until('it came, too', () => texts(third, bob.key).length === 7);
    assert.deepEqual(texts(third, bob.key), ['m0, mended', ...numbers(6, 1)]);
    leave(ann, third);
});

test('what one has seen of a new conversation is kept, and does not hide or read what came before it', async () => {
    const ann = await newcomer(server, 'ann'), bob = await newcomer(server, 'bob'), key = 'p' + ann.chat.me.account;
    ann.key = await ann.chat.talk(bob.chat.me.account, bob.name);
    bob.wire.refused = true;
    bob.wire.cut();
    for (const text of numbers(3))
        await ann.chat.send(ann.key, text);
    bob.wire.onFrame = (text) => !/"of":105/.test(text) && text.replace(/"offlinemsg":\[.*?\]/, '"offlinemsg":[]');
    bob.wire.refused = false;
    bob.chat.retryNow();
    await until('the list came', () => bob.chat.conversation(key)?.unread === 3);
    await ann.chat.send(ann.key, 'm3');
    await until('it came', () => texts(bob, key).at(-1) === 'm3');
    const shown = texts(bob, key);
    bob.chat.open(key);
    await until('it is kept', async () => (await bob.keep.load('log:' + key))?.list.length === shown.length);
    const again = bob.reload();
    again.wire.refused = true;
    await again.chat.start();
    await again.chat.open(key);
    again.chat.visible(key);
    assert.deepEqual(texts(again, key), shown);
    assert.equal(again.chat.conversation(key).unread, 4);
    again.chat.visible(null);
    again.wire.refused = false;
    again.chat.retryNow();
    await until('all is there', () => texts(again, key).length === 4);
    assert.deepEqual(texts(again, key), numbers(4));
    leave(ann, again);
});

test('a lost frame leaves no hole in a conversation', async () => {
    const { ann, bob } = await pair();
    bob.wire.onFrame = (text) => !/"msg":"m[2-4]"/.test(text);
    for (const text of numbers(8))
        await ann.chat.send(ann.key, text);
    bob.wire.onFrame = () => true;
    await until('the hole is filled', () => texts(bob, bob.key).length === 8);
    assert.deepEqual(texts(bob, bob.key), numbers(8));
    leave(ann, bob);
});

test('a hole that is too large to be filled empties no conversation while its newest page is under way or lost', async () => {
    const { ann, bob } = await pair();
    await ann.chat.send(ann.key, 'm0');
    await until('it came', () => texts(bob, bob.key).length === 1);
    await bob.chat.open(bob.key);
    let pages = 0, isLost = false;
    bob.wire.onFrame = (text) => {
        const frame = JSON.parse(text);
        if (frame.of !== 105)
            return frame.msg !== 'm1';
        // Pages that bring nothing, then none: the newest one is lost with the connection.
        if (++pages <= 10)
            return JSON.stringify({ ...frame, messages: [], more: true, next: 1 });
        isLost = true;
        return false;
    };
    for (const text of numbers(2, 1))
        await ann.chat.send(ann.key, text);
    await until('the newest page is lost', () => isLost);
    assert.deepEqual(texts(bob, bob.key), ['m0', 'm2']);
    bob.wire.onFrame = () => true;
    bob.wire.cut();
    await until('the hole is filled', () => texts(bob, bob.key).length === 3);
    assert.deepEqual(texts(bob, bob.key), numbers(3));
    leave(ann, bob);
});

test('a connection that went silent is noticed and made again', { timeout: 2 * patience }, async () => {
    const { ann, bob } = await pair();
    const made = bob.wire.made, silent = bob.wire.socket;
    bob.wire.onFrame = bob.wire.onSend = () => bob.wire.socket !== silent;
    await new Promise((resolve) => setTimeout(resolve, 2100));
    bob.page.dispatchEvent(new Event('online'));
    await until('it is given up', () => bob.wire.made > made);
    await until('it is back', () => bob.chat.state === 'online');
    leave(ann, bob);
});

test('messages of a store that was restored from a backup replace those that were kept', async () => {
    const { ann, bob } = await pair();
    await ann.chat.send(ann.key, 'kept');
    await until('it came', () => texts(bob, bob.key).length === 1);
    const resets = [];
    bob.chat.on('messages', (key, { reset }) => reset && resets.push(bob.chat.messages(key).length));
    bob.wire.onFrame = (text) => text.replace(/"store":"[^"]*"/, '"store":"another"');
    bob.wire.cut();
    await until('it is asked for again', () => resets.length >= 2 && bob.chat.state === 'online');
    assert.equal(resets[0], 0, 'first all is dropped');
    assert.deepEqual(texts(bob, bob.key), ['kept']);
    await until('the list is back', () => bob.chat.conversation(bob.key)?.last?.text === 'kept');
    leave(ann, bob);
});

test('ten thousand messages are read page by page with a bounded window', { timeout: 8 * patience }, async () => {
    const { ann, bob } = await pair(), count = 10000;
    const socket = ann.wire.socket.tcp;
    let answered = 0, sent = 0;
    ann.wire.onFrame = (text) => (/"req":8\d{6},/.test(text) ? (answered++, false) : true);
    while (sent < count) {
        for (let i = 0; i < 100; i++, sent++)
            socket.write(JSON.stringify({ msgid: 6, id: ann.chat.me.account, toid: bob.chat.me.account, msg: 'm' + sent, req: 8000000 + sent }) + '\0');
        await until('they are stored', () => answered === sent);
    }
    await until('all came', () => bob.chat.conversation(bob.key).last?.text === 'm' + (count - 1));
    assert.ok(bob.chat.messages(bob.key).length <= 2400);
    assert.equal(bob.chat.conversation(bob.key).unread, count);
    const seen = new Set();
    for (let i = 0; !bob.chat.complete(bob.key) && i < 300; i++) {
        bob.chat.messages(bob.key).forEach((m) => seen.add(m.seq));
        await bob.chat.older(bob.key);
        assert.ok(bob.chat.messages(bob.key).length <= 2500);
    }
    bob.chat.messages(bob.key).forEach((m) => seen.add(m.seq));
    assert.equal(seen.size, count);
    assert.equal(bob.chat.messages(bob.key)[0].text, 'm0');
    assert.equal(bob.chat.newest(bob.key), false);
    await bob.chat.newer(bob.key);
    assert.ok(bob.chat.messages(bob.key).at(-1).seq > 2000);
    await bob.chat.latest(bob.key);
    assert.ok(bob.chat.newest(bob.key));
    assert.equal(texts(bob, bob.key).at(-1), 'm' + (count - 1));
    await bob.chat.around(bob.key, 5000);
    assert.ok(bob.chat.messages(bob.key).some((m) => m.seq === 5000));
    for (let i = 0; !bob.chat.newest(bob.key) && i < 300; i++)
        await bob.chat.newer(bob.key);
    assert.equal(texts(bob, bob.key).at(-1), 'm' + (count - 1));
    leave(ann, bob);
});

test('a server that stops is left alone for as long as it asks, unless the person wants to connect now', async () => {
    const own = await startServer({ 'core.drain_delay': '30s', 'core.threads': 1 });
    const ann = await newcomer(own, 'ann'), begun = Date.now();
    await own.kill('SIGTERM');
    await until('it is noticed', () => ann.chat.state === 'offline' && ann.chat.retryAt);
    // The first client is asked for 61.8 % of the longest delay.
    assert.ok(ann.chat.retryAt - begun > 18000, `${ann.chat.retryAt - begun} ms`);
    await own.start();
    ann.chat.retryNow();
    await until('it is back', () => ann.chat.state === 'online');
    await own.stop();
});
