// SPDX-License-Identifier: MIT
// What the browser keeps: settings and the token in localStorage, and in IndexedDB what is larger. Without them it is kept in memory.

// A Storage, or the like of it where the browser has none or refuses it.
function storage() {
    try {
        const it = globalThis.localStorage;
        it.setItem('chat.try', '1');
        it.removeItem('chat.try');
        return it;
    } catch {
        const map = new Map();
        return { getItem: (k) => map.get(k) ?? null, setItem: (k, v) => map.set(k, v), removeItem: (k) => map.delete(k) };
    }
}

const done = (request) => new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
});

// What was written is kept when the transaction is complete: a full disk may be found only then.
const complete = (transaction) => new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error);
});

async function openBase() {
    const request = indexedDB.open('chat', 1);
    request.onupgradeneeded = () => request.result.createObjectStore('kept');
    return done(request);
}

// get, set: small values, at once. The others are promises that never reject. load, names: a value, and what there is. save,
// write: one value, and an object of them, all or none; undefined removes. They give false if the browser has no room: then
// the values are kept in memory. clear: forgets all that was saved.
export function createKeep() {
    const small = storage(), memory = new Map();
    let base, clears = 0;
    // One transaction on the object store. A browser may close what was open, as phones do with pages in the background: then
    // it is opened once more.
    async function ask(mode, make, isAgain = false) {
        const mine = base ??= openBase();
        try {
            const transaction = (await mine).transaction('kept', mode), end = mode === 'readwrite' && complete(transaction);
            const answer = make(transaction.objectStore('kept'));
            transaction.commit?.();
            return await (end || done(answer));
        } catch (error) {
            if (isAgain || error?.name === 'QuotaExceededError' || !await mine.catch(() => null))
                throw error;
            if (base === mine)
                base = null;
            return ask(mode, make, true);
        }
    }
    async function write(values) {
        const rows = Object.entries(values), before = clears;
        try {
            await ask('readwrite', (s) => rows.forEach(([name, value]) => value === undefined ? s.delete(name) : s.put(value, name)));
        } catch (error) {
            if (clears !== before)
                return true;
            for (const [name, value] of rows)
                memory.set(name, value);
            return error?.name !== 'QuotaExceededError';
        }
        for (const [name] of rows)
            memory.delete(name);
        return true;
    }
    return {
        get(name) {
            try {
                return JSON.parse(small.getItem('chat.' + name));
            } catch {
                return null;
            }
        },
        set(name, value) {
            try {
                if (value === null)
                    small.removeItem('chat.' + name);
                else
                    small.setItem('chat.' + name, JSON.stringify(value));
            } catch { /* full: then it is not kept */ }
        },
        // What is in memory is newer than what could be written.
        async load(name) {
            const kept = await ask('readonly', (s) => s.get(name)).catch(() => undefined);
            return memory.has(name) ? memory.get(name) : kept;
        },
        async names() {
            const names = await ask('readonly', (s) => s.getAllKeys()).catch(() => []);
            return [...new Set([...names, ...memory.keys()])].filter((name) => !memory.has(name) || memory.get(name) !== undefined);
        },
        save: (name, value) => write({ [name]: value }),
        write,
        async clear() {
            clears++;
            memory.clear();
            await ask('readwrite', (s) => s.clear()).catch(() => {});
        },
    };
}
