import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { TLSSocket } from 'node:tls';
import { setTimeout as sleep } from 'node:timers/promises';
import { silentLogger } from '../api/logger.ts';
import { nodes } from '../api/resources.ts';
import { createAuthority, type Authority } from '../pki/index.ts';
import { createFollowedClient } from './followed-client.ts';

let authority: Authority;
let server: https.Server;
let folder = '';
const abort = new AbortController();

/** The server names each caller as a Node. */
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'followed-client-'));
  authority = await createAuthority('ca');
  const { certPem: cert, keyPem: key } = await authority.issue({ commonName: 's', ipAddresses: ['127.0.0.1'] });
  server = https.createServer(
    { cert, key, ca: authority.certPem, requestCert: true, rejectUnauthorized: true },
    (request, response) => {
      const name = (request.socket as TLSSocket).getPeerCertificate().subject.CN;
      response.end(JSON.stringify({ kind: 'Node', metadata: { name } }));
    },
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
after(async () => {
  abort.abort();
  server.closeAllConnections();
  server.close();
  await rm(folder, { recursive: true });
});

/** One file for both, as the agent has it. */
async function writePair(text: string): Promise<void> {
  await writeFile(join(folder, 'pair.new'), text);
  await rename(join(folder, 'pair.new'), join(folder, 'pair.pem'));
}

test('a certificate that somebody renews in its file is the one that is shown', async () => {
  const issue = async (commonName: string) => authority.issue({ commonName });
  const [first, second, third] = [await issue('first'), await issue('second'), await issue('third')];
  const path = join(folder, 'kubeconfig');
  const { port } = server.address() as AddressInfo;
  const user = { 'client-certificate': 'pair.pem', 'client-key': 'pair.pem' };
  const cluster = { server: `https://127.0.0.1:${port}`, 'certificate-authority': 'ca.crt' };
  const config = {
    'current-context': 'c',
    contexts: [{ name: 'c', context: { cluster: 'c', user: 'u' } }],
    clusters: [{ name: 'c', cluster }],
    users: [{ name: 'u', user }],
  };
  await writeFile(join(folder, 'ca.crt'), authority.certPem);
  await writeFile(path, JSON.stringify(config));
  await writePair(first.certPem + first.keyPem);
  const { signal } = abort;
  const client = createFollowedClient(path, { logger: silentLogger, signal, lookMs: 5 });
  const seenAs = async (): Promise<string | undefined> => (await client.get(nodes, { name: 'n' })).metadata.name;
  assert.equal(await seenAs(), 'first');
  await writePair(second.certPem + second.keyPem);
  for (const end = Date.now() + 20_000; (await seenAs()) !== 'second'; await sleep(10))
    assert.ok(Date.now() < end, 'the second is never shown');
  // Another one's key, half a file, none: the one before goes on.
  for (const text of [third.certPem + second.keyPem, third.certPem.slice(0, 90), '']) {
    await writePair(text);
    for (let look = 0; look < 10; look += 1) {
      await sleep(5);
      assert.equal(await seenAs(), 'second');
    }
  }
  await writePair(third.certPem + third.keyPem);
  for (const end = Date.now() + 20_000; (await seenAs()) !== 'third'; await sleep(10))
    assert.ok(Date.now() < end, 'the third is never shown');
  client.close();
});
