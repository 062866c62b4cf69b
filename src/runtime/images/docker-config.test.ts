import assert from 'node:assert/strict';
import { test } from 'node:test';
import { credentialsFor } from './docker-config.ts';

const auth = (text: string): string => Buffer.from(text).toString('base64');

function users(auths: Record<string, string>, image: string): string[] {
  const entries = Object.fromEntries(Object.entries(auths).map(([key, user]) => [key, { auth: auth(`${user}:x`) }]));
  return credentialsFor([JSON.stringify({ auths: entries })], image).map(({ username }) => username);
}

test('who is asked as, by registry, port, path and wildcard', () => {
  const rows: readonly (readonly [string, string, boolean])[] = [
    ['registry.example', 'registry.example/a/b', true],
    ['https://registry.example/v2/', 'registry.example/a', true],
    ['registry.example/a', 'registry.example/a/b:1', true],
    ['registry.example/b', 'registry.example/a', false],
    ['registry.example:5000', 'registry.example/a', false],
    ['registry.example:5000', 'registry.example:5000/a', true],
    ['*.example', 'registry.example/a', true],
    ['*.example', 'deep.registry.example/a', false],
    ['registry.example', 'registry.example.evil/a', false],
    ['https://index.docker.io/v1/', 'busybox', true],
    ['https://index.docker.io/v1/', 'team/app', true],
    ['docker.io', 'busybox', true],
    ['https://index.docker.io/v1/', 'registry.example/a', false],
    ['localhost:5000', 'localhost:5000/a', true],
  ];
  for (const [key, image, expected] of rows)
    assert.deepEqual(users({ [key]: 'user' }, image), expected ? ['user'] : [], `${key} for ${image}`);
});

test('the longer path comes first, and every match counts', () => {
  const auths = { 'registry.example': 'all', 'registry.example/team': 'team', 'other.example': 'other' };
  assert.deepEqual(users(auths, 'registry.example/team/app'), ['team', 'all']);
});

test('fields: auth with a colon in the password, plain fields, a refresh token, and what is no entry', () => {
  const config = {
    auths: {
      'a.example': { auth: auth('user:with:colon') },
      'b.example': { username: 'user', password: 'word' },
      'c.example': { auth: auth('<token>:'), identitytoken: 'refresh' },
      'd.example': {},
      'e.example': null,
    },
  };
  const of = (image: string): unknown => credentialsFor([JSON.stringify(config)], image)[0];
  assert.deepEqual(of('a.example/x'), { username: 'user', password: 'with:colon' });
  assert.deepEqual(of('b.example/x'), { username: 'user', password: 'word' });
  assert.deepEqual(of('c.example/x'), { username: '<token>', password: '', identityToken: 'refresh' });
  assert.equal(of('d.example/x'), undefined);
  assert.equal(of('e.example/x'), undefined);
  assert.deepEqual(credentialsFor(['no json', '[]', 'null'], 'busybox'), []);
});
