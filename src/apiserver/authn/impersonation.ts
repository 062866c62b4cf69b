/** `Impersonate-User` and its like: a request in another's name, for those who may `impersonate` him (`kubectl --as`). */
import type { IncomingMessage } from 'node:http';
import type { Attributes } from '../authz/attributes.ts';
import { badRequest } from '../errors.ts';
import type { User } from '../request.ts';

/** Throws 403 unless the one who is signed in may. */
export type Require = (asked: Omit<Attributes, 'user'>) => void;

type Headers = IncomingMessage['headersDistinct'];

const extraPrefix = 'impersonate-extra-';

const question = (group: string, resource: string, name: string): Omit<Attributes, 'user'> => ({
  verb: 'impersonate',
  group,
  resource,
  subresource: '',
  namespace: '',
  name,
});

/** The account that such a name means; upstream's rules of what is one. */
function accountOf(name: string): { readonly namespace: string; readonly name: string } | undefined {
  const [, namespace = '', account = ''] = /^system:serviceaccount:([^:]+):([^:]+)$/.exec(name) ?? [];
  const isLabel = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(namespace);
  return isLabel && /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(account) ? { namespace, name: account } : undefined;
}

function decoded(key: string): string {
  try {
    return decodeURIComponent(key);
  } catch {
    return key;
  }
}

function extraOf(headers: Headers): [key: string, values: readonly string[]][] {
  return Object.entries(headers)
    .filter(([name]) => name.startsWith(extraPrefix))
    .map(([name, values = []]) => [decoded(name.slice(extraPrefix.length)), values]);
}

interface Claimed {
  readonly name: string;
  readonly uid: string;
  readonly groups: readonly string[];
  readonly extra: ReturnType<typeof extraOf>;
}

function claimedIn(headers: Headers): Claimed {
  const [name = ''] = headers['impersonate-user'] ?? [];
  const [uid = ''] = headers['impersonate-uid'] ?? [];
  return { name, uid, groups: headers['impersonate-group'] ?? [], extra: extraOf(headers) };
}

/** The groups that everybody of this name is in, beside those that were asked for. */
function withAuthenticated(name: string, groups: readonly string[]): readonly string[] {
  const [authenticated, unauthenticated] = ['system:authenticated', 'system:unauthenticated'];
  if (name === 'system:anonymous') return groups.includes(unauthenticated) ? groups : [...groups, unauthenticated];
  const isSaid = groups.includes(authenticated) || groups.includes(unauthenticated);
  return isSaid ? groups : [...groups, authenticated];
}

/** The groups of an account are known; those of a user are not. */
function groupsOf(account: { readonly namespace: string } | undefined): readonly string[] {
  return account === undefined ? [] : ['system:serviceaccounts', `system:serviceaccounts:${account.namespace}`];
}

/** All that must be allowed for this to be said. */
function questionsOf({ name, uid, groups, extra }: Claimed): Omit<Attributes, 'user'>[] {
  const account = accountOf(name);
  return [
    account === undefined
      ? question('', 'users', name)
      : { ...question('', 'serviceaccounts', account.name), namespace: account.namespace },
    ...groups.map((group) => question('', 'groups', group)),
    ...extra.flatMap(([key, values]) =>
      values.map((value) => ({ ...question('authentication.k8s.io', 'userextras', value), subresource: key })),
    ),
    ...(uid === '' ? [] : [question('authentication.k8s.io', 'uids', uid)]),
  ];
}

/** Whom the request shall be taken to come from: `user` himself, or the one he may speak as. Throws 400 and 403. */
export function impersonated(headers: Headers, user: User, require: Require): User {
  const claimed = claimedIn(headers);
  const { name, uid, groups, extra } = claimed;
  if (name === '') {
    if (groups.length === 0 && extra.length === 0 && uid === '') return user;
    throw badRequest('requested groups, extra or uid without impersonating a user');
  }
  for (const asked of questionsOf(claimed)) require(asked);
  return {
    name,
    groups: withAuthenticated(name, groups.length > 0 ? groups : groupsOf(accountOf(name))),
    ...(uid !== '' && { uid }),
    ...(extra.length > 0 && { extra: Object.fromEntries(extra) }),
  };
}
