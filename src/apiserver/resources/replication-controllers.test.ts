import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ReplicationController, ReplicationControllerSpec } from '../../api/types.gen.ts';
import { at } from '../testing/client.ts';
import { startTestServer } from '../testing/server.ts';
import { replicationControllerRow as row } from './replication-controllers.ts';
import { cells, create } from './testing.ts';

const labels = { app: 'web' };
const template = { metadata: { labels }, spec: { containers: [{ name: 'web', image: 'nginx:1' }] } };
const path = '/api/v1/namespaces/default/replicationcontrollers';

const controller = (spec: ReplicationControllerSpec = {}): ReplicationController => ({
  apiVersion: 'v1',
  kind: 'ReplicationController',
  metadata: { name: 'web', namespace: 'default' },
  spec: { template, ...spec },
});

describe('a new ReplicationController', () => {
  it('has the labels of its template and selects by them, unless it says others', () => {
    const { object, errors } = create(row, controller());
    assert.deepEqual(errors, []);
    assert.deepEqual([object.spec?.replicas, object.spec?.selector, object.metadata.labels], [1, labels, labels]);
    assert.equal(object.spec?.template?.spec?.restartPolicy, 'Always');
    assert.deepEqual([object.metadata.generation, object.status], [1, { replicas: 0 }]);
    const other = controller({ template: { ...template, metadata: { labels: { app: 'web', tier: 'front' } } } });
    other.metadata.labels = { mine: 'yes' };
    const said = create(row, { ...other, spec: { ...other.spec, selector: labels } });
    assert.deepEqual(said.errors, []);
    assert.deepEqual([said.object.spec?.selector, said.object.metadata.labels], [labels, { mine: 'yes' }]);
  });

  const cases: readonly { what: string; spec: ReplicationControllerSpec; says: readonly string[] }[] = [
    {
      what: 'a selector that does not take its own pods',
      spec: { selector: { app: 'other' } },
      says: [
        'spec.template.metadata.labels: Invalid value: {"app":"web"}: `selector` does not match template `labels`',
      ],
    },
    {
      what: 'no labels to select by',
      spec: { template: { spec: template.spec } },
      says: ['spec.selector: Required value'],
    },
    {
      what: 'less than no replicas',
      spec: { replicas: -1 },
      says: ['spec.replicas: Invalid value: -1: must be greater than or equal to 0'],
    },
    {
      what: 'pods that do not restart',
      spec: { template: { ...template, spec: { ...template.spec, restartPolicy: 'Never' } } },
      says: ['spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"'],
    },
  ];
  for (const { what, spec, says } of cases) {
    it(`is refused with ${what}`, () => {
      assert.deepEqual(create(row, controller(spec)).errors, says);
    });
  }

  it('is refused without a template', () => {
    const { errors } = create(row, { ...controller(), spec: { selector: labels } });
    assert.deepEqual(errors, ['spec.template: Required value']);
  });
});

describe('a ReplicationController that is there', () => {
  it('prints its counts and what it selects', () => {
    const { object } = create(row, controller({ replicas: 3 }));
    object.status = { replicas: 2, readyReplicas: 1 };
    const { Desired, Current, Ready, Containers, Images, Selector } = cells(row, object);
    assert.deepEqual([Desired, Current, Ready, Containers, Images, Selector], [3, 2, 1, 'web', 'nginx:1', 'app=web']);
  });

  it('is scaled, and its Scale tells its selector', async () => {
    await using server = await startTestServer();
    const { admin } = server;
    await admin.send('POST', path, controller());
    const merge = { 'content-type': 'application/merge-patch+json' };
    const { json } = await admin.send('PATCH', `${path}/web/scale`, { spec: { replicas: 3 } }, merge);
    assert.deepEqual([at(json, 'spec.replicas'), at(json, 'status.selector')], [3, 'app=web']);
  });

  it('leaves its pods to themselves when a DELETE does not say what becomes of them', async () => {
    await using server = await startTestServer();
    const { admin } = server;
    await admin.send('POST', path, controller());
    for (const options of [{}, {}]) {
      const { json } = await admin.send('DELETE', `${path}/web`, options);
      assert.deepEqual(at(json, 'metadata.finalizers'), ['orphan']);
    }
    await admin.send('POST', path, { ...controller(), metadata: { name: 'gone' } });
    const { json } = await admin.send('DELETE', `${path}/gone`, { propagationPolicy: 'Background' });
    assert.equal(at(json, 'status'), 'Success');
  });
});
