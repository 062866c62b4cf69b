/** Bootstrap tokens: `ID.SECRET`, kept as Secrets of kube-system, by which a machine without a certificate asks for its first one. */
import { createHash, timingSafeEqual } from 'node:crypto';
import { secrets } from '../../api/resources.ts';
import type { User } from '../request.ts';
import type { Lookup } from '../resource.ts';

const tokenShape = /^([a-z0-9]{6})\.([a-z0-9]{16})$/;
const group = 'system:bootstrappers';
const extraGroup = /^system:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9]$/;

const hash = (text: string): Buffer => createHash('sha256').update(text).digest();

/** Whom such a token signs in. Undefined: no such token, run out, or not made for this. */
export function bootstrapUser(lookup: Lookup, token: string, now: Date): User | undefined {
  const [, id, secret] = tokenShape.exec(token) ?? [];
  if (id === undefined || secret === undefined) return undefined;
  const stored = lookup.get(secrets, { namespace: 'kube-system', name: `bootstrap-token-${id}` });
  if (stored?.type !== 'bootstrap.kubernetes.io/token' || stored.metadata.deletionTimestamp !== undefined)
    return undefined;
  const value = (key: string): string => Buffer.from(stored.data?.[key] ?? '', 'base64').toString();
  if (!timingSafeEqual(hash(value('token-secret')), hash(secret)) || value('token-id') !== id) return undefined;
  const end = value('expiration');
  // What cannot be read has run out: NaN is larger than nothing.
  if (end !== '' && !(Date.parse(end) > now.getTime())) return undefined;
  if (value('usage-bootstrap-authentication') !== 'true') return undefined;
  const extra = value('auth-extra-groups')
    .split(',')
    .filter((name) => name !== '');
  if (!extra.every((name) => extraGroup.test(name))) return undefined;
  return { name: `system:bootstrap:${id}`, groups: [group, ...extra, 'system:authenticated'] };
}
