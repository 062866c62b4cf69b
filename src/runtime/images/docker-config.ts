/** Credentials in docker's config.json, found as the kubelet finds them: by registry, with wildcards and path prefixes. */
import { matchesGlob } from 'node:path';
import type { RegistryCredentials } from '../contract.ts';
import { parseReference } from './reference.ts';

interface AuthEntry {
  readonly username?: unknown;
  readonly password?: unknown;
  /** base64 of `username:password` */
  readonly auth?: unknown;
  readonly identitytoken?: unknown;
}

const dockerHub = 'index.docker.io';

/** Those for the image's registry in any of the configs, the most exact first. What cannot be read counts as empty. */
export function credentialsFor(configs: readonly string[], image: string): RegistryCredentials[] {
  const { repository } = parseReference(image);
  const entries = configs.flatMap(entriesOf).sort(([a], [b]) => (a < b ? 1 : a > b ? -1 : 0));
  const matching = entries.filter(([key]) => matches(key, repository));
  const isHub = matching.length === 0 && repository.startsWith('docker.io/');
  const found = isHub ? entries.filter(([key]) => key === dockerHub) : matching;
  return found.map(([, entry]) => credentialsIn(entry)).filter((each) => each !== undefined);
}

function entriesOf(config: string): [string, AuthEntry][] {
  try {
    const { auths } = JSON.parse(config) as { readonly auths?: Readonly<Record<string, AuthEntry>> };
    return Object.entries(auths ?? {}).map(([key, entry]) => [keyOf(key), entry]);
  } catch {
    return [];
  }
}

/** `https://index.docker.io/v1/` is `index.docker.io`; a path that is more than the API's version counts. */
function keyOf(text: string): string {
  const key = text.replace(/^https?:\/\//, '');
  const slash = key.indexOf('/');
  if (slash < 0) return key;
  const path = key.slice(slash).replace(/^\/v[12]\//, '/');
  return path === '/' ? key.slice(0, slash) : key.slice(0, slash) + path;
}

/** Host by parts, each of which may have wildcards; the same port; the path as a prefix. */
function matches(key: string, repository: string): boolean {
  const [host, path] = split(key);
  const [imageHost, imagePath] = split(repository);
  const [name = '', port = ''] = host.split(/:(?=\d+$)/);
  const [imageName = '', imagePort = ''] = imageHost.split(/:(?=\d+$)/);
  const parts = name.split('.');
  const imageParts = imageName.split('.');
  return (
    port === imagePort &&
    parts.length === imageParts.length &&
    imagePath.startsWith(path) &&
    parts.every((part, at) => part === imageParts[at] || matchesGlob(imageParts[at] ?? '', part))
  );
}

function split(text: string): [string, string] {
  const slash = text.indexOf('/');
  return slash < 0 ? [text, ''] : [text.slice(0, slash), text.slice(slash)];
}

function credentialsIn(entry: AuthEntry | null): RegistryCredentials | undefined {
  const text = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined);
  const decoded = Buffer.from(text(entry?.auth) ?? '', 'base64')
    .toString()
    .replace(/\0+$/, '');
  const colon = decoded.indexOf(':');
  const username = colon < 0 ? text(entry?.username) : decoded.slice(0, colon);
  const password = colon < 0 ? text(entry?.password) : decoded.slice(colon + 1);
  const identityToken = text(entry?.identitytoken);
  if (username === undefined || (password === undefined && identityToken === undefined)) return undefined;
  return { username, password: password ?? '', ...(identityToken === undefined ? {} : { identityToken }) };
}
