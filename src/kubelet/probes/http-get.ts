/** The request that a probe or a hook makes of a container: it asks whether something answers, not who it is. */
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Container, IntOrString, Probe } from '../../api/types.gen.ts';

export type HttpGet = NonNullable<Probe['httpGet']>;

export interface GetOptions {
  readonly port: number;
  /** Asked when the request names no host. */
  readonly podIP: string;
  readonly seconds: number;
  readonly userAgent: string;
}

/** A port by number, or by its name among those of the container. */
export function portOf(container: Container, port: IntOrString): number | undefined {
  const text = String(port);
  if (/^\d+$/.test(text)) return Number(text);
  return (container.ports ?? []).find(({ name }) => name === text)?.containerPort;
}

/** Resolves with the status code of the answer, whose body is not waited for; rejects when there is none in time. */
export function sendGet(get: HttpGet, { port, podIP, seconds, userAgent }: GetOptions): Promise<number> {
  const secure = get.scheme === 'HTTPS';
  const host = get.host === undefined || get.host === '' ? podIP : get.host;
  const given = Object.fromEntries((get.httpHeaders ?? []).map(({ name, value }) => [name.toLowerCase(), value]));
  const path = get.path === undefined || get.path === '' ? '/' : get.path.replace(/^(?!\/)/, '/');
  const options = {
    host,
    port,
    path,
    agent: false as const,
    headers: { 'user-agent': userAgent, accept: '*/*', connection: 'close', ...given },
    signal: AbortSignal.timeout(seconds * 1000),
  };
  return new Promise((resolve, reject) => {
    const request = secure ? httpsRequest({ ...options, rejectUnauthorized: false }) : httpRequest(options);
    request.once('error', (error) =>
      reject(new Error(`Get "${get.scheme?.toLowerCase() ?? 'http'}://${host}:${port}${path}": ${error.message}`)),
    );
    request.once('response', (response) => {
      response.resume().once('error', () => undefined);
      response.once('close', () => request.destroy());
      resolve(response.statusCode ?? 0);
    });
    request.end();
  });
}
