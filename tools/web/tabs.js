// SPDX-License-Identifier: MIT
// One tab of a browser has the session: two with the same device would end each other's.

const name = 'chatserverd', answerMost = 200;

// take(): true if no other tab has it. steal(): takes it away. lost() is called when another tab did so.
export function createAlone(lost) {
    const locks = globalThis.navigator?.locks, hold = new Promise(() => {});
    if (locks) {
        let number = 0; // of the newest request: who steals from itself has lost nothing
        const ask = (options) => new Promise((resolve) => {
            const mine = ++number;
            locks.request(name, options, (lock) => {
                resolve(!!lock);
                return lock ? hold : null;
            }).catch(() => mine === number && lost());
        });
        return { take: () => ask({ ifAvailable: true }), steal: () => ask({ steal: true }) };
    }
    // Pages without TLS have no locks.
    if (!globalThis.BroadcastChannel)
        return null;
    const channel = new BroadcastChannel(name), number = Math.random(); // of tabs that ask at the same time the greatest number wins
    let has = false, answered = null;
    channel.onmessage = ({ data: [what, of] }) => {
        if (what === 'who' && (has || answered && of < number))
            channel.postMessage(['me', of]);
        else if (what === 'who' || what === 'me' && of === number)
            answered?.(false);
        else if (what === 'mine' && has) {
            has = false;
            lost();
        }
    };
    return {
        take: () => new Promise((resolve) => {
            answered = resolve;
            channel.postMessage(['who', number]);
            setTimeout(resolve, answerMost, true);
        }).then((free) => {
            answered = null;
            return has = free;
        }),
        steal: async () => {
            channel.postMessage(['mine']);
            has = true;
            return true;
        },
    };
}
