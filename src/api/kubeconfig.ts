/** Reads a kubeconfig: which server, whose certificate, as whom. */
import { parse } from 'yaml';

/** Where the API server is and as whom we speak to it. All certificates and keys are PEM texts. */
export interface ClientConfig {
  /** `https://HOST:PORT`; `http://` is for tests. */
  readonly server: string;
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  /** Bearer token; a function where it is renewed in a file meanwhile. */
  readonly token?: string | (() => string);
  readonly userAgent?: string;
}

interface NamedEntry {
  readonly name?: string;
  readonly [field: string]: unknown;
}

type Fields = Readonly<Record<string, unknown>>;

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** `clusters: [{name, cluster}]` → the `cluster` of that name. */
function entry(config: Fields, list: string, field: string, name: unknown): Fields {
  const entries = config[list];
  const found = Array.isArray(entries) ? (entries as NamedEntry[]).find((each) => each.name === name) : undefined;
  const value = found?.[field];
  if (!isFields(value)) throw new Error(`kubeconfig: no ${field} named ${String(name)}`);
  return value;
}

function text(fields: Fields, name: string): string | undefined {
  const value = fields[name];
  if (value === undefined || value === null || value === '') return undefined;
  if (typeof value !== 'string') throw new Error(`kubeconfig: ${name} must be a string`);
  return value;
}

/** `NAME-data` (base64) or the file that `NAME` points to. */
function pem(fields: Fields, name: string, readFile: ((path: string) => string) | undefined): string | undefined {
  const data = text(fields, `${name}-data`);
  if (data !== undefined) return Buffer.from(data, 'base64').toString('utf8');
  const path = text(fields, name);
  if (path === undefined) return undefined;
  if (readFile === undefined) throw new Error(`kubeconfig: ${name} points to a file, and no files can be read here`);
  return readFile(path);
}

/** How long a token of a file is used before the file is read again: the kubelet renews them long before they end. */
const tokenFileMs = 60_000;

/** Throws at once when the file cannot be read; later the last token goes on. */
function tokenFromFile(read: () => string): () => string {
  let token = read();
  let readAt = Date.now();
  return () => {
    if (Date.now() - readAt < tokenFileMs) return token;
    readAt = Date.now();
    try {
      token = read();
    } catch {
      // Being written, or gone: the server says when the old one is not good any more.
    }
    return token;
  };
}

/** `token`, or what `tokenFile` holds. */
function tokenOf(user: Fields, readFile: ((path: string) => string) | undefined): string | (() => string) | undefined {
  const token = text(user, 'token');
  const path = text(user, 'tokenFile');
  if (token !== undefined || path === undefined) return token;
  if (readFile === undefined) throw new Error('kubeconfig: tokenFile points to a file, and no files can be read here');
  return tokenFromFile(() => readFile(path).trim());
}

function refuseUnsupported(cluster: Fields, user: Fields): void {
  if (cluster['insecure-skip-tls-verify'] === true) {
    throw new Error('kubeconfig: insecure-skip-tls-verify is not supported; give certificate-authority');
  }
  for (const field of ['exec', 'auth-provider', 'username'] as const) {
    if (user[field] !== undefined) throw new Error(`kubeconfig: user.${field} is not supported`);
  }
}

/**
 * The current context's server and user. `readFile` reads the files that paths in it point to (relative paths are as
 * they stand). Throws, naming what is missing.
 */
export function parseKubeconfig(yaml: string, readFile?: (path: string) => string): ClientConfig {
  const config: unknown = parse(yaml);
  if (!isFields(config)) throw new Error('kubeconfig: not a mapping');
  const context = entry(config, 'contexts', 'context', config['current-context']);
  const cluster = entry(config, 'clusters', 'cluster', context['cluster']);
  const user = entry(config, 'users', 'user', context['user']);
  refuseUnsupported(cluster, user);
  const server = text(cluster, 'server');
  if (server === undefined) throw new Error('kubeconfig: the cluster has no server');
  const found = {
    ca: pem(cluster, 'certificate-authority', readFile),
    cert: pem(user, 'client-certificate', readFile),
    key: pem(user, 'client-key', readFile),
    token: tokenOf(user, readFile),
  };
  return { server, ...Object.fromEntries(Object.entries(found).filter(([, value]) => value !== undefined)) };
}
