// SPDX-License-Identifier: MIT
// The ends of logs that the browser keeps, within bounds: the newest messages of each, and the logs that were saved last.

const messagesMost = 50, lengthMost = 200000; // of one log; characters of its texts
const logsMost = 200, sumMost = 4000000;
const messageLength = 300; // what a message takes besides its text

const lengthOf = ({ text, quote }) => messageLength + text.length + (quote ? quote.text.length : 0);
const rowOf = (key) => 'log:' + key;

// The end of a log that is kept, and its length. The newest message is kept however long it is.
function endOf({ list, lo, hi, complete, loaded }) {
    let from = list.length, length = 0;
    while (from > 0 && list.length - from < messagesMost && (from === list.length || length + lengthOf(list[from - 1]) <= lengthMost))
        length += lengthOf(list[--from]);
    return [{ list: list.slice(from), lo: from ? list[from].seq : lo, hi, complete: !from && complete, loaded }, length];
}

// On what createKeep gives. The row 'logs' is an index, [[key, length]...], the one that was saved last at its end; it is
// written together with what it names.
export function createShelf(store, { logs = logsMost, sum = sumMost } = {}) {
    let reading = null, turn = Promise.resolve(), forgotten = 0;

    // A Map of the index. Rows that it does not name are removed.
    async function read() {
        const [told, names] = await Promise.all([store.load('logs'), store.names()]), there = new Set(names);
        const index = new Map((Array.isArray(told) ? told : []).filter(([key]) => there.delete(rowOf(key))));
        const strange = names.filter((name) => there.has(name) && name.startsWith('log:'));
        if (strange.length)
            await store.write(Object.fromEntries(strange.map((name) => [name, undefined])));
        return index;
    }

    // Removes the oldest ones until what is left is within the bounds; rows takes the removals.
    function bound(index, rows, most) {
        let all = 0;
        for (const length of index.values())
            all += length;
        for (const [key, length] of index) {
            if (index.size <= most && all <= sum)
                break;
            index.delete(key);
            all -= length;
            rows[rowOf(key)] = undefined;
        }
    }

    // One after the other: change(index, rows) says what is written. Where there is no room, half of the logs go, and half again.
    function write(change) {
        const before = forgotten, mine = turn.then(async () => {
            const index = before === forgotten && await (reading ??= read()), rows = {};
            if (before !== forgotten)
                return;
            change(index, rows);
            bound(index, rows, logs);
            while (!await store.write({ ...rows, logs: [...index] }) && index.size && before === forgotten)
                bound(index, rows, index.size >> 1);
        });
        return turn = mine.catch(() => {});
    }

    return {
        // list: [[key, log]...], see log.js.
        save: (list) => write((index, rows) => {
            for (const [key, log] of list) {
                const [end, length] = endOf(log);
                index.delete(key);
                index.set(key, length);
                rows[rowOf(key)] = end;
            }
        }),
        load: (key) => store.load(rowOf(key)),
        remove: (key) => write((index, rows) => {
            index.delete(key);
            rows[rowOf(key)] = undefined;
        }),
        clear: () => write((index, rows) => bound(index, rows, 0)),
        // Makes room for something else. False: there was nothing to remove.
        async halve() {
            let had = 0;
            await write((index, rows) => {
                had = index.size;
                bound(index, rows, had >> 1);
            });
            return had > 0;
        },
        // Brings what is there within the bounds.
        tidy: () => write(() => {}),
        // What is kept was cleared, or another tab may have changed it: what waits to be written is dropped.
        forget() {
            forgotten++;
            reading = null;
        },
    };
}
