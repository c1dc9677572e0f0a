// SPDX-License-Identifier: MIT
// Groups and people: invitations, roles, mutes, what is said of them in the log, contacts, presence, devices, passwords.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { enter, newcomer, openPage, startServer, texts, until } from '../support.mjs';

let server;
before(async () => (server = await startServer()));
after(() => server.stop());

const leave = (...all) => all.forEach((one) => one.leave());
const events = (one, key) => one.chat.messages(key).filter((m) => m.kind === 'event').map((m) => m.event.what);
let number = 0;

// ann's group, in which bob is.
async function group() {
    const ann = await newcomer(server, 'ann'), bob = await newcomer(server, 'bob'), name = 'group ' + ++number;
    const key = await ann.chat.createGroup(name, 'what it is for');
    await ann.chat.open(key);
    await ann.chat.invite(key, bob.chat.me.account);
    await until('bob is invited', () => bob.chat.conversation(key)?.invited);
    await bob.chat.join(Number(key.slice(1)));
    await until('he is in', () => bob.chat.conversation(key)?.role === 'normal');
    await bob.chat.open(key);
    return { ann, bob, key, name };
}

test('who is invited sees the group in the list, is told, joins and talks', async () => {
    const { ann, bob, key, name } = await group();
    assert.equal(bob.chat.conversation(key).name, name);
    assert.equal(bob.chat.conversation(key).invited, false);
    await until('the notice', () => bob.seen.some(([kind, text, values]) => kind === 'notice' && text === 'notice.invited' && values.group === name));
    await bob.chat.send(key, 'here I am');
    await until('it came', () => texts(ann, key).includes('here I am'));
    assert.equal(ann.chat.messages(key).at(-1).name, bob.name);
    assert.deepEqual(events(ann, key), ['created', 'joined']);
    assert.equal(ann.chat.messages(key)[1].event.whoName, bob.name);
    assert.equal(ann.chat.conversation(key).members, 2);
    assert.equal(ann.chat.conversation(key).role, 'creator');
    assert.equal(ann.chat.conversation(key).unread, 1);
    leave(ann, bob);
});

test('roles, names and mutes change on both sides, and the log says who did it', async () => {
    const { ann, bob, key } = await group(), him = bob.chat.me.account;
    await ann.chat.setRole(key, him, 'admin');
    await until('he is admin', () => bob.chat.conversation(key).role === 'admin');
    await bob.chat.setGroup(key, { name: 'renamed ' + number });
    await until('it is renamed', () => ann.chat.conversation(key).name === 'renamed ' + number);
    await ann.chat.setRole(key, him, 'normal');
    await ann.chat.mute(key, him, Date.now() + 3600000);
    await until('he is muted', () => bob.chat.conversation(key).muted > Date.now());
    await assert.rejects(bob.chat.send(key, 'but'), { key: 'error.muted' });
    await ann.chat.mute(key, him, 0);
    await until('he is not', () => !bob.chat.conversation(key).muted);
    for (const one of [ann, bob])
        assert.deepEqual(events(one, key).slice(-5), ['admin', 'renamed', 'normal', 'muted', 'unmuted']);
    assert.equal(bob.chat.messages(key).find((m) => m.event?.what === 'admin').event.self, true);
    const { members, next } = await ann.chat.members(key);
    assert.deepEqual(members.map((m) => [m.name, m.role, m.online]), [[ann.name, 'creator', true], [bob.name, 'normal', true]]);
    assert.equal(next, null);
    leave(ann, bob);
});

test('who is removed can read what was said, is told, and comes back only by an invitation after a ban', async () => {
    const { ann, bob, key, name } = await group();
    await ann.chat.send(key, 'before');
    await until('it came', () => texts(bob, key).includes('before'));
    await ann.chat.remove(key, bob.chat.me.account, true);
    await until('he is out', () => bob.chat.conversation(key).gone);
    assert.ok(texts(bob, key).includes('before'));
    assert.ok(bob.seen.some(([kind, text, values]) => text === 'notice.banned' && values.group === name && kind === 'notice'));
    await assert.rejects(bob.chat.join(Number(key.slice(1))), { key: 'error.notAllowed' });
    await ann.chat.invite(key, bob.chat.me.account);
    await until('he is invited again', () => bob.chat.conversation(key)?.invited);
    await bob.chat.join(Number(key.slice(1)));
    await bob.chat.send(key, 'back');
    await until('it came', () => texts(ann, key).includes('back'));
    leave(ann, bob);
});

test('leaving and declining take a group from the list', async () => {
    const { ann, bob, key } = await group();
    await bob.chat.leave(key);
    assert.equal(bob.chat.conversation(key), undefined);
    await until('ann sees it', () => events(ann, key).includes('left'));
    assert.equal(ann.chat.conversation(key).members, 1);
    await ann.chat.invite(key, bob.chat.me.account);
    await until('he is invited', () => bob.chat.conversation(key)?.invited);
    await bob.chat.leave(key);
    assert.equal(bob.chat.conversation(key), undefined);
    const again = bob.reload();
    await enter(again, bob.name);
    await again.chat.contacts();
    assert.equal(again.chat.conversation(key), undefined);
    leave(ann, again);
});

test('contacts: who is found, added and blocked, and whether they are there', async () => {
    const ann = await newcomer(server, 'ann'), bob = await newcomer(server, 'bob'), him = bob.chat.me.account;
    await assert.rejects(ann.chat.find('nobody at all'), { key: 'error.noUser' });
    await ann.chat.setContact((await ann.chat.find(bob.name)).account, { friend: true });
    await until('bob is told', () => bob.seen.some(([, text, values]) => text === 'notice.added' && values.name === ann.name));
    const key = await ann.chat.talk(him, bob.name);
    await until('he is there', () => ann.chat.conversation(key).online);
    assert.deepEqual(await ann.chat.contacts(), [{ account: him, name: bob.name, online: true, friend: true, friendOf: false, blocked: false }]);
    assert.ok(ann.chat.conversation(key).friend);
    await ann.chat.setContact(him, { friend: false, blocked: true });
    assert.ok(ann.chat.conversation(key).blocked);
    leave(ann, bob);
});

test('a password is changed, devices are listed, and logging out forgets all', async () => {
    const ann = await newcomer(server, 'ann');
    const [own] = await ann.chat.devices();
    assert.ok(own.own && own.online);
    const desk = openPage(server);
    await desk.chat.start();
    await desk.chat.login(ann.name, 'secret');
    assert.equal((await ann.chat.devices()).length, 2);
    await ann.chat.endDevice((await ann.chat.devices()).find((d) => !d.own).device);
    await until('it has to log in again', () => desk.chat.state === 'login');
    assert.equal(desk.chat.error, 'error.ended');
    assert.equal((await ann.chat.devices()).length, 1);
    await desk.chat.login(ann.name, 'secret');
    await ann.chat.setPassword('secret', 'another');
    await until('a new password ends the other sessions', () => desk.chat.state === 'login');
    await assert.rejects(ann.chat.setPassword('secret', 'x'), { key: 'error.password' });
    ann.wire.cut();
    await until('the new token holds', () => ann.chat.state === 'online' && ann.wire.made > 1);
    desk.leave();
    await ann.chat.logout();
    assert.equal(ann.chat.state, 'login');
    assert.equal(ann.chat.me, null);
    assert.deepEqual(ann.chat.conversations(), []);
    assert.equal(ann.keep.get('session'), null);
    await ann.chat.login(ann.name, 'another');
    assert.equal(ann.chat.me.name, ann.name);
    leave(ann);
});

test('another account on the same browser sees nothing of the one before it', async () => {
    const { ann, bob, key } = await group();
    await ann.chat.send(key, 'for us only');
    await until('it is kept', async () => await ann.keep.load('log:' + key));
    ann.chat.stop();
    const other = await newcomer(server, 'other', { keep: ann.keep });
    assert.deepEqual(other.chat.conversations(), []);
    await until('nothing is kept', async () => !await ann.keep.load('log:' + key));
    leave(ann, bob, other);
});

test('a login that is not to be remembered keeps nothing, also not of the one before it', async () => {
    const { ann, bob, key } = await group();
    await ann.chat.send(key, 'for us only');
    await until('it is kept', async () => await ann.keep.load('log:' + key));
    const again = ann.reload();
    await enter(again, ann.name);
    await again.chat.logout();
    await again.chat.login(ann.name, 'secret', { remember: false });
    await until('the list came', () => again.chat.conversation(key));
    await again.chat.open(key);
    await again.chat.setDraft(key, 'secret draft');
    await again.chat.send(key, 'more');
    again.page.dispatchEvent(new Event('pagehide'));
    again.wire.cut();
    await until('it is back by itself', () => again.chat.state === 'online' && again.wire.made >= 3);
    for (const name of ['heads', 'outbox', 'drafts', 'log:' + key])
        assert.equal(await again.keep.load(name), undefined, name);
    assert.equal(again.keep.get('session'), null);
    leave(again, bob);
});
