/** Bootstrap tokens: by one a machine asks for its first certificate. They are Secrets, as upstream has them. */
import { randomInt } from 'node:crypto';
import type { ApiClient } from '../../api/client.ts';
import { isNotFound } from '../../api/errors.ts';
import type { ClientConfig } from '../../api/kubeconfig.ts';
import { secrets } from '../../api/resources.ts';
import { formatTime } from '../../api/time.ts';
import type { Secret } from '../../api/types.gen.ts';
import { publicKeyPin } from '../../pki/index.ts';
import { MachineError, UsageError } from '../errors.ts';
import { commandPrefix } from './program.ts';

/** In this group a token may ask for a node's certificate (src/apiserver/authz/defaults/bindings.ts). */
export const joinGroup = 'system:bootstrappers:podwire:default-node-token';

const namespace = 'kube-system';
const type = 'bootstrap.kubernetes.io/token';
const letters = 'abcdefghijklmnopqrstuvwxyz0123456789';

const random = (length: number): string => Array.from({ length }, () => letters[randomInt(letters.length)]).join('');
const nameOf = (id: string): string => `bootstrap-token-${id}`;

/** Makes one and answers it; 0 seconds: until it is deleted. */
export async function createToken(client: ApiClient, ttlSeconds: number, description: string): Promise<string> {
  const [id, secret] = [random(6), random(16)];
  const expiration = formatTime(new Date(Date.now() + ttlSeconds * 1000));
  const stringData = {
    'token-id': id,
    'token-secret': secret,
    'usage-bootstrap-authentication': 'true',
    'auth-extra-groups': joinGroup,
    ...(ttlSeconds > 0 && { expiration }),
    ...(description !== '' && { description }),
  };
  await client.create(secrets, { metadata: { namespace, name: nameOf(id) }, type, stringData });
  return `${id}.${secret}`;
}

export interface ListedToken {
  readonly id: string;
  /** RFC 3339; empty: never. */
  readonly expires: string;
  readonly description: string;
}

/** All there are, without what is secret of them. */
export async function listTokens(client: ApiClient): Promise<ListedToken[]> {
  const { items } = await client.list(secrets, { namespace, fieldSelector: `type=${type}` });
  const value = ({ data }: Secret, key: string): string => Buffer.from(data?.[key] ?? '', 'base64').toString();
  return items.map((secret) => ({
    id: value(secret, 'token-id'),
    expires: value(secret, 'expiration'),
    description: value(secret, 'description'),
  }));
}

/** By its id or as a whole. Rejects with a MachineError when there is none. */
export async function deleteToken(client: ApiClient, idOrToken: string): Promise<void> {
  const [, id] = /^([a-z0-9]{6})(?:\.[a-z0-9]{16})?$/.exec(idOrToken) ?? [];
  if (id === undefined)
    throw new UsageError(`${idOrToken}: a token is ID.SECRET, 6 and 16 letters and digits; its ID is enough`);
  try {
    await client.delete(secrets, { namespace, name: nameOf(id) });
  } catch (error) {
    if (!isNotFound(error)) throw error;
    throw new MachineError(`there is no token ${id} (it may have run out): ${commandPrefix()} token list`);
  }
}

/** The line that a machine joins by. */
export function joinCommand({ server, ca = '' }: ClientConfig, token: string): string {
  const { host, port } = new URL(server);
  const address = port === '' ? `${host}:443` : host;
  return `${commandPrefix()} join ${address} --token ${token} --ca-hash ${publicKeyPin(ca)}`;
}
