import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EndpointSlice, Service } from '../../api/types.gen.ts';
import { ipv4 } from '../../kernel/family.ts';
import { observedAfter, planRules } from '../../kernel/plan-iptables.ts';
import { clusterServices, clusterSlices } from '../../../test/cases/service-packets.ts';
import { portsOf, type ServicePort } from '../model/service-port.ts';
import { tableOf as modelTable } from '../model/table-keeper.ts';
import { manyServices } from '../testing/many-services.ts';
import { objectSource } from '../testing/object-source.ts';
import { ownsChain } from './names.ts';
import { desiredRules } from './plan-rules.ts';
import { createRuleKeeper } from './rule-keeper.ts';

const clusterCIDR = '10.77.0.0/16';

function tableOf(services: readonly Service[], slices: readonly EndpointSlice[] = []): readonly ServicePort[] {
  return portsOf(modelTable(objectSource(services, slices, { nodeName: 'node-a' }), ipv4));
}

test('a Service that comes or goes, and an endpoint that changes, send one chain', () => {
  const all = manyServices(3001, 2);
  const keeper = createRuleKeeper({ family: ipv4, clusterCIDR, nodePortAddresses: undefined });
  const table = new Map(all.slice(0, 3000).map((port) => [port.service, [port]]));
  keeper.update(table);
  const observed = observedAfter({ desired: keeper.desired, observed: new Map(), owns: ownsChain });
  const changesOf = (key: string, ports: readonly ServicePort[]): readonly string[] => {
    if (ports.length > 0) table.set(key, [...ports]);
    else table.delete(key);
    const options = { desired: keeper.desired, observed, owns: ownsChain, only: keeper.update(table, [key]) };
    const { changes, input } = planRules(options);
    assert.ok(input.split('\n').length <= 64 + 4, input);
    observedAfter(options);
    return changes.map(({ action }) => action);
  };
  const [last, first] = [all[3000], all[0]];
  assert.ok(last && first);
  assert.deepEqual(changesOf(last.service, [last]), ['rewrite']);
  assert.deepEqual(changesOf(last.service, []), ['rewrite']);
  assert.deepEqual(changesOf(first.service, [{ ...first, endpoints: first.endpoints.slice(0, 1) }]), ['rewrite']);
  assert.deepEqual(changesOf(first.service, [first]), ['rewrite']);
  const whole = planRules({ desired: keeper.desired, observed, owns: ownsChain });
  assert.deepEqual(whole.changes, [], 'what is remembered is what is wanted');
});

test('the same objects give the same rules, in whatever order they come', () => {
  const text = (services: readonly Service[], slices: readonly EndpointSlice[]): string =>
    JSON.stringify(
      [...desiredRules({ table: tableOf(services, slices), family: ipv4, clusterCIDR }).chains].map(
        ([table, chains]) => [table, [...chains]],
      ),
    );
  assert.equal(text(clusterServices, clusterSlices), text(clusterServices.toReversed(), clusterSlices.toReversed()));
});

test('headless Services, those of another proxy and those without an address have no rule', () => {
  const service = (metadata: Service['metadata'], spec: Service['spec']): Service => ({
    metadata: { namespace: 'ns', ...metadata },
    ...(spec === undefined ? {} : { spec }),
  });
  const ports = [{ port: 80 }];
  const table = tableOf([
    service({ name: 'headless' }, { clusterIP: 'None', ports }),
    service({ name: 'pending' }, { clusterIP: '', ports }),
    service({ name: 'name' }, { type: 'ExternalName', externalName: 'example.com', ports }),
    service(
      { name: 'other', labels: { 'service.kubernetes.io/service-proxy-name': 'x' } },
      { clusterIP: '10.78.0.1', ports },
    ),
    service({ name: 'v6' }, { clusterIP: 'fd00::1', ports }),
    service({ name: 'mine' }, { clusterIP: '10.78.0.2', ports }),
  ]);
  assert.deepEqual(
    table.map(({ name }) => name),
    ['ns/mine'],
  );
});

test('an endpoint in two slices is one endpoint; one that is not ready is none', () => {
  const slice = (name: string, endpoints: EndpointSlice['endpoints']): EndpointSlice => ({
    metadata: { namespace: 'ns', name, labels: { 'kubernetes.io/service-name': 'web' } },
    addressType: 'IPv4',
    ports: [{ port: 8080 }],
    endpoints,
  });
  const service: Service = {
    metadata: { namespace: 'ns', name: 'web' },
    spec: { clusterIP: '10.78.0.1', ports: [{ port: 80 }] },
  };
  const [port] = tableOf(
    [service],
    [
      slice('a', [
        { addresses: ['10.77.1.10'] },
        { addresses: ['10.77.1.9'], conditions: { ready: false, serving: true, terminating: true } },
      ]),
      slice('b', [{ addresses: ['10.77.1.10'] }, { addresses: ['10.77.1.2'], nodeName: 'node-a' }]),
    ],
  );
  assert.deepEqual(
    port?.endpoints.map(({ ip }) => ip),
    ['10.77.1.2', '10.77.1.10'],
  );
  assert.deepEqual(
    port?.localEndpoints.map(({ ip }) => ip),
    ['10.77.1.2'],
  );
});
