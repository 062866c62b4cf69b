/** Requests to a registry: HTTPS, redirects, bounds and time-outs; no knowledge of what is asked. */
import { readdirSync, readFileSync } from 'node:fs';
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent, request as httpsRequest } from 'node:https';
import { isIPv4 } from 'node:net';
import { join } from 'node:path';
import { createSecureContext, getCACertificates } from 'node:tls';
import { PullError } from './pull-error.ts';

const silenceMs = 60_000;
const maxRedirects = 5;

export interface RegistryRequest {
  readonly method?: 'GET' | 'HEAD' | 'POST';
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** Whether the registry `host[:port]` is on a loopback address by its name alone. */
export function isLoopback(registry: string): boolean {
  const host = registry.replace(/:\d+$/, '');
  return host === 'localhost' || host === '[::1]' || (isIPv4(host) && host.startsWith('127.'));
}

/** Where container tools look for the authorities of one registry. */
const certificateFolders = ['/etc/containers/certs.d', '/etc/docker/certs.d'];

function authorities(registry: string): string[] {
  const own = certificateFolders.flatMap((folder) => {
    try {
      const files = readdirSync(join(folder, registry)).filter((name) => name.endsWith('.crt'));
      return files.map((name) => readFileSync(join(folder, registry, name), 'utf8'));
    } catch {
      return [];
    }
  });
  return [...getCACertificates('default'), ...getCACertificates('system'), ...own];
}

/** Keeps connections open until closed. Proxies are taken from the environment (HTTPS_PROXY, NO_PROXY). */
export class RegistryConnection {
  readonly #insecure: boolean;
  readonly #signal: AbortSignal | undefined;
  readonly #https: Agent;
  readonly #http: HttpAgent;

  constructor(registry: string, options: { readonly insecure: boolean; readonly signal: AbortSignal | undefined }) {
    this.#insecure = options.insecure;
    this.#signal = options.signal;
    const shared = { keepAlive: true, proxyEnv: process.env };
    this.#https = options.insecure
      ? new Agent({ ...shared, rejectUnauthorized: false })
      : new Agent({ ...shared, secureContext: createSecureContext({ ca: authorities(registry) }) });
    this.#http = new HttpAgent(shared);
  }

  /** The answer, whatever its status, after redirects (none for a POST); its body must be read or destroyed. What authorises stays with the first host. */
  async send(request: RegistryRequest): Promise<IncomingMessage> {
    let { url, headers = {} } = request;
    for (let redirects = 0; ; redirects++) {
      const response = await this.#sendOnce({ ...request, url, headers });
      const { location } = response.headers;
      // Its challenge would name whom to send the registry's credentials to.
      if (response.statusCode === 401 && url.origin !== request.url.origin) {
        response.destroy();
        throw new PullError(`${request.url.host} leads to ${url.host}, which wants credentials of its own`, 'denied');
      }
      if (
        ![301, 302, 303, 307, 308].includes(response.statusCode ?? 0) ||
        location === undefined ||
        request.method === 'POST'
      )
        return response;
      response.resume();
      if (redirects >= maxRedirects) throw new PullError(`${url.host} redirects without end`, 'other');
      const next = new URL(location, url);
      if (next.origin !== url.origin) headers = withoutAuthorization(headers);
      url = next;
    }
  }

  close(): void {
    this.#https.destroy();
    this.#http.destroy();
  }

  #sendOnce({ method = 'GET', url, headers, body }: RegistryRequest): Promise<IncomingMessage> {
    const isHttp = url.protocol === 'http:';
    if (!isHttp && url.protocol !== 'https:') throw new PullError(`${url.protocol} is no way to a registry`, 'other');
    if (isHttp && !this.#insecure) throw new PullError(`${url.host} wants plain http: it is not allowed to`, 'other');
    return new Promise((resolve, reject) => {
      const options = {
        method,
        headers: { 'user-agent': 'podwire', ...headers },
        ...(this.#signal === undefined ? {} : { signal: this.#signal }),
      };
      const sent = isHttp
        ? httpRequest(url, { ...options, agent: this.#http }, resolve)
        : httpsRequest(url, { ...options, agent: this.#https }, resolve);
      sent.setTimeout(silenceMs, () => sent.destroy(new Error(`nothing heard for ${silenceMs / 1000} s`)));
      sent.on('error', (error: NodeJS.ErrnoException) => reject(unreachable(url, error)));
      sent.end(body);
    });
  }
}

function withoutAuthorization(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => name !== 'authorization'));
}

/** An answer from something that does not speak TLS looks like one of these. */
export function isNoTls(error: unknown): boolean {
  const cause = error instanceof Error ? (error.cause as NodeJS.ErrnoException | undefined) : undefined;
  return /^(EPROTO|ERR_SSL_|ECONNRESET)/.test(cause?.code ?? '');
}

function unreachable(url: URL, error: NodeJS.ErrnoException): PullError {
  // An error of several addresses has no message of its own.
  const text = error.message === '' ? (error.code ?? 'unknown error') : error.message;
  const isCertificate = /CERT|UNABLE_TO|SELF_SIGNED/.test(error.code ?? '');
  return new PullError(`${url.host}: ${text}`, isCertificate ? 'other' : 'transient', { cause: error });
}

/** The whole body. Rejects, and closes the connection, when it is longer than `maxBytes`. */
export async function readBody(response: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length > maxBytes) throw new PullError(`an answer is longer than ${maxBytes} bytes`, 'other');
      chunks.push(chunk);
    }
  } catch (error) {
    if (error instanceof PullError) throw error;
    throw new PullError(`the answer was cut short (${String(error)})`, 'transient', { cause: error });
  }
  return Buffer.concat(chunks);
}
