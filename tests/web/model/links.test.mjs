// SPDX-License-Identifier: MIT
// Whatever stands in a text, its links are found at once, and they are the ones that a person means.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { linked } from '../../../tools/web/dom.js';

// Of an element only what linked() gives it.
globalThis.document = { createElement: () => ({ setAttribute(name, value) { this[name] = value; }, append(text) { this.text = text; } }) };
const links = (text) => linked(text).filter((part) => part.href).map(({ href }) => href);
const whole = (text) => linked(text).map((part) => part.text ?? part).join('');

test('what ends a sentence does not belong to the link in it', () => {
    assert.deepEqual(links('see http://a.b/c. (or https://d.e/f), http://g.h/(i)! http://j.k。'), ['http://a.b/c', 'https://d.e/f', 'http://g.h/(i)', 'http://j.k']);
});

test('no text of the greatest length takes more than a moment', () => {
    for (const end of ['.', ')', '(', 'http://', '。', '.)', ' http://a'])
        for (const last of ['', 'a']) {
            const text = 'http://a' + end.repeat(60000 / end.length) + last, begun = performance.now();
            assert.equal(whole(text), text);
            assert.ok(performance.now() - begun < 2000, JSON.stringify(end + last));
        }
});

test('a text of thousands of links becomes a hundred elements, and nothing of it is lost', () => {
    const text = 'http://a '.repeat(6000);
    assert.equal(links(text).length, 100);
    assert.equal(whole(text), text);
});
