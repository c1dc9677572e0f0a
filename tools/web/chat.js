// SPDX-License-Identifier: MIT
// The model of the page: the account, its conversations, messages and people. It knows nothing of the document.
//
// const chat = createChat({ url, keep, now, random, alone }); all but url may be left out. chat.start() begins.
//
// What it shows
//   chat.state     'start'      what was kept is being read
//                  'login'      nobody is logged in: show the form; chat.error says why a kept login ended
//                  'connecting' the connection is being made; what was kept can be shown when chat.me is set
//                  'online'
//                  'offline'    no connection; the next attempt is at chat.retryAt; what was kept can be shown
//                  'elsewhere'  another tab of this browser, or a copy of its profile, has the session; chat.useHere() takes it over
//   chat.retryAt   milliseconds since 1970 of the next attempt, 0 when none is planned
//   chat.me        null or {account, name}; null where nobody is logged in
//   chat.error     null or a key of words (see "Refusals")
//   chat.conversations()  array, newest first, of
//     {key: 'p12' | 'g7', peer | groupid, name, desc, role: 'creator'|'admin'|'normal'|'', members: number,
//      last: message | null, unread, read, seen, online, friend, blocked, muted: ms until which one may not write or 0,
//      mutedAll: the same for all who are normal, invited: bool, gone: bool (left, removed or ended: only to be read),
//      draft, quiet: bool (no notifications; kept on this device only), typing: [names], newFrom: seq or 0}
//     newFrom: the first message that was unread when the conversation was opened; the "new" line stands above it.
//              0 as long as the page does not know which one that is: it may be older than what is in memory
//   chat.conversation(key)  one of them, or undefined
//   chat.unread()           the sum of unread over conversations that are not quiet
//   chat.messages(key)      array, ascending, of what is known from the window's start:
//     {id: text, the same for the life of the page, seq: 0 until stored, cid, from, name, own, text, ts,
//      state: 'sending'|'failed'|'stored'|'read', error: key of words when failed, edited, recalled,
//      quote: null | {seq, name, text}, kind: 'text'|'event',
//      event: null | {what, who, whom, whoName, whomName, self: bool, byOperator: bool, values}}
//     what: 'created' 'joined' 'left' 'removed' 'banned' 'admin' 'normal' 'creator' 'muted' 'unmuted' 'mutedAll' 'unmutedAll'
//           'renamed' (values.name) 'described' (values.desc) 'settings' (values.join, values.history) 'ended'
//     byOperator: the operator of the server did it; who is the creator, in whose place. text is without its quote, and empty
//     where an account was erased. quote.seq is 0 where the quoted message is not known.
//     Objects of messages are replaced when they change, never altered: compare them by identity.
//   chat.complete(key)      true: there is nothing older
//   chat.newest(key)        true: the array reaches the newest message (false after older pages pushed the newest out)
//   chat.find, chat.contacts: see actions
//
// Events: const off = chat.on(kind, fn)
//   'state'          (state)
//   'conversations'  ()  the list changed: order, a head, a number of unread
//   'conversation'   (key) its head, draft, typing or permissions changed
//   'messages'       (key, {added: [messages], changed: [messages], live: [messages], prepended: n, reset: bool})
//                    added: at the end; live: those of them that were delivered now, not asked for; reset: the whole array is another one; removed ids appear in none of these but in reset
//   'people'         () contacts, presence or blocks changed
//   'typing'         (key)
//   'notice'         (text key, values) something to be said once: a refusal nobody waits for, an invitation, "removed from group"
//   'incoming'       (key, message) a live message of somebody else, not read at once: for notifications
//   'settings'       (name, value)
//
// Actions: each gives a promise; a refused one rejects with {errno, key, values}: key is one of words
//   register(name, password, {remember, invite})  makes the account, with the code of an invitation if the server asks for one
//                                (error.invite, error.inviteBad), and logs it in
//   login(name, password, {remember})     logout()      useHere()      retryNow()
//   open(key)      loads the newest page if need be, sets newFrom; close(key)
//   visible(key or null)   the view says which conversation is seen now (tab visible, at the bottom): it is read at once
//   older(key)     one page before; newer(key) one page after; latest(key) back to the newest
//   around(key, seq) a page around an old message (a quote's)
//   send(key, text, {quote: message}) resolves when stored with the message; a refusal with unsent: true made no message; retry(key, id); discard(key, id) for failed ones
//   edit(key, id, text)   recall(key, id)   chat.canEdit(key, message), chat.canRecall(key, message): bool, at once
//   read(key)      all of it is read
//   setDraft(key, text)    typing(key)      setQuiet(key, bool)
//   talk(account, name) -> key of a conversation with that account, made (locally) if there is none
//   find(name) -> {account, name}
//   contacts() -> [{account, name, online, friend, friendOf, blocked}]
//   setContact(account, {friend, blocked})
//   createGroup(name, desc) -> key       join(groupid) -> key       leave(key)  (of an invitation: declines it)
//   members(key, after) -> {members: [{account, name, role, online, joined}], next: opaque or null}
//   invite(key, account)   remove(key, account, ban)   setRole(key, account, role)   mute(key, account, until)
//   setGroup(key, {name, desc, join: 'open'|'invite', history: 'joined'|'all'})
//   devices() -> [{device, online, seen, own}]   endDevice(device)   setPassword(old, new)
//   setting(name) -> value, setSetting(name, value): 'language' 'theme' 'notify' 'showRead' (default true) ... kept on this device
//
// Refusals: error.key is one of
//   'error.login' 'error.locked' 'error.taken' 'error.password' 'error.notLoggedIn' 'error.badFrame' 'error.noUser' 'error.noGroup' 'error.notAllowed'
//   'error.muted' (values.until) 'error.exists' 'error.busy' 'error.unavailable' 'error.tooLong' 'error.offline' 'error.noMessage'
//   'error.tooLate' 'error.full' 'error.devices' 'error.closed' 'error.invite' 'error.inviteBad' 'error.timeout' 'error.ended' (the token is void: log in again)
//   'error.refused' (anything else; values.text is the server's own text)
import { createActions } from './actions.js';
import { createConnection, lost } from './connection.js';
import {
    applyChanges, createConversation, messagesOf, shown, sorted, takeItem, takeLive, takeRead, takeSignal, tell, touch,
} from './conversations.js';
import { createKeep } from './keep.js';
import { change, prepend } from './log.js';
import { fillGap, newest } from './pages.js';
import { pumpAll, randomText, refuseLongest, restoreOutbox, saveOutbox, stored } from './outbox.js';
import { createShelf } from './shelf.js';
import { createAlone } from './tabs.js';

const want = ['event', 'echo', 'read', 'presence', 'signal', 'notice'];
const keysOf = {
    1: 'login', 3: 'notLoggedIn', 4: 'badFrame', 6: 'noUser', 7: 'noGroup', 8: 'notAllowed', 9: 'exists', 10: 'busy', 11: 'unavailable',
    12: 'tooLong', 13: 'busy', 14: 'noMessage', 15: 'tooLate', 16: 'full',
};
const entries = [6, 8, 9, 10, 141, 142, 143, 146, 160, 161];
const dueMost = 32, dueAfter = 100, readsAfter = 300, peopleAfter = 300, saveEvery = 500; // ms
const lastingAfter = 300000; // ms; a session that was held so long shows that nobody else takes the device back
const keptHeads = 300, keptText = 200; // of each the beginning of its last message
const headFields = ['name', 'desc', 'role', 'members', 'last', 'invited', 'local', 'order', 'top', 'read', 'owed', 'counted', 'countedUnread', 'seen', 'at'];

// What a refusal is in the words of the page; of is the msgid that was refused.
function refusal(answer, of) {
    if (answer.key)
        return answer;
    const { errno, errmsg: text = '', until } = answer, values = { text };
    let key = keysOf[errno] || 'refused';
    if (of === 4 && errno === 1)
        key = /taken/.test(text) ? 'taken' : /closed/.test(text) ? 'closed' : /invitation is needed/.test(text) ? 'invite' : /invit/.test(text) ? 'inviteBad' : 'refused';
    else if (of === 1 && errno === 1)
        key = /locked/.test(text) ? 'locked' : 'login';
    else if (of === 1 && errno === 16)
        key = 'devices';
    else if (of === 112 && errno === 8)
        key = 'password';
    else if (until)
        [key, values.until] = ['muted', until];
    return { errno, key: 'error.' + key, values };
}

// Calls fn once for several calls, `first` ms after the first one, and not again before ms have passed; now() calls it at once.
function soon(fn, ms, first = ms) {
    let timer = null, last = -Infinity;
    const run = () => {
        clearTimeout(timer);
        timer = null;
        last = performance.now();
        return fn();
    };
    return Object.assign(() => {
        timer ??= setTimeout(run, Math.max(first, last + ms - performance.now()));
    }, { now: run, flush: () => timer !== null && run(), cancel: () => clearTimeout(timer) });
}

// One call of load at a time. Who calls it meanwhile gets the next one, for what has changed may be missing in this one.
function oneAtATime(load) {
    let present = null, next = null;
    const start = () => {
        next = null;
        return present = load().finally(() => (present = null));
    };
    const run = () => next ?? (present ? next = present.catch(() => {}).then(start) : start());
    return Object.assign(run, { isUnderWay: () => !!(present || next) });
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export function createChat({ url, keep: store = createKeep(), now = Date.now, random = Math.random, alone, WebSocket = globalThis.WebSocket, page = globalThis } = {}) {
    const listeners = new Map();
    let remember = true; // otherwise nothing is kept but settings
    let clears = 0;
    const saves = {}; // how many began, by name
    const shelf = createShelf(store);
    const keep = {
        ...store,
        // What was not sent is only here; logs can be asked for again, and give way to it. A newer value ends the attempts.
        async save(name, value) {
            const before = clears, mine = saves[name] = (saves[name] || 0) + 1, isWanted = () => remember && before === clears && mine === saves[name];
            for (let more = true; isWanted() && !await store.save(name, value) && more;)
                more = await shelf.halve(); // if nothing was left, something else may have made room meanwhile: once more
        },
        clear() {
            clears++;
            shelf.forget();
            return store.clear();
        },
    };
    // What the files of the model share.
    const c = {
        keep, now, state: 'start', retryAt: 0, me: null, error: null, names: new Map(), people: new Map(), here: new Map(), conversations: new Map(),
        quiet: keep.get('quiet') || {}, seenKey: null, promises: new Map(),
        // The number of the newest question for a list. What is told while its answer is under way holds against the answer:
        // the presence of accounts (changed: at which number), and conversations that were left ({seq, clock}).
        clock: 0, changed: new Map(), left: new Map(),
        nameOf: (account) => c.names.get(account) || '',
        emit(kind, ...values) {
            for (const fn of listeners.get(kind) || []) {
                try {
                    fn(...values);
                } catch (error) { // a mistake of the view harms the view only
                    setTimeout(() => { throw error; });
                }
            }
        },
    };
    let wanted = null; // how to log in: {account, token} or {name, password}, isNew: register first
    let entering = null; // the promise of login() or register()
    let session = null; // as it is kept: {account, name, token, store}
    const connection = createConnection({ url, now, random, WebSocket, on: { open: enter, frame: take, state: connectionChanged } });

    function setState(state, error = c.error) {
        c.state = state;
        c.error = error;
        c.emit('state', state);
    }

    // ---- Requests

    c.ask = async (frame) => {
        if (c.state !== 'online')
            throw lost;
        return connection.request({ ...frame, id: c.me.account }).catch((error) => {
            throw refusal(error, frame.msgid);
        });
    };

    // A question that nobody asked by hand: it is repeated while the server is busy.
    c.query = async (frame) => {
        const { me } = c;
        for (let tries = 0; ; tries++) {
            try {
                return await c.ask(frame);
            } catch (error) {
                if (![10, 11].includes(error.errno) || tries > 5)
                    throw error;
                await pause(1000 * 2 ** tries);
                if (c.me !== me) // what is asked for belongs to a session that ended
                    throw lost;
            }
        }
    };

    // ---- The session

    async function enter() {
        const me = wanted;
        if (!me) // logged out meanwhile
            return;
        try {
            if (me.isNew) {
                await connection.request({ msgid: 4, name: me.name, password: me.password, ...me.invite && { invite: me.invite } });
                me.isNew = false;
            }
            const who = me.token ? { id: me.account, token: me.token } : { name: me.name, password: me.password };
            entered(await connection.request({ msgid: 1, ...who, device: device(), rosters: false, ack: true, want, remember: true }));
        } catch (error) {
            notEntered(error, me);
        }
    }

    function device() {
        let id = keep.get('device');
        if (!id)
            keep.set('device', id = randomText());
        return id;
    }

    function entered(answer) {
        if (session?.account !== answer.id) // without a session what is kept may be anybody's
            forgetAll();
        else if (session.store !== answer.store)
            forgetMessages();
        if (!remember)
            keep.clear();
        c.me = { account: answer.id, name: answer.name };
        c.names.set(answer.id, answer.name);
        setSession({ ...c.me, store: answer.store, token: answer.token || (wanted.token ?? null) });
        heldSince = now();
        setState('online', null);
        entering?.resolve();
        entering = null;
        missed = new Map();
        for (const frame of answer.offlinemsg || [])
            take(frame);
        announceAfter(c.refresh());
        loadPeople().catch(() => {});
        for (const conv of c.conversations.values())
            if (conv.open && conv.log.atEnd) // who reads far up stays there; the rest comes as one reads on
                newest(c, conv).catch(() => {});
        pumpAll(c);
    }

    // Of what was missed only INBOX tells whether another device has read it meanwhile: the last one of each conversation waits.
    let missed = null;
    c.announce = (conv, message) => missed ? missed.set(conv.key, message) : c.emit('incoming', conv.key, message);
    async function announceAfter(inbox) {
        const mine = missed;
        await inbox;
        if (missed !== mine)
            return;
        missed = null;
        for (const [key, message] of mine)
            if (c.conversations.get(key)?.read < message.seq && c.seenKey !== key)
                c.emit('incoming', key, message);
    }

    function setSession(next) {
        session = next;
        if (next.token)
            wanted = { account: next.account, token: next.token };
        keep.set('session', remember ? next : null);
    }

    function notEntered(answer, me) {
        if (me !== wanted) // another attempt has taken its place
            return;
        const error = refusal(answer, me.isNew ? 4 : 1), isPassing = answer === lost || [-1, 2, 10, 11, 13].includes(answer.errno);
        if (isPassing && !entering) {
            if (answer !== lost)
                connection.fail();
            return;
        }
        if (me.token && answer.errno === 1) {
            if (error.key === 'error.login')
                error.key = 'error.ended';
            setSession({ ...session, token: null });
        }
        backToLogin(error);
    }

    function backToLogin(error) {
        const promise = entering;
        entering = wanted = null;
        c.me = null; // what was kept is shown to nobody before the password was right
        connection.stop();
        setState('login', error?.key ?? null);
        promise?.reject(error);
    }

    function connectionChanged(state, until) {
        c.retryAt = state === 'waiting' ? until : 0;
        endHeld();
        if (state === 'waiting' && entering)
            backToLogin({ ...lost });
        else if (state === 'waiting')
            setState('offline');
        else if (state === 'connecting')
            setState('connecting');
    }

    function enterBy(how, options = {}) {
        remember = options.remember !== false;
        wanted = how;
        replacedCount = 0;
        entering?.reject(lost);
        return new Promise((resolve, reject) => {
            entering = { resolve, reject };
            connection.start();
        });
    }

    // ---- What is kept

    function forgetMessages() {
        const outbox = kept.outbox(), open = [...c.conversations.values()].filter((conv) => conv.open);
        c.conversations.clear();
        c.left.clear();
        unsaved.clear();
        shelf.clear();
        restoreOutbox(c, outbox);
        kept.applyDrafts();
        c.saveHeads.now();
        for (const { key, name } of open) {
            Object.assign(c.conversations.get(key) || createConversation(c, key), { name, open: true });
            c.emit('messages', key, { ...change(), reset: true });
        }
        c.emit('conversations');
    }

    const clearAll = () => [c.conversations, c.names, c.people, c.here, c.changed, c.left].forEach((map) => map.clear());

    function forgetAll() {
        clearAll();
        c.quiet = {};
        kept.drafts = {};
        unsaved.clear();
        due.clear();
        keep.set('quiet', null);
        keep.clear();
        c.emit('conversations');
        c.emit('people');
    }

    const kept = {
        drafts: {},
        outbox: () => [...c.conversations.values()].flatMap((conv) => conv.pending.map((m) => ({ ...m, key: conv.key, name: conv.name }))),
        applyDrafts() {
            for (const [key, draft] of Object.entries(kept.drafts))
                if (/^[pg][1-9]\d*$/.test(key)) {
                    const conv = c.conversations.get(key) || createConversation(c, key);
                    conv.draft = draft;
                    conv.local ||= !conv.last;
                }
        },
    };

    const keptLast = (last) => last && { ...last, text: last.text.slice(0, keptText), quote: null };
    c.saveHeads = soon(() => keep.save('heads', {
        list: sorted(c).slice(0, keptHeads).filter((conv) => !conv.gone).map((conv) => ({ key: conv.key,
            ...Object.fromEntries(headFields.map((f) => [f, conv[f]])), last: keptLast(conv.last), fresh: [...conv.fresh], moves: [...conv.moves] })),
    }), saveEvery, 0);
    const unsaved = new Set(), saveLogs = soon(() => {
        const changed = [...unsaved].filter((conv) => c.conversations.get(conv.key) === conv);
        unsaved.clear();
        if (remember && changed.length)
            shelf.save(changed.map(({ key, log }) => [key, log]));
    }, saveEvery, 0);
    c.forgetLog = (conv) => remember && shelf.remove(conv.key);
    c.saveLog = (conv) => {
        if (!(conv.log.loaded || conv.log.restored) || !conv.log.atEnd || c.conversations.get(conv.key) !== conv)
            return;
        unsaved.add(conv);
        saveLogs();
    };
    const saveDrafts = soon(() => keep.save('drafts', kept.drafts), saveEvery, 0);
    c.saveDraft = (key, text) => {
        kept.drafts[key] = text;
        if (!text)
            delete kept.drafts[key];
        if (text)
            saveDrafts();
        else
            saveDrafts.now(); // it was sent: it must not come back as a draft
    };
    const flush = () => [c.saveHeads, saveLogs, saveDrafts].forEach((save) => save.flush());

    async function restore() {
        shelf.tidy();
        const [heads, outbox, drafts] = await Promise.all(['heads', 'outbox', 'drafts'].map((name) => keep.load(name)));
        c.me = { account: session.account, name: session.name };
        c.names.set(c.me.account, c.me.name);
        for (const { key, fresh, moves, ...head } of heads?.list || []) {
            const conv = Object.assign(createConversation(c, key), head);
            conv.fresh = new Set(fresh);
            conv.moves = new Map(moves);
            conv.log.stale = true;
            if (conv.peer)
                c.names.set(conv.peer, conv.name);
        }
        restoreOutbox(c, outbox);
        kept.drafts = drafts || {};
        kept.applyDrafts();
        c.emit('conversations');
    }

    // The last messages of a conversation, as they were kept, with what came since.
    c.restoreLog = async (conv) => {
        const { log } = conv, had = !log.loaded && !log.restored && await shelf.load(conv.key);
        if (log.loaded || log.restored || c.conversations.get(conv.key) !== conv)
            return;
        log.restored = true;
        if (!had?.list?.length) {
            if (log.list.length)
                c.saveLog(conv);
            return;
        }
        const out = { ...change(), reset: true };
        prepend(log, had, out);
        applyChanges(c, conv, out);
        tell(c, conv, out);
    };

    // ---- Lists that are asked for after each login

    async function loadInbox() {
        const told = new Set();
        let after, order = now();
        do {
            const asked = ++c.clock, page = await c.query({ msgid: 106, ...after && { after }, limit: 200 });
            for (const item of page.conversations || []) {
                const conv = takeItem(c, item, order, asked);
                if (conv)
                    told.add(conv.key);
                order = conv?.last?.ts || conv?.order || order;
            }
            after = page.more && page.next;
        } while (after);
        // What the server does not list is over, but for what was begun here.
        for (const conv of [...c.conversations.values()])
            if (!told.has(conv.key) && !conv.local && !conv.gone && !conv.open && !conv.pending.length && !conv.heard && !conv.draft)
                c.conversations.delete(conv.key);
        c.emit('conversations');
    }

    c.refresh = oneAtATime(() => loadInbox().catch(() => {}));

    const loadPeople = c.loadPeople = oneAtATime(async () => {
        const people = new Map();
        let after;
        do {
            const asked = ++c.clock, page = await c.query({ msgid: 132, ...after && { after }, limit: 200 });
            for (const { account, name, state, friend, friend_of: friendOf, blocked } of page.contacts || []) {
                if (!(c.changed.get(account) >= asked))
                    c.here.set(account, !!state);
                people.set(account, { account, name, online: c.here.get(account), friend: !!friend, friendOf: !!friendOf, blocked: !!blocked });
                c.names.set(account, name);
            }
            after = page.more && page.next;
        } while (after);
        c.people = people;
        c.emit('people');
        for (const conv of c.conversations.values())
            if (conv.peer) {
                conv.online = c.here.get(conv.peer) ?? conv.online;
                touch(c, conv, false);
            }
        return [...people.values()];
    });

    // ---- What is told to the server without being asked

    const due = new Map();
    const deliver = soon(() => {
        for (const [key, seq] of due)
            connection.send({ msgid: 104, id: c.me.account, [key[0] === 'g' ? 'groupid' : 'peer']: Number(key.slice(1)), seq });
        due.clear();
        deliver.count = 0;
    }, dueAfter);
    deliver.count = 0;
    c.deliver = (conv, seq) => {
        due.set(conv.key, Math.max(seq, due.get(conv.key) || 0));
        if (++deliver.count >= dueMost)
            deliver.now();
        else
            deliver();
    };

    c.sendReads = soon(async () => {
        for (const conv of c.conversations.values()) {
            if (!conv.owed || c.state !== 'online')
                continue;
            const seq = conv.read, of = conv.groupid ? { groupid: conv.groupid } : { peer: conv.peer };
            const show = conv.peer && keep.get('set.showRead') !== false ? { show: true } : {};
            conv.owed = false;
            c.ask({ msgid: 120, ...of, seq, ...show }).then(() => conv.countedUnread && c.refresh(), (error) => {
                conv.owed = [-1, 10, 11, 13].includes(error.errno);
                if (conv.owed && error !== lost)
                    setTimeout(c.sendReads, 2000);
            });
        }
    }, readsAfter);

    c.send = connection.send;
    c.fillGap = (conv) => fillGap(c, conv);
    c.stored = (conv, message) => stored(c, conv, message);

    // ---- Frames

    // The other login may be an own attempt that reached the server late, so the device is taken back once. A copy of this
    // browser would take it again: then this page gives up.
    let heldSince = Infinity, replacedCount = 0; // since the last session that lasted
    function endHeld() {
        if (now() - heldSince >= lastingAfter)
            replacedCount = 0;
        heldSince = Infinity;
    }

    function replaced() {
        endHeld();
        if (++replacedCount > 1)
            lostAlone();
    }

    function take(frame) {
        if (!c.me)
            return;
        if (entries.includes(frame.msgid))
            takeLive(c, frame);
        else if (frame.msgid === 120)
            takeRead(c, frame);
        else if (frame.msgid === 122)
            takeSignal(c, frame);
        else if (frame.msgid === 123)
            setOnline(frame.id, frame.state);
        else if (frame.msgid === 124)
            c.emit('notice', 'notice.server', { text: frame.text });
        else if (frame.msgid === 134)
            added(frame);
        else if (frame.msgid === 145)
            c.refresh().then(() => c.emit('notice', 'notice.invited', { name: c.nameOf(frame.id) || frame.name || '', group: c.conversations.get('g' + frame.groupid)?.name || '' }));
        else if (frame.msgid === 100 && !frame.of && [4, 12].includes(frame.errno))
            refuseLongest(c, refusal(frame, 0));
        else if (frame.msgid === 100 && !frame.of && frame.reason === 'replaced')
            replaced();
    }

    function setOnline(account, online) {
        const person = c.people.get(account), conv = c.conversations.get('p' + account);
        c.here.set(account, online);
        c.changed.set(account, c.clock);
        if (person)
            c.people.set(account, { ...person, online });
        c.emit('people');
        if (conv) {
            conv.online = online;
            touch(c, conv, false);
        }
    }

    const greeted = new Set(), peopleSoon = soon(() => loadPeople().catch(() => {}), peopleAfter);
    function added({ id, name }) {
        c.names.set(id, name);
        peopleSoon();
        if (!greeted.has(id)) // it may be said again and again
            c.emit('notice', 'notice.added', { name });
        greeted.add(id);
    }

    // ---- Beginning and ending

    function lostAlone() {
        flush();
        entering?.reject({ ...lost });
        entering = wanted = null;
        connection.stop();
        setState('elsewhere');
    }

    async function begin() {
        replacedCount = 0;
        shelf.forget();
        session = keep.get('session');
        if (!session?.account) {
            session = null;
            keep.clear(); // nobody can say whose it is
            setState('login');
            return;
        }
        if (!c.me)
            await restore();
        if (session.token) {
            wanted = { account: session.account, token: session.token };
            connection.start();
        } else {
            c.me = null;
            setState('login');
        }
    }

    const tabs = alone === undefined ? createAlone(lostAlone) : alone;
    const wake = () => globalThis.document?.visibilityState !== 'hidden' && connection.wake();
    page.addEventListener?.('online', () => connection.wake());
    page.addEventListener?.('offline', () => connection.doubt());
    page.document?.addEventListener('visibilitychange', () => page.document.visibilityState === 'hidden' ? flush() : wake());
    for (const kind of ['beforeunload', 'pagehide']) // the earlier one leaves the browser more time to write
        page.addEventListener?.(kind, flush);

    async function logout() {
        const end = c.state === 'online' && c.ask({ msgid: 111, device: device() }).catch(() => {});
        wanted = null;
        await Promise.race([end, pause(3000)]);
        connection.stop();
        forgetAll();
        session = c.me = c.seenKey = null;
        keep.set('session', null);
        keep.set('device', null);
        setState('login', null);
    }

    return {
        get state() { return c.state; },
        get retryAt() { return c.retryAt; },
        get me() { return c.me; },
        get error() { return c.error; },
        on(kind, fn) {
            if (!listeners.has(kind))
                listeners.set(kind, new Set());
            listeners.get(kind).add(fn);
            return () => listeners.get(kind).delete(fn);
        },
        async start() {
            if (tabs && !await tabs.take())
                setState('elsewhere');
            else
                await begin();
        },
        async useHere() {
            await tabs?.steal();
            c.me = null; // the other tab has changed what is kept, and maybe the account
            clearAll();
            c.quiet = keep.get('quiet') || {};
            await begin();
        },
        // Ends all activity; for tests.
        stop() {
            flush();
            wanted = null;
            connection.stop();
        },
        register: (name, password, options) => enterBy({ name, password, invite: options?.invite, isNew: true }, options),
        login: (name, password, options) => enterBy({ name, password }, options),
        logout,
        retryNow: () => connection.retry(),
        conversations: () => sorted(c).map((conv) => shown(c, conv)),
        conversation: (key) => c.conversations.has(key) ? shown(c, c.conversations.get(key)) : undefined,
        unread: () => sorted(c).reduce((sum, conv) => sum + (c.quiet[conv.key] ? 0 : shown(c, conv).unread), 0),
        messages: (key) => c.conversations.has(key) ? messagesOf(c.conversations.get(key)) : [],
        complete: (key) => !!c.conversations.get(key)?.log.complete,
        newest: (key) => c.conversations.get(key)?.log.atEnd ?? true,
        setting: (name) => keep.get('set.' + name),
        setSetting(name, value) {
            keep.set('set.' + name, value);
            c.emit('settings', name, value);
        },
        async setPassword(old, next) {
            const answer = await c.ask({ msgid: 112, old, new: next });
            if (answer.token)
                setSession({ ...session, token: answer.token });
            else if (wanted?.password)
                wanted = { ...wanted, password: next };
        },
        async endDevice(name) {
            if (name === device())
                return logout();
            await c.ask({ msgid: 111, device: name });
        },
        device,
        ...createActions(c),
    };
}
