// SPDX-License-Identifier: MIT
// Wires the model and the views: which screen is shown, the address, the title, notices and notifications.
import { createChat } from './chat.js';
import { el, fill } from './dom.js';
import { t, date, useLanguage } from './words.js';
import { button, toast, eventText } from './views/common.js';
import { loginView, elsewhereView } from './views/login.js';
import { listView } from './views/list.js';
import { conversationView, noConversationView } from './views/conversation.js';
import { detailsView } from './views/details.js';
import { newDialog } from './views/people.js';
import { settingsDialog } from './views/settings.js';

const saidFor = 2000;  // how long a text stands in the region that is said
const drawEvery = 100; // ms; what changes in between is drawn at once
const place = document.getElementById('app');
const said = document.getElementById('said');
const icon = document.getElementById('icon');
const chat = createChat({ url: `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/ws` });
const app = {
    chat,
    route: { key: null, details: false },
    go: (key) => (location.hash = `#/${key}`),
    back: () => (location.hash = '#/'),
    toggleDetails: () => (location.hash = `#/${app.route.key}${app.route.details ? '' : '/details'}`),
    openNew: () => only(() => newDialog(app)),
    openSettings: () => only(() => settingsDialog(app)),
    seen,
    say
};
let screen = '';   // which of the screens is in the document
let list = null;
let pane = null;
let details = null;
let columns = null;
let banner = null;
let seenKey = null;

function only(open) {
    if (!document.querySelector('dialog[open]')) {
        open();
    }
}

// Tells screen readers of something new. It stands in the document only until it has been said; without text nothing stands there.
function say(text) {
    if (!text) {
        fill(said);
        return;
    }
    const node = el('p', {}, text);
    said.append(node);
    setTimeout(() => node.remove(), saidFor);
}

// The view of the open conversation says whether its newest message is in sight.
function seen(key) {
    seenKey = key;
    chat.visible(key && !document.hidden && document.hasFocus() ? key : null);
}

function readRoute() {
    const found = /^#\/([pg][0-9]{1,16})(\/details)?$/.exec(location.hash);
    app.route = { key: found?.[1] ?? null, details: Boolean(found?.[2]) };
}

// Shows the screen that fits the model's state.
function show() {
    const wanted = chat.state === 'start' ? 'start' : chat.state === 'elsewhere' ? 'elsewhere' : chat.state === 'login' || !chat.me ? 'login' : 'chat';
    if (wanted !== screen) {
        close();
        screen = wanted;
        document.querySelectorAll('dialog[open]').forEach((dialog) => dialog.close());
        if (wanted === 'start') {
            fill(place);
        } else if (wanted === 'chat') {
            list = listView(app);
            banner = el('div', { class: 'banner', role: 'region', 'aria-label': t('banner.offline'), hidden: true });
            columns = el('div', { class: 'columns' }, list.node);
            fill(place, banner, columns);
            showRoute();
        } else {
            const view = wanted === 'login' ? loginView(app) : elsewhereView(app);
            fill(place, view.node);
            view.shown?.();
            closeNotes().catch(() => {});
        }
    }
    showBanner();
    showTitle();
}

function close() {
    pane?.stop?.();
    list = pane = details = columns = banner = null;
}

// Shows the conversation and the details that the address names.
function showRoute() {
    if (!columns) {
        return;
    }
    const { details: wanted } = app.route;
    const key = chat.conversation(app.route.key) ? app.route.key : null;
    if (!pane || (pane.key ?? null) !== key) {
        const left = pane?.key;
        pane?.stop?.();
        pane?.node.remove();
        pane = key ? conversationView(app, key) : noConversationView();
        list.node.after(pane.node);
        seen(null);
        list.update();
        if (pane.start) {
            pane.start();
        } else if (left) {
            columns.querySelector(`a.row[href="#/${left}"]`)?.focus();
        }
    }
    if ((details?.key ?? null) !== (wanted ? key : null)) {
        const had = details;
        details?.node.remove();
        details = wanted && key ? detailsView(app, key) : null;
        if (details) {
            columns.append(details.node);
            details.focus();
        } else if (had && pane.key === had.key) {
            pane.node.querySelector('.about')?.focus();
        }
    }
    columns.className = `columns ${key ? 'at-pane' : 'at-list'} ${details ? 'with-details' : ''}`;
    showTitle();
}

// The bar that tells of a lost connection. A short loss is not worth a word; what was told stays until it is over.
let lost = 0;
let ticking = 0;
function showBanner() {
    clearTimeout(ticking);
    if (!banner) {
        return;
    }
    const { state } = chat;
    lost = state === 'online' ? 0 : lost || Date.now();
    if (state === 'online' || (state === 'connecting' && banner.hidden && Date.now() - lost < 1500)) {
        banner.hidden = true;
        if (state === 'connecting') {
            ticking = setTimeout(showBanner, 1600);
        }
        return;
    }
    const seconds = Math.max(0, Math.ceil((chat.retryAt - Date.now()) / 1000));
    const again = banner.hidden || !banner.querySelector('button');
    banner.hidden = false;
    if (again) {
        fill(banner, el('span', { role: 'status' }, t('banner.offline')), ' ', el('span', { class: 'wait' }), button(t('banner.retry'), () => chat.retryNow(), 'small'));
    }
    banner.querySelector('.wait').textContent = state === 'offline' && chat.retryAt && seconds ? t('banner.wait', { n: seconds }) : t('banner.connecting');
    ticking = setTimeout(showBanner, 1000);
}

function showTitle() {
    const unread = chat.me && screen === 'chat' ? chat.unread() : 0;
    const name = screen === 'chat' && app.route.key ? chat.conversation(app.route.key)?.name : '';
    document.title = `${unread ? `(${unread}) ` : ''}${name ? `${name} – ` : ''}${t('title')}`;
    const wanted = unread ? 'icon-unread.svg' : 'icon.svg';
    if (icon.getAttribute('href') !== wanted) {
        icon.setAttribute('href', wanted);
    }
    if (unread) {
        navigator.setAppBadge?.(unread).catch(() => {});
    } else {
        navigator.clearAppBadge?.().catch(() => {});
    }
}

function showTheme() {
    const theme = chat.setting('theme');
    if (theme === 'light' || theme === 'dark') {
        document.documentElement.dataset.theme = theme;
    } else {
        delete document.documentElement.dataset.theme;
    }
}

async function notify(key, message) {
    const head = chat.conversation(key);
    if (!chat.setting('notify') || head?.quiet || !('Notification' in window) || Notification.permission !== 'granted' || (document.hasFocus() && seenKey === key)) {
        return;
    }
    const text = message.kind === 'event' ? eventText(message) : message.text.slice(0, 200);
    const options = { body: head?.groupid ? `${message.name}: ${text}` : text, tag: key, icon: 'icon.svg', data: { key } };
    const worker = await navigator.serviceWorker?.getRegistration();
    if (!chat.me) {
        return;
    }
    if (worker) {
        await worker.showNotification(head?.name ?? message.name, options);
    } else {
        const note = new Notification(head?.name ?? message.name, options);
        note.onclick = () => { window.focus(); app.go(key); note.close(); };
    }
}

// After a logout the texts that were notified of are nobody's.
async function closeNotes() {
    const worker = await navigator.serviceWorker?.getRegistration();
    for (const note of await worker?.getNotifications() ?? []) {
        note.close();
    }
}

// Changes of many kinds come together; the list is drawn once for all of them.
const drawSoon = seldom(() => {
    list?.update();
    // The conversation of the address may come, or go.
    if (Boolean(pane?.key) !== Boolean(chat.conversation(app.route.key))) {
        showRoute();
    }
    showTitle();
});

// Changes of the open conversation's messages: one is shown at once, a flood together.
let news = null;
const showNews = seldom(() => {
    const change = news;
    news = null;
    if (change && change.key === pane?.key) {
        pane.messages(change);
    }
    if (change && change.key === details?.key) {
        details.messages(change);
    }
});

function addNews(key, change) {
    if (news && news.key !== key) {
        showNews.now();
    }
    for (const name of ['added', 'changed', 'live']) {
        (news ??= { key, added: [], changed: [], live: [], prepended: 0, reset: false })[name].push(...change[name]);
    }
    news.prepended += change.prepended;
    news.reset ||= change.reset;
    // Pages and answers to what one does oneself are waited for.
    if (!change.live.length || change.reset || change.live.some((message) => message.own)) {
        showNews.now();
    } else {
        showNews();
    }
}

// Runs fn soon after the call, but not again before drawEvery has passed; now() runs it at once.
function seldom(fn) {
    let timer = 0;
    let last = 0;
    const now = () => {
        clearTimeout(timer);
        timer = 0;
        last = performance.now();
        fn();
    };
    return Object.assign(() => (timer ||= setTimeout(now, Math.max(0, last + drawEvery - performance.now()))), { now });
}

function keyDown(event) {
    const dialog = document.querySelector('dialog[open]');
    if ((event.ctrlKey || event.metaKey) && !event.altKey && event.key.toLowerCase() === 'k' && list && !dialog) {
        event.preventDefault();
        if (app.route.key && matchMedia('(max-width: 760px)').matches) {
            app.back();
            setTimeout(() => list?.focus(), 50);
        } else {
            list.focus();
        }
    } else if (event.key === 'Escape' && !event.isComposing && !dialog && app.route.key && screen === 'chat') {
        if (app.route.details) {
            app.toggleDetails();
        } else {
            app.back();
        }
    }
}

chat.on('state', show);
chat.on('conversations', drawSoon);
const headSoon = seldom(() => {
    pane?.update?.();
    details?.update();
});
chat.on('conversation', (key) => {
    drawSoon();
    if (key === pane?.key) {
        headSoon();
    }
});
chat.on('messages', (key, change) => {
    if (key === pane?.key) {
        addNews(key, change);
    }
});
chat.on('people', () => {
    drawSoon();
    headSoon();
});
chat.on('notice', (key, values) => toast(t(key, values?.until ? { ...values, until: date('full', values.until) } : values)));
chat.on('incoming', (key, message) => notify(key, message).catch(() => {}));
chat.on('settings', async (name) => {
    if (name === 'theme') {
        showTheme();
    } else if (name === 'language') {
        await useLanguage(chat.setting('language'));
        const open = document.querySelector('dialog[open]') !== null;
        screen = '';
        show();
        if (open && app.chat.me) {
            settingsDialog(app).querySelector('select')?.focus();
        }
    }
});
addEventListener('hashchange', () => {
    readRoute();
    document.querySelectorAll('dialog[open]').forEach((dialog) => dialog.close());
    showRoute();
});
addEventListener('keydown', keyDown);
for (const kind of ['visibilitychange', 'focus', 'blur']) {
    (kind === 'visibilitychange' ? document : window).addEventListener(kind, () => seen(seenKey));
}
// A keyboard on the screen takes its part of the height where the browser does not tell the style sheet.
window.visualViewport?.addEventListener('resize', () => {
    document.documentElement.style.setProperty('--height', `${Math.round(visualViewport.height)}px`);
    scrollTo(0, 0);
});
if ('serviceWorker' in navigator && isSecureContext) {
    navigator.serviceWorker.register('worker.js').catch(() => {});
    navigator.serviceWorker.addEventListener('message', (event) => {
        if (/^[pg][0-9]{1,16}$/.test(event.data?.open ?? '')) {
            app.go(event.data.open);
        }
    });
}

await useLanguage(chat.setting('language'));
showTheme();
readRoute();
show();
chat.start();
