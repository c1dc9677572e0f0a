// SPDX-License-Identifier: MIT
// What a person does with conversations, messages, people and groups. Each action is described in the head of chat.js.
import { createConversation, of, readAll, readSeen, remove, takeLive, to, touch } from './conversations.js';
import { around, latest, newer, newest, older } from './pages.js';
import { check, discard, retry, send } from './outbox.js';
import { joinQuote } from './messages.js';

const changeMost = 15 * 60 * 1000; // edit_window and recall_window, unless the server is told otherwise
const typingEvery = 3000;
const isSomewhatAdmin = (conv) => conv.role === 'creator' || conv.role === 'admin';

export function createActions(c) {
    const the = (key) => {
        const conv = c.conversations.get(key);
        if (!conv)
            throw { errno: 7, key: 'error.noGroup', values: {} };
        return conv;
    };

    // A request that may become an entry; then it is shown as if it had been delivered.
    async function act(conv, frame) {
        const answer = await c.ask({ ...to(conv), ...frame });
        if (answer.seq)
            takeLive(c, { ...to(conv), ...frame, id: c.me.account, name: c.me.name, seq: answer.seq, ts: c.now() }, true);
        return answer;
    }

    async function open(key) {
        const conv = the(key), isHere = conv.open; // who is here already and reads far up stays there
        if (!isHere) {
            conv.open = true;
            conv.mark = conv.countedUnread + conv.fresh.size ? conv.read : null;
            conv.shown = null;
        }
        await c.restoreLog(conv);
        if (c.state !== 'online' || conv.invited || conv.gone || conv.log.loaded && !conv.log.stale && (conv.log.atEnd ? conv.log.hi >= conv.top : isHere))
            return;
        await newest(c, conv).catch((error) => {
            if (error.errno !== -1)
                throw error;
        });
    }

    function found(key, message) {
        const stored = the(key).log.list.find((m) => m.id === (message.id ?? message));
        if (!stored)
            throw { errno: 14, key: 'error.noMessage', values: {} };
        return stored;
    }

    const isChangeable = (m) => m.kind === 'text' && m.seq && !m.recalled;
    const isFresh = (m) => m.own && c.now() - m.ts < changeMost;

    function setMark(person, { friend, blocked }) {
        const next = { ...person, friend: friend ?? person.friend, blocked: blocked ?? person.blocked };
        if (next.friend || next.blocked || next.friendOf)
            c.people.set(next.account, next);
        else
            c.people.delete(next.account);
        c.emit('people');
        const conv = c.conversations.get('p' + next.account);
        if (conv)
            touch(c, conv);
    }

    return {
        open: async (key) => open(key),
        close(key) {
            const conv = c.conversations.get(key);
            if (!conv)
                return;
            conv.open = false;
            conv.mark = conv.shown = null;
        },
        visible(key) {
            c.seenKey = key;
            if (key && c.conversations.has(key))
                readSeen(c, the(key));
        },
        older: async (key) => older(c, the(key)),
        newer: async (key) => newer(c, the(key)),
        latest: async (key) => latest(c, the(key)),
        around: async (key, seq) => around(c, the(key), seq),
        async send(key, text, { quote } = {}) {
            const conv = the(key);
            if (!conv.log.atEnd)
                latest(c, conv).catch(() => {});
            return send(c, conv, text, quote);
        },
        retry: async (key, id) => retry(c, the(key), id),
        discard: async (key, id) => discard(c, the(key), id),
        canEdit: (key, m) => !!isChangeable(m) && isFresh(m) && c.conversations.has(key) && !the(key).gone,
        canRecall: (key, m) => !!isChangeable(m) && c.conversations.has(key) && !the(key).gone && (isFresh(m) || isSomewhatAdmin(the(key))),
        async edit(key, id, text) {
            const m = found(key, id), frame = { msgid: 160, of: m.seq, msg: joinQuote(m.quote, text) };
            check(frame);
            await act(the(key), frame);
        },
        async recall(key, id) {
            await act(the(key), { msgid: 161, of: found(key, id).seq });
        },
        read: async (key) => readAll(c, the(key)),
        async setDraft(key, text) {
            const conv = the(key);
            if (conv.draft === text)
                return;
            conv.draft = text;
            conv.shown = null;
            c.saveDraft(key, text);
            c.emit('conversation', key);
        },
        async typing(key) {
            const conv = the(key);
            if (c.state !== 'online' || conv.gone || c.now() - (conv.typed || 0) < typingEvery)
                return;
            conv.typed = c.now();
            c.send({ msgid: 122, id: c.me.account, ...to(conv), kind: 'typing' });
        },
        async setQuiet(key, isQuiet) {
            c.quiet = { ...c.quiet, [key]: isQuiet || undefined };
            c.keep.set('quiet', c.quiet);
            touch(c, the(key));
        },
        async talk(account, name) {
            const key = 'p' + account;
            c.names.set(account, name);
            if (!c.conversations.has(key)) {
                const conv = createConversation(c, key);
                Object.assign(conv, { name, local: true, order: c.now(), online: !!c.here.get(account) });
                touch(c, conv);
            }
            return key;
        },
        async find(name) {
            const { account, name: exact } = await c.ask({ msgid: 133, name });
            return { account, name: exact };
        },
        contacts: async () => c.state === 'online' ? c.loadPeople() : [...c.people.values()],
        async setContact(account, marks) {
            await c.ask({ msgid: 131, account, ...marks });
            const name = c.nameOf(account) || '#' + account;
            setMark(c.people.get(account) || { account, name, online: !!c.here.get(account), friend: false, friendOf: false, blocked: false }, marks);
            if (marks.friend || c.loadPeople.isUnderWay())
                c.loadPeople().catch(() => {}); // it tells whether this person is online; one that is under way may not have the marks
        },
        async createGroup(name, desc = '') {
            const frame = { msgid: 8, groupname: name, groupdesc: desc }, { groupid, seq } = await c.ask(frame);
            takeLive(c, { ...frame, groupid, id: c.me.account, name: c.me.name, seq, ts: c.now() }, true);
            return 'g' + groupid;
        },
        async join(groupid) {
            const frame = { msgid: 9, groupid }, { seq } = await c.ask(frame);
            takeLive(c, { ...frame, id: c.me.account, name: c.me.name, seq, ts: c.now() }, true);
            await c.refresh();
            if (c.conversations.get('g' + groupid)?.open)
                await open('g' + groupid);
            return 'g' + groupid;
        },
        async leave(key) {
            const conv = the(key), { seq } = conv.gone ? {} : await c.ask({ msgid: 141, groupid: conv.groupid, account: c.me.account });
            remove(c, conv, seq);
        },
        async members(key, after) {
            const page = await c.ask({ msgid: 144, ...of(the(key)), ...after && { after }, limit: 200 });
            const members = (page.members || []).map(({ state, ...member }) => ({ ...member, online: !!state }));
            for (const { account, name } of members)
                c.names.set(account, name);
            return { members, next: page.more ? page.next : null };
        },
        invite: async (key, account) => void await c.ask({ msgid: 145, groupid: the(key).groupid, account }),
        remove: async (key, account, ban) => void await act(the(key), { msgid: 141, account, ...ban && { ban: true } }),
        setRole: async (key, account, role) => void await act(the(key), { msgid: 142, account, role }),
        mute: async (key, account, until) => void await act(the(key), { msgid: 146, account, until }),
        setGroup: async (key, { name, desc, join, history }) => void await act(the(key), Object.fromEntries(
            Object.entries({ msgid: 143, groupname: name, groupdesc: desc, join, history }).filter(([, value]) => value !== undefined))),
        async devices() {
            const { devices = [] } = await c.ask({ msgid: 110 });
            return devices.map((one) => ({ ...one, own: one.device === c.keep.get('device') }));
        },
    };
}
