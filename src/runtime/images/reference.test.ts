import assert from 'node:assert/strict';
import { test } from 'node:test';
import { imageIdOf, parseReference, tagName } from './reference.ts';

const hex = 'a'.repeat(64);

test('names are filled in as docker does', () => {
  const rows: readonly (readonly [string, string])[] = [
    ['busybox', 'docker.io/library/busybox:latest'],
    ['busybox:1.36', 'docker.io/library/busybox:1.36'],
    ['podwire/busybox', 'docker.io/podwire/busybox:latest'],
    ['docker.io/busybox', 'docker.io/library/busybox:latest'],
    ['index.docker.io/library/busybox', 'docker.io/library/busybox:latest'],
    ['registry:5000/a/b:x', 'registry:5000/a/b:x'],
    ['localhost/a', 'localhost/a:latest'],
    ['localhost:5000/a', 'localhost:5000/a:latest'],
    ['registry.k8s.io/pause:3.10', 'registry.k8s.io/pause:3.10'],
    ['[2001:db8::1]:5000/a', '[2001:db8::1]:5000/a:latest'],
    ['a__b/c-d.e', 'docker.io/a__b/c-d.e:latest'],
  ];
  for (const [text, full] of rows) assert.equal(tagName(parseReference(text)), full, text);
});

test('a digest takes the place of the tag', () => {
  assert.deepEqual(parseReference(`busybox@sha256:${hex}`), {
    repository: 'docker.io/library/busybox',
    tag: undefined,
    digest: `sha256:${hex}`,
  });
  assert.equal(parseReference(`r.example/a:1@sha256:${hex}`).tag, '1');
});

test('what is no name is refused', () => {
  for (const text of ['', 'Busybox', '-a', 'a//b', 'a:', 'a:b:c', 'a@sha256:12', '../a', 'a b', `${'a'.repeat(300)}`]) {
    assert.throws(() => parseReference(text), /name/, text);
  }
});

test('an ID, whole, with or without its prefix', () => {
  assert.equal(imageIdOf(hex), `sha256:${hex}`);
  assert.equal(imageIdOf(`sha256:${hex}`), `sha256:${hex}`);
  assert.equal(imageIdOf(hex.slice(1)), undefined);
  assert.equal(imageIdOf('busybox'), undefined);
});
