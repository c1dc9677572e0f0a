// SPDX-License-Identifier: MIT
// Whatever happens on several devices, each one shows the counts and messages that the server has.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { enter, newcomer, openPage, patience, startServer, until } from '../support.mjs';

const steps = Number(process.env.CS_STEPS || 60);
let server, seed = Number(process.env.CS_SEED || Date.now() % 2 ** 31);
before(async () => (server = await startServer()));
after(() => server.stop());

function below(n) {
    seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff;
    return (seed >>> 8) % n;
}
const pick = (list) => list[below(list.length)];

// What is compared: of each conversation what is unread, its last message, and its newest messages.
function picture(one) {
    return one.chat.conversations().map(({ key, unread, last, read, role, members }) => ({ key, unread, read, last: last && [last.seq, last.text, !!last.recalled], role, members }))
        .sort((a, b) => (a.key < b.key ? -1 : 1));
}
const log = (one, key) => one.chat.messages(key).map((m) => [m.seq, m.kind, m.text, !!m.edited, !!m.recalled, m.event?.what]);

test('the counts and messages of two devices are those of a third that logs in at the end', { timeout: 7 * patience }, async () => {
    const begun = seed, ann = await newcomer(server, 'ann'), bob = await newcomer(server, 'bob'), cat = await newcomer(server, 'cat');
    const desk = openPage(server), phone = openPage(server);
    for (const one of [desk, phone]) {
        await one.chat.start();
        await one.chat.login(bob.name, 'secret');
    }
    const group = await ann.chat.createGroup('group');
    const pairs = { ann: 'p' + ann.chat.me.account, cat: 'p' + cat.chat.me.account }, toBob = 'p' + bob.chat.me.account;
    for (const one of [bob, cat]) {
        await ann.chat.invite(group, one.chat.me.account);
        await one.chat.join(Number(group.slice(1)));
    }
    for (const one of [ann, cat])
        await one.chat.talk(bob.chat.me.account, bob.name);
    await bob.chat.talk(ann.chat.me.account, ann.name);
    const keysOf = new Map([[ann, [group, toBob]], [cat, [group, toBob]], [bob, [group, pairs.ann]]]);
    for (let i = 0; i < steps; i++) {
        const one = pick([ann, ann, cat, bob]), key = pick(keysOf.get(one)), device = pick([bob, desk]);
        const known = device.chat.conversations();
        switch (below(12)) {
        case 0: case 1: case 2: case 3: case 4: await one.chat.send(key, 'm' + i); break;
        case 5: case 6: {
            const m = pick(one.chat.messages(key).filter((each) => one.chat.canRecall(key, each)));
            if (m && one.chat.state === 'online')
                await one.chat.recall(key, m.id).catch(() => {});
            break;
        }
        case 7: {
            const m = pick(one.chat.messages(key).filter((each) => one.chat.canEdit(key, each)));
            if (m && one.chat.state === 'online')
                await one.chat.edit(key, m.id, 'edited ' + i).catch(() => {});
            break;
        }
        case 8: known.length && await device.chat.read(pick(known).key); break;
        case 9: known.length && await device.chat.open(pick(known).key); break;
        case 10: device.wire.cut(); break;
        default: {
            // Read in part on a third device, as another client may do.
            const conv = known.length && pick(known);
            if (conv && conv.last && phone.chat.state === 'online')
                phone.wire.socket.send(JSON.stringify({ msgid: 120, id: bob.chat.me.account, [conv.groupid ? 'groupid' : 'peer']: conv.groupid ?? conv.peer, seq: 1 + below(conv.last.seq) }));
        }
        }
        if (below(4) === 0)
            await new Promise((resolve) => setTimeout(resolve, below(40)));
    }
    const third = openPage(server);
    await until('all are connected', () => [ann, bob, cat, desk].every((one) => one.chat.state === 'online'));
    await new Promise((resolve) => setTimeout(resolve, 500)); // what was read is sent
    await enter(third, bob.name);
    await until('the list came', () => third.chat.conversations().length === bob.chat.conversations().length);
    for (const one of [bob, desk]) {
        try {
            await until('the same', () => JSON.stringify(picture(one)) === JSON.stringify(picture(third)));
        } catch {
            assert.deepEqual(picture(one), picture(third), `CS_SEED=${begun}`);
        }
        for (const { key } of third.chat.conversations()) {
            for (const each of [one, third]) {
                await each.chat.open(key);
                while (!each.chat.complete(key))
                    await each.chat.older(key);
            }
            assert.deepEqual(log(one, key), log(third, key), `CS_SEED=${begun} ${key}`);
        }
    }
});
