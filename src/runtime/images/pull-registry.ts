/** One repository of a registry (OCI distribution-spec 1.1): manifests and blobs. */
import type { IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { PullOptions } from '../contract.ts';
import { digestHex, digestOf } from './digest.ts';
import { answerChallenge, parseChallenge } from './pull-auth.ts';
import { isLoopback, isNoTls, readBody, RegistryConnection } from './pull-connection.ts';
import { PullError } from './pull-error.ts';

/** distribution-spec: a registry should take manifests of 4 MiB; configs are of that size at most, too. */
const maxManifestBytes = 4 * 1024 * 1024;
const maxErrorBytes = 64 * 1024;
const attempts = 3;

const accept = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.docker.distribution.manifest.v2+json',
].join(', ');

export interface RawManifest {
  readonly bytes: Buffer;
  readonly digest: string;
}

export class Repository {
  readonly #path: string;
  readonly #host: string;
  readonly #options: PullOptions;
  readonly #connection: RegistryConnection;
  #scheme = 'https';
  #authorization: string | undefined;

  /** `repository` with its registry: `docker.io/library/busybox`. Must be closed. */
  constructor(repository: string, options: PullOptions) {
    const slash = repository.indexOf('/');
    const registry = repository.slice(0, slash);
    this.#path = repository.slice(slash + 1);
    this.#host = registry === 'docker.io' ? 'registry-1.docker.io' : registry;
    this.#options = options;
    const insecure = options.insecure === true || isLoopback(registry);
    this.#connection = new RegistryConnection(registry, { insecure, signal: options.signal });
  }

  /** What a tag stands for now, without its content; undefined when the registry does not tell. Registries count only whole manifests as pulls. */
  async digestOfTag(tag: string): Promise<string | undefined> {
    return this.retried(async () => {
      const response = await this.#ask('HEAD', `manifests/${tag}`, { accept });
      response.resume();
      const digest = response.headers['docker-content-digest'];
      return typeof digest === 'string' && /^sha256:[0-9a-f]{64}$/.test(digest) ? digest : undefined;
    });
  }

  /** By tag or digest; what has a digest is checked against it. */
  async manifest(tagOrDigest: string): Promise<RawManifest> {
    return this.retried(async () => {
      const response = await this.#ask('GET', `manifests/${tagOrDigest}`, { accept });
      const bytes = await readBody(response, maxManifestBytes);
      const digest = digestOf(bytes);
      if (tagOrDigest.includes(':') && tagOrDigest !== digest)
        throw new PullError(`${tagOrDigest} has other content than its digest says`, 'other');
      return { bytes, digest };
    });
  }

  /** A small blob, checked against its digest. */
  async smallBlob(digest: string): Promise<Buffer> {
    return this.retried(async () => {
      const bytes = await readBody(await this.blob(digest, 0), maxManifestBytes);
      if (digestOf(bytes) !== digest)
        throw new PullError(`${digest} has other content than its digest says`, 'transient');
      return bytes;
    });
  }

  /** A blob's bytes from an offset: 206, or 200 and all of it when the registry knows no ranges. */
  async blob(digest: string, offset: number): Promise<IncomingMessage> {
    digestHex(digest);
    return this.#ask('GET', `blobs/${digest}`, offset === 0 ? {} : { range: `bytes=${offset}-` });
  }

  /** Again, up to three times, after what may pass. */
  async retried<T>(work: (attempt: number) => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await work(attempt);
      } catch (error) {
        this.#options.signal?.throwIfAborted();
        if (attempt === attempts || !(error instanceof PullError) || error.failure !== 'transient') throw error;
        await sleep(250 * 4 ** (attempt - 1), undefined, { signal: this.#options.signal });
      }
    }
  }

  close(): void {
    this.#connection.close();
  }

  async #ask(method: 'GET' | 'HEAD', what: string, headers: Record<string, string>): Promise<IncomingMessage> {
    let response = await this.#send(method, what, headers);
    if (response.statusCode === 401) {
      response.resume();
      const challenge = parseChallenge(response.headers['www-authenticate'] ?? '');
      this.#authorization =
        challenge && (await answerChallenge(this.#connection, challenge, this.#path, this.#options.credentials));
      if (this.#authorization === undefined)
        throw new PullError(`${this.#host} wants credentials, and there are none for it`, 'denied');
      response = await this.#send(method, what, headers);
    }
    if (response.statusCode === 200 || response.statusCode === 206) return response;
    throw await this.#refusal(response);
  }

  /** Where plain http is allowed, https comes first all the same: nothing is sent before the handshake has failed. */
  async #send(method: 'GET' | 'HEAD', what: string, headers: Record<string, string>): Promise<IncomingMessage> {
    const known: Record<string, string> =
      this.#authorization === undefined ? {} : { authorization: this.#authorization };
    const url = new URL(`${this.#scheme}://${this.#host}/v2/${this.#path}/${what}`);
    try {
      return await this.#connection.send({ method, url, headers: { ...headers, ...known } });
    } catch (error) {
      const mayBeHttp = this.#options.insecure === true || isLoopback(this.#host);
      if (!mayBeHttp || this.#scheme === 'http' || !isNoTls(error)) throw error;
      this.#scheme = 'http';
      return this.#send(method, what, headers);
    }
  }

  async #refusal(response: IncomingMessage): Promise<PullError> {
    const status = response.statusCode ?? 0;
    const said = saidIn(await readBody(response, maxErrorBytes).catch(() => Buffer.of()));
    const tail = said === '' ? `${status}` : `${status}, ${said}`;
    if (status === 404) return new PullError(`${this.#host} has no such image (${tail})`, 'notFound');
    if (status === 401 || status === 403) {
      const who = this.#options.credentials === undefined ? 'asks for credentials' : 'refuses these credentials';
      return new PullError(`${this.#host} ${who}, or has no such image (${tail})`, 'denied');
    }
    if (status === 429) return new PullError(`${this.#host}: too many requests (${tail})`, 'transient');
    return new PullError(`${this.#host} answers ${tail}`, status >= 500 ? 'transient' : 'other');
  }
}

/** `CODE: message` of the spec's error body, one line of it. */
function saidIn(bytes: Buffer): string {
  try {
    const { errors } = JSON.parse(bytes.toString()) as { errors?: { code?: unknown; message?: unknown }[] };
    const { code = '', message = '' } = errors?.[0] ?? {};
    return `${String(code)}: ${String(message)}`.replaceAll(/[^\x20-\x7e]/g, ' ').slice(0, 200);
  } catch {
    return '';
  }
}
