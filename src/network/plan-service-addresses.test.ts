import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { LoadBalancerIngress, Service, ServiceSpec } from '../api/types.gen.ts';
import { addressesOfNode, planServiceAddresses } from './plan-service-addresses.ts';

function service(name: string, node: string, ingress: LoadBalancerIngress[], spec: ServiceSpec = {}): Service {
  return {
    metadata: { namespace: 'shop', name, annotations: { 'podwire.dev/answered-by': node } },
    spec: { type: 'LoadBalancer', ...spec },
    status: { loadBalancer: { ingress } },
  };
}

describe('the addresses that a node answers for', () => {
  it('are those of Services that name it', () => {
    const all = [
      service('a', 'node1', [{ ip: '192.0.2.1', ipMode: 'VIP' }]),
      service('b', 'node2', [{ ip: '192.0.2.2', ipMode: 'VIP' }]),
      service('c', 'node1', [{ hostname: 'lb.example.com' }]),
      service('d', 'node1', [{ ip: '192.0.2.4', ipMode: 'Proxy' }]),
      service('e', 'node1', [{ ip: '192.0.2.5', ipMode: 'VIP' }], { type: 'ClusterIP' }),
      service('f', 'node1', [{ ip: '2001:db8::6', ipMode: 'VIP' }]),
    ];
    assert.deepEqual([...addressesOfNode(all, 'node1')], [['192.0.2.1', 'shop/a']]);
  });

  const route = (address: string, device = 'eth0') => ({ destination: `${address}/32`, via: undefined, device });
  const desired = new Map([['192.0.2.1', 'shop/a']]);

  it('become local routes that carry our number; neighbours are told', () => {
    const plan = planServiceAddresses(desired, [], 'eth0');
    assert.deepEqual(plan, {
      steps: [
        {
          action: 'add',
          object: 'local route 192.0.2.1',
          reason: 'this node answers for Service shop/a',
          line: 'route add local 192.0.2.1/32 dev eth0 table local proto 78',
        },
      ],
      added: ['192.0.2.1'],
    });
  });

  it("stay as they are, and what is nobody's goes", () => {
    assert.deepEqual(planServiceAddresses(desired, [route('192.0.2.1')], 'eth0'), { steps: [], added: [] });
    const { steps } = planServiceAddresses(desired, [route('192.0.2.1'), route('192.0.2.9')], 'eth0');
    assert.deepEqual(
      steps.map(({ line }) => line),
      ['route delete local 192.0.2.9/32 dev eth0 table local proto 78'],
    );
  });

  it("follow the node's own address to another link", () => {
    const { steps } = planServiceAddresses(desired, [route('192.0.2.1', 'eth0')], 'eth1');
    assert.deepEqual(
      steps.map(({ line }) => line),
      [
        'route delete local 192.0.2.1/32 dev eth0 table local proto 78',
        'route add local 192.0.2.1/32 dev eth1 table local proto 78',
      ],
    );
  });
});
