// SPDX-License-Identifier: MIT
// The files of the page as files: their size, what they must not contain, and what is kept of them for offline use; two tabs.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { createAlone } from '../../../tools/web/tabs.js';
import { createKeep } from '../../../tools/web/keep.js';

const folder = fileURLToPath(new URL('../../../tools/web', import.meta.url));
const files = readdirSync(folder, { recursive: true }).filter((name) => statSync(path.join(folder, name)).isFile());
const text = (name) => readFileSync(path.join(folder, name), 'utf8');

test('a first visit brings less than 100 KB, with one language, each file compressed', () => {
    const visited = files.filter((name) => !/^words\/(?!de)/.test(name)), plain = visited.reduce((sum, name) => sum + statSync(path.join(folder, name)).size, 0);
    const size = visited.reduce((sum, name) => sum + gzipSync(text(name)).length, 0);
    console.log(`# ${size} bytes compressed, ${plain} plain, in ${visited.length} files`);
    assert.ok(size < 100 * 1024, `${size} bytes`);
});

test('the page without a network has all its files', () => {
    const kept = /const files = \[([^\]]*)\]/.exec(text('worker.js'))[1].match(/'[^']+'/g).map((name) => name.slice(1, -1));
    assert.deepEqual([...kept].sort(), files.filter((name) => !['index.html', 'worker.js'].includes(name)).sort());
});

test('no file makes markup or code of text', () => {
    for (const name of files.filter((one) => one.endsWith('.js')))
        assert.doesNotMatch(text(name), /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|createContextualFragment|DOMParser|srcdoc/, name);
    assert.doesNotMatch(text('index.html'), /<style|style=|<script(?![^>]*\bsrc=)|\son[a-z]+=|javascript:/i);
});

test('every import names a file of the page and something that it gives', async () => {
    for (const name of files.filter((one) => one.endsWith('.js')))
        for (const [, names, from] of text(name).matchAll(/^import \{([^}]*)\} from '([^']+)';/gm)) {
            const other = path.join(path.dirname(name), from);
            assert.ok(files.includes(other), `${name} imports ${from}`);
            for (const one of names.split(',').map((part) => part.trim().split(' as ')[0]).filter(Boolean))
                assert.match(text(other), new RegExp(`export (async )?(function|const|let|class) ${one}\\b`), `${name} imports ${one} of ${from}`);
        }
});

test('one of two tabs has the session, and the other one can take it over', async () => {
    const lost = [], first = createAlone(() => lost.push('first')), second = createAlone(() => lost.push('second'));
    assert.equal(await first.take(), true);
    assert.equal(await second.take(), false);
    assert.equal(await second.steal(), true);
    while (!lost.length)
        await new Promise((resolve) => setTimeout(resolve, 5));
    assert.deepEqual(lost, ['first']);
    assert.equal(await createAlone(() => {}).take(), false);
    setTimeout(() => process.exit(), 50).unref(); // the channels would keep it alive
});

test('what is kept without a browser is kept in memory, small and large', async () => {
    const keep = createKeep();
    keep.set('a', { b: 1 });
    await keep.save('c', [1]);
    assert.deepEqual([keep.get('a'), keep.get('none'), await keep.load('c'), await keep.load('none')], [{ b: 1 }, null, [1], undefined]);
    await keep.clear();
    assert.equal(await keep.load('c'), undefined);
});
