/** A whole server over its own store, closed and started again. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { startApiServer } from './index.ts';
import { at, createClient, type TestClient } from './testing/client.ts';
import { serverOptions } from './testing/server.ts';

/** Runs `use` against a server with all resources over the store in `folder`. */
async function withServer(folder: string, advertiseAddress: string, use: (admin: TestClient) => Promise<void>) {
  const options = await serverOptions(folder);
  const server = await startApiServer({ ...options, advertiseAddress });
  const pair = await options.authority.issue({ commonName: 'admin', organizations: ['system:masters'] });
  const admin = createClient({ port: server.port, ca: options.authority.certPem, pair, headers: {} });
  try {
    await use(admin);
  } finally {
    admin.close();
    await server.close();
    await options.store.close();
  }
}

const services = '/api/v1/namespaces/default/services';
const service = (name: string, clusterIP: string): object => ({
  metadata: { name },
  spec: { type: 'NodePort', clusterIP, ports: [{ port: 80, nodePort: 30_001 }] },
});

describe('a server that starts again over its store', () => {
  it('still holds what its Services hold, and corrects where it can be reached', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'podwire-restart-'));
    try {
      await withServer(folder, '10.44.0.2', async (admin) => {
        assert.equal((await admin.send('POST', services, service('web', '10.46.0.10'))).code, 201);
        const { json } = await admin.send('GET', '/api/v1/namespaces');
        assert.equal((at(json, 'items') as unknown[]).length, 4);
      });
      await withServer(folder, '10.44.0.3', async (admin) => {
        const kubernetes = await admin.send('GET', `${services}/kubernetes`);
        assert.equal(at(kubernetes.json, 'spec.clusterIP'), '10.46.0.1');
        const slice = await admin.send('GET', '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes');
        assert.deepEqual(at(slice.json, 'endpoints.0.addresses'), ['10.44.0.3']);

        const taken = await admin.send('POST', services, service('other', '10.46.0.10'));
        assert.equal(taken.code, 422);
        assert.match(
          String(at(taken.json, 'message')),
          /failed to allocate IP 10\.46\.0\.10: provided IP is already allocated$/,
        );
        const port = await admin.send('POST', services, service('other', ''));
        assert.match(
          String(at(port.json, 'message')),
          /spec\.ports\[0\]\.nodePort: Invalid value: 30001: provided port is already allocated$/,
        );

        assert.equal((await admin.send('DELETE', `${services}/web`)).code, 200);
        assert.equal((await admin.send('POST', services, service('other', '10.46.0.10'))).code, 201);
      });
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
