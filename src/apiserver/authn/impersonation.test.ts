import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ApiError } from '../../api/errors.ts';
import { impersonated } from './impersonation.ts';

const me = { name: 'me', groups: ['system:authenticated'] };

/** Who the request comes from, and what had to be allowed for it. */
function speak(headers: Record<string, string[]>): { user: unknown; asked: string[] } {
  const asked: string[] = [];
  const user = impersonated(headers, me, ({ group, resource, subresource, namespace, name }) => {
    asked.push([group, resource, subresource, namespace, name].filter((part) => part !== '').join(' '));
  });
  return { user, asked };
}

describe('who speaks in another’s name', () => {
  it('is himself when he says nothing', () => {
    assert.deepEqual(speak({}), { user: me, asked: [] });
  });

  it('needs the user and every group', () => {
    assert.deepEqual(speak({ 'impersonate-user': ['jane'], 'impersonate-group': ['dev', 'ops'] }), {
      user: { name: 'jane', groups: ['dev', 'ops', 'system:authenticated'] },
      asked: ['users jane', 'groups dev', 'groups ops'],
    });
  });

  it('has an account’s own groups, when it is named well', () => {
    assert.deepEqual(speak({ 'impersonate-user': ['system:serviceaccount:shop:robot'] }), {
      user: {
        name: 'system:serviceaccount:shop:robot',
        groups: ['system:serviceaccounts', 'system:serviceaccounts:shop', 'system:authenticated'],
      },
      asked: ['serviceaccounts shop robot'],
    });
    assert.deepEqual(speak({ 'impersonate-user': ['system:serviceaccount:Shop:robot'] }).asked, [
      'users system:serviceaccount:Shop:robot',
    ]);
    assert.deepEqual(speak({ 'impersonate-user': ['system:serviceaccount:shop:robot:x'] }).asked, [
      'users system:serviceaccount:shop:robot:x',
    ]);
  });

  it('is not authenticated as somebody anonymous, or when he says so', () => {
    assert.deepEqual(speak({ 'impersonate-user': ['system:anonymous'] }).user, {
      name: 'system:anonymous',
      groups: ['system:unauthenticated'],
    });
    const { user } = speak({ 'impersonate-user': ['jane'], 'impersonate-group': ['system:unauthenticated'] });
    assert.deepEqual(user, { name: 'jane', groups: ['system:unauthenticated'] });
  });

  it('needs the uid and each extra value', () => {
    const headers = { 'impersonate-user': ['jane'], 'impersonate-uid': ['7'], 'impersonate-extra-a%2fb': ['1', '2'] };
    assert.deepEqual(speak(headers), {
      user: { name: 'jane', groups: ['system:authenticated'], uid: '7', extra: { 'a/b': ['1', '2'] } },
      asked: [
        'users jane',
        'authentication.k8s.io userextras a/b 1',
        'authentication.k8s.io userextras a/b 2',
        'authentication.k8s.io uids 7',
      ],
    });
  });

  it('must name a user, and what is refused stops all', () => {
    assert.throws(
      () => speak({ 'impersonate-group': ['system:masters'] }),
      (error) => error instanceof ApiError && error.code === 400,
    );
    const refuse = (): never => {
      throw new Error('no');
    };
    assert.throws(() => impersonated({ 'impersonate-user': ['jane'] }, me, refuse), /no/);
  });
});
