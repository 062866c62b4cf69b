/** A whole server with Service ranges of both families. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { startApiServer } from './index.ts';
import { at, createClient, type TestClient } from './testing/client.ts';
import { serverOptions } from './testing/server.ts';

const services = '/api/v1/namespaces/default/services';

describe('a cluster of two families', () => {
  let admin: TestClient;
  let end = async (): Promise<void> => undefined;

  before(async () => {
    const folder = await mkdtemp(join(tmpdir(), 'podwire-dual-'));
    const options = await serverOptions(folder);
    const server = await startApiServer({ ...options, serviceCIDR: '10.46.0.0/16,fd00:46::/112' });
    const pair = await options.authority.issue({ commonName: 'admin', organizations: ['system:masters'] });
    admin = createClient({ port: server.port, ca: options.authority.certPem, pair, headers: {} });
    end = async () => {
      admin.close();
      await server.close();
      await options.store.close();
      await rm(folder, { recursive: true });
    };
  });
  after(() => end());

  const create = async (name: string, spec: object): Promise<unknown> => {
    const ports = [{ port: 80 }];
    return (await admin.send('POST', services, { metadata: { name }, spec: { ports, ...spec } })).json;
  };

  it('has the Service kubernetes in its first family alone', async () => {
    const { json } = await admin.send('GET', `${services}/kubernetes`);
    assert.deepEqual(at(json, 'spec.clusterIPs'), ['10.46.0.1']);
    assert.equal(at(json, 'spec.ipFamilyPolicy'), 'SingleStack');
  });

  it('gives both to who asks for both, in the order that they are asked for', async () => {
    const made = await create('both', { ipFamilyPolicy: 'RequireDualStack', ipFamilies: ['IPv6', 'IPv4'] });
    const [first = '', second = ''] = at(made, 'spec.clusterIPs') as string[];
    assert.match(first, /^fd00:46::/);
    assert.match(second, /^10\.46\./);
    assert.equal(at(made, 'spec.clusterIP'), first);
  });

  it('takes the second away and gives it back', async () => {
    await create('changing', { ipFamilyPolicy: 'PreferDualStack' });
    const patch = async (spec: object): Promise<unknown> => {
      const headers = { 'content-type': 'application/merge-patch+json' };
      return (await admin.send('PATCH', `${services}/changing`, { spec }, headers)).json;
    };
    const single = await patch({ ipFamilyPolicy: 'SingleStack' });
    assert.deepEqual(at(single, 'spec.ipFamilies'), ['IPv4']);
    const dual = await patch({ ipFamilyPolicy: 'RequireDualStack' });
    assert.deepEqual(at(dual, 'spec.ipFamilies'), ['IPv4', 'IPv6']);
    assert.equal((at(dual, 'spec.clusterIPs') as string[]).length, 2);
  });
});
