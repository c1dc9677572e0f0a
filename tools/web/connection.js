// SPDX-License-Identifier: MIT
// One WebSocket: frames out and in, answers to requests, signs of life, and connecting again.
import { parse } from './frames.js';

const pauseFirst = 500, pauseMost = 30000; // before connecting again
const connectFresh = 1000, connectMost = 10000, answerMost = 30000, silenceMost = 25000, pongMost = 8000;
const steadyAfter = 20000; // a connection that lasted so long was a good one: the next pause is a short one

// What a request is rejected with when its connection ends before the answer.
export const lost = { errno: -1, key: 'error.offline', values: {} };

// on: {open(), frame(frame), state(state, until)}; state is 'idle', 'connecting', 'open' or 'waiting' (until then).
export function createConnection({ url, on, now, random, WebSocket }) {
    let socket = null, state = 'idle', until = 0, delay = 0, timer = 0, alive = 0, failures = 0, opened = 0, heard = 0, began = 0, number = 0, asked = false;
    const waiting = new Map(); // by req

    function setState(next, at = 0) {
        state = next;
        until = at;
        on.state(next, at);
    }

    // The socket is forgotten at once: closing one whose network is gone takes a minute.
    function drop() {
        const old = socket;
        socket = null;
        clearTimeout(timer);
        clearTimeout(alive);
        if (old) {
            old.onopen = old.onmessage = old.onclose = old.onerror = null;
            old.close();
        }
        for (const request of [...waiting.values()])
            request.end(lost);
    }

    function fail() {
        drop();
        failures = opened && now() - opened > steadyAfter ? 0 : failures + 1;
        opened = 0;
        const longest = Math.min(pauseMost, pauseFirst * 2 ** Math.min(failures, 10));
        const pause = Math.max(pauseFirst, longest / 2 + random() * longest / 2) + delay;
        delay = 0;
        timer = setTimeout(connect, pause);
        setState('waiting', now() + pause);
    }

    function connect() {
        drop();
        began = now();
        setState('connecting');
        timer = setTimeout(fail, connectMost);
        try {
            socket = new WebSocket(url);
        } catch {
            fail();
            return;
        }
        socket.onclose = socket.onerror = fail;
        socket.onopen = () => {
            clearTimeout(timer);
            opened = now();
            setState('open');
            listen();
            on.open();
        };
        socket.onmessage = (event) => {
            listen();
            const frame = parse(event.data);
            if (frame)
                take(frame);
        };
    }

    // Asks for a sign of life after a silence, and gives the connection up without one.
    function listen() {
        heard = now();
        asked = false;
        clearTimeout(alive);
        alive = setTimeout(probe, silenceMost);
    }

    function probe() {
        if (asked) // the answer that is awaited tells
            return;
        asked = true;
        clearTimeout(alive);
        send({ msgid: 102 });
        alive = setTimeout(fail, pongMost);
    }

    function take(frame) {
        const request = [2, 5, 100].includes(frame.msgid) && waiting.get(frame.req);
        // The server stops, and asks for a longer pause.
        if (frame.msgid === 100 && !frame.of && frame.errno === 13 && frame.delay)
            delay = Math.min(frame.delay, pauseMost);
        if (request)
            request.end(frame.errno === 0 ? null : frame, frame);
        else
            on.frame(frame);
    }

    function send(frame) {
        if (state === 'open')
            socket.send(JSON.stringify(frame));
    }

    return {
        start: connect,
        stop() {
            drop();
            setState('idle');
        },
        // Connects now, if it waits for that.
        retry() {
            if (state === 'waiting')
                connect();
        },
        // The network or the person is back: connect at once, or ask whether the connection still lives.
        // An attempt that has taken long may wait for an answer that was lost with the old network.
        wake() {
            if (state === 'waiting' || state === 'connecting' && now() - began > connectFresh) {
                failures = 0;
                connect();
            } else if (state === 'open' && now() - heard > 2000) {
                probe();
            }
        },
        // The network may be gone: ask whether the connection still lives.
        doubt() {
            if (state === 'open')
                probe();
        },
        // The connection is of no use, though it is there.
        fail,
        send,
        request(frame) {
            if (state !== 'open')
                return Promise.reject(lost);
            return new Promise((resolve, reject) => {
                const req = ++number;
                const late = setTimeout(() => end({ errno: -1, key: 'error.timeout', values: {} }), answerMost);
                const end = (error, answer) => {
                    clearTimeout(late);
                    waiting.delete(req);
                    if (error)
                        reject(error);
                    else
                        resolve(answer);
                };
                waiting.set(req, { end });
                send({ ...frame, req });
            });
        },
    };
}
