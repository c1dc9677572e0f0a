// SPDX-License-Identifier: MIT
// The service worker: the page itself without a network, and what a click on a notification does.
// Each time the page is opened, all of its files are asked for, into a new cache; what this page asks for comes from there, so
// that files of two versions never meet. Where the network fails or hangs, it comes from the newest cache that is complete.
const files = [
    'actions.js', 'chat.js', 'connection.js', 'conversations.js', 'dom.js', 'frames.js', 'icon-unread.svg', 'icon.svg', 'keep.js',
    'log.js', 'main.js', 'manifest.webmanifest', 'messages.js', 'outbox.js', 'pages.js', 'shelf.js', 'style.css', 'tabs.js', 'views/common.js',
    'views/composer.js', 'views/conversation.js', 'views/details.js', 'views/list.js', 'views/log.js', 'views/login.js', 'views/people.js',
    'views/settings.js', 'words.js', 'words/de.js', 'words/en.js', 'words/zh.js',
];

const home = new URL('./', self.location).pathname, complete = './?complete'; // an entry of caches that have all files
const patience = 4000; // ms; so long the network may take where there is something kept
const cacheOf = new Map(); // what a page began with, by the id of its client; also one that was deleted since

async function newest() {
    for (const cacheName of (await caches.keys()).reverse())
        if (await caches.match(complete, { cacheName }))
            return caches.open(cacheName);
    return null;
}

// Asks for the page first: a network that hangs is asked for nothing else. Older caches are deleted at the end.
async function renew() {
    const name = crypto.randomUUID(), cache = await caches.open(name), ask = (file) => new Request(file, { cache: 'no-cache' });
    try {
        await cache.add(ask('./'));
        await cache.addAll(files.map(ask));
        await cache.put(complete, new Response());
        const names = await caches.keys();
        await Promise.all(names.slice(0, Math.max(0, names.indexOf(name))).map((older) => caches.delete(older)));
    } catch (error) {
        await caches.delete(name);
        if (error.name !== 'QuotaExceededError') // on a full disk this page uses what had room; the rest comes from the network
            throw error;
    }
    return cache;
}

// A file that this worker does not know of belongs to a newer version: it is kept with the others of that version.
async function give(request, cache) {
    const kept = await cache?.match(request);
    if (kept)
        return kept;
    const response = await fetch(request);
    if (cache && response.ok)
        cache.put(request, response.clone()).catch(() => {});
    return response;
}

async function openPage(event) {
    const renewed = renew(), late = new Promise((resolve) => setTimeout(resolve, patience));
    event.waitUntil(renewed.catch(() => {}));
    const cache = await Promise.race([renewed, late]).catch(() => null) || await newest();
    if (cache)
        cacheOf.set(event.resultingClientId, cache);
    return await cache?.match('./') || fetch(event.request);
}

self.addEventListener('install', (event) => {
    self.skipWaiting();
    event.waitUntil(renew());
});

self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()));

self.addEventListener('fetch', (event) => {
    const { request } = event, { origin, pathname } = new URL(request.url);
    if (request.method !== 'GET' || origin !== self.location.origin || pathname.endsWith('/ws'))
        return;
    const isPage = request.mode === 'navigate' && [home, home + 'index.html'].includes(pathname);
    const answer = isPage ? openPage(event) : (async () => give(request, cacheOf.get(event.clientId) || await newest()))();
    event.respondWith(answer.catch(() => fetch(request)));
});

// Shows the conversation of the notification in a page that is open, or opens one.
self.addEventListener('notificationclick', (event) => {
    const { key = '' } = event.notification.data || {};
    event.notification.close();
    event.waitUntil(self.clients.matchAll({ type: 'window', includeUncontrolled: true }).then(([page]) => {
        if (!page)
            return self.clients.openWindow('./#/' + key);
        page.postMessage({ open: key });
        return page.focus();
    }));
});
