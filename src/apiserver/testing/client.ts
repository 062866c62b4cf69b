/** A plain HTTPS client for tests: nothing of the client under src/api, so that the wire itself is looked at. */
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import type { KeyPairPem } from '../../pki/index.ts';

export interface ClientOptions {
  readonly port: number;
  readonly ca: string;
  readonly pair: KeyPairPem | undefined;
  readonly headers: Readonly<Record<string, string>>;
}

export interface Answer {
  readonly code: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** The text as JSON, when it is. */
  readonly json: unknown;
}

/** What stands at a path in a JSON value: `at(reply, 'items.0.metadata.name')`. */
export function at(value: unknown, path: string): unknown {
  return path.split('.').reduce<unknown>((inner, key) => (inner as Record<string, unknown> | undefined)?.[key], value);
}

export interface TestClient {
  send(method: string, path: string, body?: unknown, headers?: Readonly<Record<string, string>>): Promise<Answer>;
  /** Opens a watch. */
  watch(path: string, headers?: Readonly<Record<string, string>>): Promise<TestWatch>;
  close(): void;
}

export interface TestWatch {
  /** The next line. Rejects when the watch ended first. */
  next(): Promise<unknown>;
  close(): void;
}

async function* linesOf(response: IncomingMessage): AsyncGenerator<string, undefined> {
  let rest = '';
  for await (const chunk of response as AsyncIterable<Buffer>) {
    const parts = (rest + chunk.toString()).split('\n');
    rest = parts.pop() ?? '';
    yield* parts;
  }
  return undefined;
}

export function createClient({ port, ca, pair, headers: own }: ClientOptions): TestClient {
  const agent = new Agent({ keepAlive: true, maxSockets: 16, ca, cert: pair?.certPem, key: pair?.keyPem });
  const open = (method: string, path: string, body?: unknown, headers = {}): Promise<IncomingMessage> =>
    new Promise((resolve, reject) => {
      const text = body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body);
      const type =
        text === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) };
      const options = { host: '127.0.0.1', port, agent, method, path, headers: { ...type, ...own, ...headers } };
      request(options, resolve).once('error', reject).end(text);
    });
  return {
    send: async (method, path, body, headers) => {
      const response = await open(method, path, body, headers);
      const chunks: Buffer[] = [];
      for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk);
      const text = Buffer.concat(chunks).toString();
      const json: unknown = text.startsWith('{') ? JSON.parse(text) : undefined;
      return { code: response.statusCode ?? 0, headers: response.headers, text, json };
    },
    watch: async (path, headers) => {
      const response = await open('GET', path, undefined, headers);
      const lines = linesOf(response);
      return {
        next: async () => {
          const line = await lines.next();
          if (line.done === true) throw new Error('the watch has ended');
          return JSON.parse(line.value) as unknown;
        },
        close: () => void response.destroy(),
      };
    },
    close: () => agent.destroy(),
  };
}
