// SPDX-License-Identifier: MIT
// Every text that the page asks for is there, in every language.
import test from 'node:test';
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';

const root = new URL('../../../tools/web/', import.meta.url);
const languages = {};
for (const name of ['en', 'de', 'zh']) {
    languages[name] = (await import(new URL(`words/${name}.js`, root))).default;
}
const sources = ['', 'views/'].flatMap((folder) => readdirSync(new URL(folder || '.', root)).filter((name) => name.endsWith('.js'))
    .map((name) => readFileSync(new URL(folder + name, root), 'utf8')));

test('each language translates exactly the English keys', () => {
    for (const [name, words] of Object.entries(languages)) {
        assert.deepEqual(Object.keys(words).sort(), Object.keys(languages.en).sort(), name);
    }
});

test('a translation fills in the same values as the English text', () => {
    const values = (text) => [...new Set(JSON.stringify(text).match(/\{\w+\}/g) ?? [])].sort();
    for (const [name, words] of Object.entries(languages)) {
        for (const key of Object.keys(words)) {
            assert.deepEqual(values(words[key]), values(languages.en[key]), `${name} ${key}`);
        }
    }
});

test('every key that the page names has a text', () => {
    const named = new Set();
    for (const source of sources) {
        for (const [, key] of source.matchAll(/(?:\bt|\bparts)\('([a-zA-Z.]+)'/g)) {
            named.add(key);
        }
        for (const [, key] of source.matchAll(/'((?:error|notice)\.[a-zA-Z]+)'/g)) {
            named.add(key);
        }
    }
    assert.ok(named.size > 100);
    assert.deepEqual([...named].filter((key) => !Object.hasOwn(languages.en, key)), []);
});

test('no text is there that nobody shows', () => {
    const all = sources.join('\n');
    const made = /^(event|role|theme|state)\./;
    const unused = Object.keys(languages.en).filter((key) => !made.test(key) && !all.includes(`'${key}'`));
    assert.deepEqual(unused, []);
});
