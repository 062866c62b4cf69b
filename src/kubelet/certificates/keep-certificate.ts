/** Keeps one certificate of this node good: asked for when it is missing, renewed before it runs out. */
import { X509Certificate } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ApiClient } from '../../api/client.ts';
import type { Logger } from '../../api/logger.ts';
import { readPair, writePair, type KeyPair } from './certificate-file.ts';
import { retryDelayMs, rotationTime } from './plan-rotation.ts';
import { requestCertificate, type CertificatePurpose } from './request-certificate.ts';

export interface KeptCertificate {
  readonly client: ApiClient;
  /** Where it lies. */
  readonly path: string;
  readonly purpose: CertificatePurpose;
  /** Called with each new one, once it is on the disk. */
  readonly onRenewed: (pair: KeyPair) => void;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/** As upstream's: then it is asked for anew. */
const requestLimitMs = 15 * 60_000;
/** Node's timers go no further than 24 days. */
const maxSleepMs = 86_400_000;

/** The one in the file, if it is good for this purpose and not run out. */
export function goodPair(path: string, { subject }: CertificatePurpose, nowMs: number): KeyPair | undefined {
  const pair = readPair(path);
  if (pair === undefined) return undefined;
  const certificate = new X509Certificate(pair.cert);
  const { commonName, dnsNames = [], ipAddresses = [] } = subject;
  const isGood =
    certificate.validToDate.getTime() > nowMs &&
    certificate.subject.split('\n').includes(`CN=${commonName}`) &&
    dnsNames.every((name) => certificate.checkHost(name, { subject: 'never' }) !== undefined) &&
    ipAddresses.every((address) => certificate.checkIP(address) !== undefined);
  return isGood ? pair : undefined;
}

function dueAt({ cert }: KeyPair): number {
  const { validFromDate, validToDate } = new X509Certificate(cert);
  return rotationTime({ fromMs: validFromDate.getTime(), toMs: validToDate.getTime() }, Math.random());
}

async function sleepUntil(atMs: number, signal: AbortSignal): Promise<void> {
  for (let left = atMs - Date.now(); left > 0; left = atMs - Date.now())
    await sleep(Math.min(left, maxSleepMs), undefined, { signal, ref: false });
}

/** Goes on until the signal; never rejects. */
export async function keepCertificate(options: KeptCertificate): Promise<void> {
  const { client, path, purpose, onRenewed, signal } = options;
  const logger = options.logger.with({ certificate: path });
  let failures = 0;
  while (!signal.aborted) {
    try {
      const current = goodPair(path, purpose, Date.now());
      if (current !== undefined && failures === 0) await sleepUntil(dueAt(current), signal);
      const pair = await requestCertificate(client, purpose, { signal, limitMs: requestLimitMs });
      await writePair(path, pair);
      onRenewed(pair);
      failures = 0;
      logger.info('a certificate is renewed', { until: new X509Certificate(pair.cert).validToDate.toISOString() });
    } catch (error) {
      if (signal.aborted) return;
      failures += 1;
      logger.warn('a certificate could not be had, and is asked for again', { error: String(error), failures });
      await sleep(retryDelayMs(failures, Math.random()), undefined, { signal, ref: false }).catch(() => undefined);
    }
  }
}
