// SPDX-License-Identifier: MIT
// What a browser does to a page: it closes its store, and it opens several tabs at once.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createKeep } from '../../../tools/web/keep.js';
import { createAlone } from '../../../tools/web/tabs.js';
import { makeBase } from '../support/base.mjs';
import { until } from '../support.mjs';

test('a store that the browser closed is opened again, and nothing that is saved then is lost', async () => {
    const base = globalThis.indexedDB = makeBase(), keep = createKeep();
    await keep.save('outbox', ['one']);
    base.close();
    await Promise.all([keep.save('outbox', ['two']), keep.save('drafts', { p1: 'draft' })]);
    assert.deepEqual([...base.kept], [['outbox', ['two']], ['drafts', { p1: 'draft' }]]);
    base.close();
    assert.deepEqual(await keep.load('outbox'), ['two']);
    delete globalThis.indexedDB;
    assert.equal(await createKeep().load('outbox'), undefined);
});

test('a tab that takes the session although it has it loses nothing', async () => {
    const before = Object.getOwnPropertyDescriptor(globalThis, 'navigator');
    let end = null; // of the lock that is held
    const locks = {
        request: (_name, _options, hold) => new Promise((resolve, reject) => {
            end?.(new Error('stolen'));
            end = reject;
            Promise.resolve(hold({})).then(resolve);
        }),
    };
    Object.defineProperty(globalThis, 'navigator', { value: { locks }, configurable: true });
    const lost = [], first = createAlone(() => lost.push('first')), second = createAlone(() => lost.push('second'));
    await first.take();
    await first.steal();
    await new Promise((resolve) => setTimeout(resolve));
    assert.deepEqual(lost, []);
    await second.steal();
    await new Promise((resolve) => setTimeout(resolve));
    assert.deepEqual(lost, ['first']);
    delete globalThis.navigator;
    if (before)
        Object.defineProperty(globalThis, 'navigator', before);
});

test('of tabs that are opened at the same time one has the session, until another takes it', async () => {
    const channels = [], Channel = globalThis.BroadcastChannel;
    globalThis.BroadcastChannel = class extends Channel {
        constructor(name) {
            super(name);
            channels.push(this);
        }
    };
    for (const apart of [0, 60, 150]) { // ms
        const lost = [], tabs = [0, 1, 2, 3].map((i) => createAlone(() => lost.push(i)));
        const has = await Promise.all(tabs.map(async (tab, i) => {
            await new Promise((resolve) => setTimeout(resolve, apart * i));
            return tab.take();
        }));
        assert.equal(has.filter(Boolean).length, 1, `${apart}: ${has}`);
        const owner = has.indexOf(true), other = (owner + 1) % 4;
        await tabs[other].steal();
        await until('it is told', () => lost.length);
        assert.deepEqual(lost, [owner]);
        assert.equal(await tabs[owner].take(), false);
        channels.splice(0).forEach((channel) => channel.close());
    }
    globalThis.BroadcastChannel = Channel;
});
