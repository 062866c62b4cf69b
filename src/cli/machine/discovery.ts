/** How a machine that knows only an address and a pin comes to believe in a cluster. Nothing secret is sent before that. */
import https from 'node:https';
import { X509Certificate } from 'node:crypto';
import { parse } from 'yaml';
import { isJsonObject } from '../../api/json-value.ts';
import { publicKeyPin } from '../../pki/index.ts';
import { MachineError } from '../errors.ts';

const path = '/api/v1/namespaces/kube-public/configmaps/cluster-info';
const maxBytes = 1024 * 1024;
const limitMs = 15_000;

export interface Discovered {
  /** PEM text of the one certificate that has the pin. */
  readonly ca: string;
  /** The address of this machine from which it reached the cluster. */
  readonly localAddress: string;
}

/** `HOST:PORT`, `[IPv6]:PORT`; undefined when it is neither. */
export function parseEndpoint(text: string): { readonly host: string; readonly port: number } | undefined {
  const [, six, host = six, digits = ''] = /^(?:\[([0-9a-fA-F:]+)\]|([^\s:/[\]]+)):(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  return host === undefined || port < 1 || port > 65_535 ? undefined : { host, port };
}

/** Rejects with a MachineError when nobody answers, no cluster is published there, or its CA is another one. */
export async function discover(endpoint: { host: string; port: number }, pin: string): Promise<Discovered> {
  const name = `${endpoint.host}:${endpoint.port}`;
  const { body, localAddress } = await fetchUnverified(endpoint, name);
  const found = certificatesIn(body);
  if (found.length === 0) {
    throw new MachineError(
      `${name} answers, but publishes no cluster (kube-public/cluster-info): is it an API server?`,
    );
  }
  const ca = found.find((pem) => publicKeyPin(pem) === pin);
  if (ca !== undefined) return { ca, localAddress };
  throw new MachineError(
    `${name} shows the CA ${found.map((pem) => publicKeyPin(pem)).join(', ')}, not ${pin}: the line is for another cluster, ` +
      'or somebody stands between. The token was not sent, and nothing is written',
  );
}

function fetchUnverified(
  { host, port }: { readonly host: string; readonly port: number },
  name: string,
): Promise<{ readonly body: string; readonly localAddress: string }> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(limitMs);
    const fail = (why: string): void => reject(new MachineError(`cannot ask ${name} for the cluster: ${why}`));
    // Whoever answers is believed only when what it says has the pin.
    const request = https.get({ host, port, path, signal, agent: false, rejectUnauthorized: false }, (response) => {
      const localAddress = response.socket.localAddress ?? '';
      const chunks: Buffer[] = [];
      let size = 0;
      response.on('data', (chunk: Buffer) => {
        size += chunk.length;
        if (size > maxBytes) request.destroy(new Error('the reply is larger than 1 MiB'));
        chunks.push(chunk);
      });
      response.once('end', () => {
        const body = Buffer.concat(chunks).toString('utf8');
        resolve({ body: response.statusCode === 200 ? body : '', localAddress });
      });
      response.once('error', (error) => fail(error.message));
    });
    request.once('error', (error) => fail(signal.aborted ? `no answer within ${limitMs / 1000} s` : error.message));
  });
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

/** Every certificate of the CA bundle in a cluster-info ConfigMap. What cannot be read is none. */
function certificatesIn(body: string): string[] {
  try {
    const map: unknown = JSON.parse(body);
    const data = isJsonObject(map) && isJsonObject(map['data']) ? map['data'] : {};
    const config: unknown = parse(textOf(data['kubeconfig']), { maxAliasCount: 0 });
    const clusters = isJsonObject(config) && Array.isArray(config['clusters']) ? (config['clusters'] as unknown[]) : [];
    const cluster = isJsonObject(clusters[0]) && isJsonObject(clusters[0]['cluster']) ? clusters[0]['cluster'] : {};
    const bundle = Buffer.from(textOf(cluster['certificate-authority-data']), 'base64').toString('latin1');
    const blocks = bundle.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
    return blocks.map((block) => new X509Certificate(block).toString());
  } catch {
    return [];
  }
}
