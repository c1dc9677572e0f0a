// SPDX-License-Identifier: MIT
// What the page keeps in the browser is bounded, and a browser without room harms nothing.
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { createKeep } from '../../../tools/web/keep.js';
import { createShelf } from '../../../tools/web/shelf.js';
import { makeBase } from '../support/base.mjs';
import { newcomer, openPage, startServer, texts, until } from '../support.mjs';

let server;
before(async () => (server = await startServer()));
after(() => server.stop());
afterEach(() => delete globalThis.indexedDB);

const logOf = (...said) => ({ list: said.map((text, i) => ({ seq: i + 1, text, quote: null })), lo: 1, hi: said.length, complete: true, loaded: true });
const rows = (base) => [...base.kept.keys()].filter((name) => name.startsWith('log:')).sort();

test('of all logs those stay that were saved last, as many as there may be', async () => {
    const base = globalThis.indexedDB = makeBase(), shelf = createShelf(createKeep(), { logs: 3 });
    for (const key of ['p1', 'p2', 'p3', 'p1', 'p4'])
        await shelf.save([[key, logOf('of ' + key)]]);
    assert.deepEqual(rows(base), ['log:p1', 'log:p3', 'log:p4']);
    await createShelf(createKeep(), { logs: 3 }).save([['p5', logOf('after a reload')], ['p6', logOf('together with it')]]);
    assert.deepEqual(rows(base), ['log:p4', 'log:p5', 'log:p6']);
    assert.equal((await shelf.load('p4')).list[0].text, 'of p4');
});

test('of all logs those stay that were saved last, as long as they may be together', async () => {
    const base = globalThis.indexedDB = makeBase(), shelf = createShelf(createKeep(), { sum: 5000 });
    for (const key of ['p1', 'p2', 'p3'])
        await shelf.save([[key, logOf('x'.repeat(2000))]]);
    assert.deepEqual(rows(base), ['log:p2', 'log:p3']);
    await shelf.save([['p2', logOf('y'.repeat(4000))]]);
    assert.deepEqual(rows(base), ['log:p2']);
    await createShelf(createKeep(), { sum: 1000 }).tidy();
    assert.deepEqual(rows(base), []);
});

test('of a log the newest messages are kept, as many and as long as they may be, and what lies before is asked for', async () => {
    const shelf = createShelf(createKeep()), said = Array.from({ length: 70 }, (_, i) => 'm' + i);
    await shelf.save([['p1', logOf(...said)], ['p2', logOf('first', 'x'.repeat(150000), 'y'.repeat(100000))], ['p3', logOf('before', 'z'.repeat(900000))], ['p4', logOf('all')]]);
    const [many, long, longest, all] = await Promise.all(['p1', 'p2', 'p3', 'p4'].map((key) => shelf.load(key)));
    assert.deepEqual([many.list.map((m) => m.text), many.lo, many.hi, many.complete], [said.slice(-50), 21, 70, false]);
    assert.deepEqual([long.list.map((m) => m.seq), long.lo, long.hi, long.complete], [[3], 3, 3, false]);
    assert.deepEqual([longest.list.map((m) => m.seq), longest.lo, longest.complete], [[2], 2, false]);
    assert.deepEqual([all.list.map((m) => m.text), all.lo, all.complete], [['all'], 1, true]);
});

test('logs that no index names are removed, and nothing else', async () => {
    const base = globalThis.indexedDB = makeBase();
    for (const [name, value] of [['log:p1', logOf('old')], ['outbox', ['a']], ['drafts', { p1: 'b' }], ['heads', { list: [] }]])
        await createKeep().save(name, value);
    await createShelf(createKeep()).tidy();
    assert.deepEqual([...base.kept.keys()].sort(), ['drafts', 'heads', 'logs', 'outbox']);
});

test('what waits to be written when all is forgotten is not written after it', async () => {
    const base = globalThis.indexedDB = makeBase(), keep = createKeep(), shelf = createShelf(keep);
    const saving = [shelf.save([['p1', logOf('private')]]), shelf.save([['p2', logOf('private')]])];
    shelf.forget();
    await Promise.all([keep.clear(), ...saving]);
    assert.equal(base.kept.size, 0);
    await shelf.save([['p3', logOf('of the next one')]]);
    assert.deepEqual(rows(base), ['log:p3']);
});

test('where there is no room for a log, older ones go', async () => {
    const base = globalThis.indexedDB = makeBase(), shelf = createShelf(createKeep());
    for (const key of ['p1', 'p2', 'p3', 'p4'])
        await shelf.save([[key, logOf('x'.repeat(1000))]]);
    base.room = 4000;
    await shelf.save([['p5', logOf('y'.repeat(1000))]]);
    assert.ok(base.refused > 0);
    assert.deepEqual(rows(base), ['log:p4', 'log:p5']);
    assert.equal((await createShelf(createKeep()).load('p5')).list[0].text.length, 1000);
});

// Bob has another browser than ann, whose base has the log of what she said to him.
async function talkThatIsKept() {
    const bob = await newcomer(server, 'bob');
    await bob.keep.load('heads');
    const base = globalThis.indexedDB = makeBase(), ann = await newcomer(server, 'ann');
    const key = await ann.chat.talk(bob.chat.me.account, bob.name);
    await ann.chat.open(key);
    await ann.chat.send(key, 'l'.repeat(3000));
    await until('the log is kept', () => base.kept.get('log:' + key)?.list.length === 1);
    return { ann, bob, base, key };
}

test('what was not sent takes the place of logs where there is no room, and a full browser does not hinder sending', async () => {
    const { ann, bob, base, key } = await talkThatIsKept();
    ann.wire.refused = true;
    ann.wire.cut();
    await until('it is offline', () => ann.chat.state === 'offline');
    base.room = [...base.kept].reduce((sum, [name, value]) => sum + name.length + JSON.stringify(value).length, 0) + 500;
    ann.chat.send(key, 'u'.repeat(2000));
    await ann.chat.setDraft(key, 'd'.repeat(600));
    ann.page.dispatchEvent(new Event('pagehide'));
    await until('both are kept', () => base.kept.get('outbox')?.[0]?.msg.length === 2000 && base.kept.get('drafts')?.[key]?.length === 600);
    assert.ok(!base.kept.has('log:' + key));
    base.room = 0;
    ann.wire.refused = false;
    ann.chat.retryNow();
    await until('it is sent', () => texts(ann, key).length === 2 && ann.chat.messages(key).at(-1).seq);
    await ann.chat.send(key, 'and another one');
    await bob.chat.send('p' + ann.chat.me.account, 'I see');
    await until('the answer came', () => texts(ann, key).at(-1) === 'I see');
    assert.equal(ann.chat.conversation(key).draft.length, 600);
    for (const one of [ann, bob])
        one.leave();
});

test('what was sent is not kept as unsent again where there was no room for it before', async () => {
    const { ann, bob, base, key } = await talkThatIsKept();
    base.room = [...base.kept].reduce((sum, [name, value]) => sum + name.length + JSON.stringify(value).length, 0) + 500;
    let isRefused = false, makeRoom;
    const { write } = ann.keep, mayMakeRoom = new Promise((resolve) => (makeRoom = resolve));
    ann.keep.write = async (rows) => {
        isRefused = true; // a log is to give way
        await mayMakeRoom;
        return write(rows);
    };
    ann.wire.refused = true;
    ann.wire.cut();
    await until('it is offline', () => ann.chat.state === 'offline');
    ann.chat.send(key, 'u'.repeat(2000));
    await until('it does not fit', () => isRefused);
    ann.wire.refused = false;
    ann.chat.retryNow();
    await until('it is sent', () => ann.chat.messages(key).at(-1).text.length === 2000 && ann.chat.messages(key).at(-1).seq);
    await until('that is kept', () => base.kept.get('outbox')?.length === 0);
    makeRoom();
    await until('there is room', () => !base.kept.has('log:' + key));
    assert.deepEqual(base.kept.get('outbox'), []);
    for (const one of [ann, bob])
        one.leave();
});

test('what was not sent outlives that the store of the server is another one, also over a reload', async () => {
    const base = globalThis.indexedDB = makeBase(), ann = await newcomer(server, 'ann'), key = await ann.chat.talk(ann.chat.me.account + 1, 'nobody');
    await ann.chat.setDraft(key, 'half a thou');
    await until('the draft is kept', () => base.kept.get('drafts')?.[key]);
    ann.leave();
    ann.keep.set('session', { ...ann.keep.get('session'), store: 'another one' });
    const again = openPage(server, { keep: ann.keep });
    await again.chat.start();
    if (again.chat.state === 'login')
        await again.chat.login(ann.name, 'secret');
    await until('it is logged in', () => again.chat.state === 'online');
    assert.equal(again.chat.conversation(key)?.draft, 'half a thou');
    again.leave();
    assert.equal((await createKeep().load('drafts'))?.[key], 'half a thou');
});
