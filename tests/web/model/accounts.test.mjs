// SPDX-License-Identifier: MIT
// Several people use one browser: nothing of one account is shown to the next, kept under its name, or sent in it.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { newcomer, openPage, startServer, texts, until } from '../support.mjs';

let server;
before(async () => (server = await startServer()));
after(() => server.stop());

const leave = (...all) => all.forEach((one) => one.leave());

// ann and bob know cat; ann's page is the browser that bob uses after her.
async function three() {
    const ann = await newcomer(server, 'ann'), bob = await newcomer(server, 'bob'), cat = await newcomer(server, 'cat');
    const key = await ann.chat.talk(cat.chat.me.account, cat.name);
    return { ann, bob, cat, key };
}

// The server voids the token, as when the password was changed elsewhere.
async function end(one, name) {
    const other = openPage(server);
    await other.chat.start();
    await other.chat.login(name, 'secret');
    for (const { device, own } of await other.chat.devices())
        if (!own)
            await other.chat.endDevice(device);
    await until('it is logged out', () => one.chat.state === 'login');
    leave(other);
}

test('what was kept is shown to nobody before the password was right, and to the same account after it', async () => {
    const { ann, bob, cat, key } = await three();
    await ann.chat.send(key, 'for cat only');
    await end(ann, ann.name);
    assert.equal(ann.chat.error, 'error.ended');
    const shown = [];
    ann.chat.on('state', (state) => shown.push([state, ann.chat.me?.name]));
    await assert.rejects(ann.chat.login(ann.name, 'a guess'), { key: 'error.login' });
    ann.wire.refused = true;
    await assert.rejects(ann.chat.login(ann.name, 'a guess'));
    ann.wire.refused = false;
    assert.deepEqual(shown.filter(([, name]) => name), []);
    const again = ann.reload();
    again.chat.on('state', (state) => shown.push([state, again.chat.me?.name]));
    await again.chat.start();
    await assert.rejects(again.chat.login(ann.name, 'a guess'), { key: 'error.login' });
    assert.deepEqual(shown.filter(([, name]) => name), []);
    await again.chat.login(ann.name, 'secret');
    await again.chat.open(key);
    assert.deepEqual(texts(again, key), ['for cat only']);
    leave(again, bob, cat);
});

test('what one could not send before the logout is not sent in the name of the next', async () => {
    const { ann, bob, cat, key } = await three();
    const sent = [];
    ann.wire.onSend = (text) => !/"secret of ann"/.test(text) || (sent.push(text), false);
    ann.chat.send(key, 'secret of ann');
    await until('it is on its way', () => sent.length === 1);
    ann.wire.refused = true;
    ann.wire.cut(); // it is tried again a second after this
    await until('it is noticed', () => ann.chat.state === 'offline');
    await ann.chat.logout();
    ann.wire.refused = false;
    await ann.chat.login(bob.name, 'secret');
    await new Promise((resolve) => setTimeout(resolve, 1500));
    assert.equal(sent.length, 1);
    leave(ann, bob, cat);
});

test('what a browser still has of somebody is gone when another logs in', async () => {
    const { ann, bob, cat, key } = await three();
    await ann.chat.open(key);
    await ann.chat.send(key, 'for cat only');
    await ann.chat.setQuiet(key, true);
    await until('it is kept', () => ann.keep.load('log:' + key));
    ann.keep.set('session', null); // the tab was closed while it logged out: the session went, the rest did not yet
    const next = ann.reload();
    await next.chat.start();
    await next.chat.login(bob.name, 'secret');
    await next.chat.talk(cat.chat.me.account, cat.name);
    await next.chat.open(key);
    assert.deepEqual(texts(next, key), []);
    assert.equal(next.chat.conversation(key).quiet, false);
    leave(next, bob, cat);
});

test('who does not want to stay logged in leaves nothing, also by making an account', async () => {
    const one = openPage(server), keep = one.keep;
    await one.chat.start();
    await one.chat.register('passing by', 'secret', { remember: false });
    await one.chat.talk(1, 'somebody');
    await one.chat.setDraft('p1', 'not finished');
    one.page.dispatchEvent(new Event('pagehide'));
    assert.equal(keep.get('session'), null);
    assert.deepEqual(await Promise.all(['heads', 'drafts', 'outbox'].map((name) => keep.load(name))), [undefined, undefined, undefined]);
    leave(one);
});

test('a question that waits for a busy server is not asked for the next account', async () => {
    const { ann, bob, cat, key } = await three();
    let busy = 0;
    ann.wire.onFrame = (text) => (/"of":105/.test(text) && !busy++ ? text.replace(/"errno":0/, '"errno":10') : true);
    ann.chat.open(key);
    await until('the server was busy', () => busy);
    await ann.chat.logout();
    const asked = [];
    ann.wire.onSend = (text) => void (/"msgid":105/.test(text) && asked.push(text));
    await ann.chat.login(bob.name, 'secret');
    await new Promise((resolve) => setTimeout(resolve, 1500));
    assert.deepEqual(asked, []);
    leave(ann, bob, cat);
});

test('a tab that takes the session back shows what the account now logged in has', async () => {
    const { ann, bob, cat, key } = await three();
    await ann.chat.setContact(cat.chat.me.account, { friend: true });
    await ann.chat.setQuiet(key, true);
    const other = openPage(server, { keep: ann.keep });
    ann.chat.stop();
    await other.chat.start();
    await other.chat.logout();
    await other.chat.login(bob.name, 'secret');
    other.chat.stop();
    ann.wire.refused = true;
    await ann.chat.useHere();
    assert.equal(ann.chat.me.name, bob.name);
    assert.deepEqual(await ann.chat.contacts(), []);
    await ann.chat.talk(cat.chat.me.account, cat.name);
    assert.equal(ann.chat.conversation(key).quiet, false);
    leave(ann, other, bob, cat);
});
