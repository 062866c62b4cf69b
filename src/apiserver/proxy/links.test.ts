import assert from 'node:assert/strict';
import test from 'node:test';
import { Readable } from 'node:stream';
import { externalLink, LinkRewriter } from './links.ts';

const prefix = '/api/v1/namespaces/shop/services/web/proxy';
const hosts = ['10.45.1.2:8080'];

const links: readonly [string, string, string][] = [
  ['from the root', '/a/b?x=1', `${prefix}/a/b?x=1`],
  ['the root itself', '/', `${prefix}/`],
  ['relative', 'a/b', 'a/b'],
  ['a mark in the page', '#top', '#top'],
  ['of the backend by name', 'http://10.45.1.2:8080/a', `${prefix}/a`],
  ['of the backend by name, no path', 'http://10.45.1.2:8080', `${prefix}/`],
  ['of another host', 'https://example.com/a', 'https://example.com/a'],
  ['of another host, without a scheme', '//example.com/a', '//example.com/a'],
  ['through the proxy already', `${prefix}/a`, `${prefix}/a`],
  ['of another scheme', 'mailto:someone@example.com', 'mailto:someone@example.com'],
];

for (const [what, link, expected] of links) {
  test(`a link ${what}`, () => assert.equal(externalLink(link, prefix, hosts), expected));
}

async function rewritten(page: string, pieces: number): Promise<string> {
  const bytes = Buffer.from(page);
  const chunks: Buffer[] = [];
  for (let from = 0; from < bytes.length; from += pieces) chunks.push(bytes.subarray(from, from + pieces));
  const out: Buffer[] = [];
  const rewriter = new LinkRewriter((link) => (link.startsWith('/') ? `/p${link}` : link));
  for await (const chunk of Readable.from(chunks).pipe(rewriter) as AsyncIterable<Buffer>) out.push(chunk);
  return Buffer.concat(out).toString();
}

const pages: readonly [string, string, string][] = [
  ['a link', '<a href="/x">text</a>', '<a href="/p/x">text</a>'],
  ['single quotes and none', "<img src='/x'><img src=/y>", "<img src='/p/x'><img src=/p/y>"],
  ['an attribute that holds none', '<a title="/x" href="y">', '<a title="/x" href="y">'],
  ['a bracket in a value', '<a title="a > b" href="/x">', '<a title="a > b" href="/p/x">'],
  ['text that only looks like a tag', '1 < 2 <a href="/x">', '1 < 2 <a href="/p/x">'],
  [
    'a script is left alone, its source is not',
    `<script src="/x">"<a href='/y'>"</script><a href="/z">`,
    `<script src="/p/x">"<a href='/y'>"</script><a href="/p/z">`,
  ],
  ['letters of other alphabets', '<p>zażółć <a href="/x">日本</a>', '<p>zażółć <a href="/p/x">日本</a>'],
  ['an end in the middle of a tag', 'a <a href="/x', 'a <a href="/x'],
];

for (const [what, page, expected] of pages) {
  test(`a page: ${what}`, async () => {
    for (const pieces of [1, 7, 1000]) assert.equal(await rewritten(page, pieces), expected);
  });
}

test('a tag without an end is passed on, not gathered', async () => {
  const page = `<a ${'x'.repeat(200_000)}`;
  const rewriter = new LinkRewriter((link) => link);
  rewriter.write(page);
  assert.equal((rewriter.read() as Buffer).length, page.length);
});
