/** The API's client over TLS: whom it trusts, and as whom it speaks. */
import assert from 'node:assert/strict';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { test } from 'node:test';
import { isUnavailable } from '../src/api/errors.ts';
import { createApiClient } from '../src/api/http-client.ts';
import { nodes } from '../src/api/resources.ts';
import { createAuthority } from '../src/pki/index.ts';

test('the client checks the server by the given authority and shows its own certificate', async () => {
  const authority = await createAuthority('test-ca');
  const stranger = await createAuthority('test-ca');
  const serverPair = await authority.issue({ commonName: 'kube-apiserver', ipAddresses: ['127.0.0.1'] });
  const clientPair = await authority.issue({ commonName: 'system:node:n1', organizations: ['system:nodes'] });
  const ca = authority.certPem;

  const server = https.createServer(
    { cert: serverPair.certPem, key: serverPair.keyPem, ca, requestCert: true, rejectUnauthorized: false },
    (request, response) => {
      const subject = (request.socket as TLSSocket).getPeerCertificate().subject as { CN?: string } | undefined;
      response.end(JSON.stringify({ metadata: { name: subject?.CN ?? 'anonymous' } }));
    },
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const known = createApiClient({ server: url, ca, cert: clientPair.certPem, key: clientPair.keyPem });
  const anonymous = createApiClient({ server: url, ca });
  const distrustful = createApiClient({ server: url, ca: stranger.certPem });
  try {
    assert.equal((await known.get(nodes, { name: 'x' })).metadata.name, 'system:node:n1');
    assert.equal((await anonymous.get(nodes, { name: 'x' })).metadata.name, 'anonymous');
    await assert.rejects(distrustful.get(nodes, { name: 'x' }), isUnavailable);
  } finally {
    for (const client of [known, anonymous, distrustful]) client.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});
