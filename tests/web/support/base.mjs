// SPDX-License-Identifier: MIT
// An IndexedDB for tests of the model: it can be closed, as Safari does with pages in the background, and have little room.

const sizeOf = (rows) => [...rows].reduce((sum, [name, value]) => sum + name.length + (JSON.stringify(value)?.length ?? 0), 0);

// kept: its rows. room: how much it takes; what needs more fails when its transaction ends, as in browsers.
export function makeBase() {
    const base = { kept: new Map(), room: Infinity, refused: 0, current: null };
    const later = (object, work) => {
        queueMicrotask(work);
        return object;
    };

    function transaction(mode) {
        const asked = [], next = new Map();
        const ask = (work) => {
            const request = { work };
            asked.push(request);
            return request;
        };
        const store = {
            get: (name) => ask(() => structuredClone(next.get(name))), getAllKeys: () => ask(() => [...next.keys()]),
            put: (value, name) => ask(() => void next.set(name, structuredClone(value))), delete: (name) => ask(() => void next.delete(name)),
            clear: () => ask(() => next.clear()),
        };
        const one = { objectStore: () => store, error: null };
        return later(one, () => {
            base.kept.forEach((value, name) => next.set(name, value));
            for (const request of asked)
                request.result = request.work();
            if (mode === 'readwrite') {
                if (sizeOf(next) > base.room && sizeOf(next) > sizeOf(base.kept)) {
                    base.refused++;
                    one.error = new DOMException('There is no room.', 'QuotaExceededError');
                    one.onabort?.();
                    return;
                }
                base.kept = next;
            }
            asked.forEach((request) => request.onsuccess?.());
            one.oncomplete?.();
        });
    }

    base.close = () => (base.current.isClosed = true);
    base.open = () => {
        const opened = base.current = {
            transaction(name, mode) {
                if (opened.isClosed)
                    throw new DOMException('The database connection is closing.', 'InvalidStateError');
                return transaction(mode);
            },
        };
        const request = { result: opened };
        return later(request, () => request.onsuccess());
    };
    return base;
}
