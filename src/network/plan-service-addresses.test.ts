import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { LoadBalancerIngress, Service, ServiceSpec } from '../api/types.gen.ts';
import { families, ipv4, ipv6 } from '../kernel/family.ts';
import { addressesOfNode, planServiceAddresses, proxySettings } from './plan-service-addresses.ts';

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
    assert.deepEqual([...addressesOfNode(all, 'node1', [ipv4])], [['192.0.2.1', 'shop/a']]);
    assert.deepEqual([...addressesOfNode(all, 'node1', [ipv6])], [['2001:db8::6', 'shop/f']]);
    assert.equal(addressesOfNode(all, 'node1', families).size, 2);
  });

  const route = (address: string, device = 'eth0') => ({ destination: `${address}/32`, via: undefined, device });
  const only = (...routes: ReturnType<typeof route>[]) => ({ routes, proxies: [] });
  const desired = new Map([['192.0.2.1', 'shop/a']]);

  it('become local routes that carry our number; neighbours are told', () => {
    const plan = planServiceAddresses(desired, only(), 'eth0');
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
    assert.deepEqual(planServiceAddresses(desired, only(route('192.0.2.1')), 'eth0'), { steps: [], added: [] });
    const { steps } = planServiceAddresses(desired, only(route('192.0.2.1'), route('192.0.2.9')), 'eth0');
    assert.deepEqual(
      steps.map(({ line }) => line),
      ['route delete local 192.0.2.9/32 dev eth0 table local proto 78'],
    );
  });

  it("follow the node's own address to another link", () => {
    const { steps } = planServiceAddresses(desired, only(route('192.0.2.1', 'eth0')), 'eth1');
    assert.deepEqual(
      steps.map(({ line }) => line),
      [
        'route delete local 192.0.2.1/32 dev eth0 table local proto 78',
        'route add local 192.0.2.1/32 dev eth1 table local proto 78',
      ],
    );
  });

  const route6 = (address: string, device = 'eth0') => ({ destination: `${address}/128`, via: undefined, device });
  const desired6 = new Map([['2001:db8::6', 'shop/f']]);
  const linesOf = (wanted: ReadonlyMap<string, string>, observed: Parameters<typeof planServiceAddresses>[1]) =>
    planServiceAddresses(wanted, observed, 'eth0').steps.map(({ line }) => line);
  const addRoute = 'route add local 2001:db8::6/128 dev eth0 table local proto 78';
  const addProxy = 'neighbour add proxy 2001:db8::6 dev eth0 protocol 78';

  it('of IPv6 become proxied neighbours besides, after their route', () => {
    assert.deepEqual(linesOf(desired6, only()), [addRoute, addProxy]);
    const whole = { routes: [route6('2001:db8::6')], proxies: [{ ip: '2001:db8::6', link: 'eth0' }] };
    assert.deepEqual(planServiceAddresses(desired6, whole, 'eth0'), { steps: [], added: [] });
    assert.deepEqual(linesOf(new Map(), whole), [addProxy.replace('add', 'delete'), addRoute.replace('add', 'delete')]);
  });

  it('of which a half is there are completed, and neighbours are told', () => {
    const { steps, added } = planServiceAddresses(desired6, only(route6('2001:db8::6')), 'eth0');
    assert.deepEqual([steps.map(({ line }) => line), added], [[addProxy], ['2001:db8::6']]);
  });

  it('of a VLAN link are allowed by settings with a slash', () => {
    assert.deepEqual(
      [...proxySettings('eth0.100')],
      [
        ['net.ipv6.conf.eth0/100.proxy_ndp', '1'],
        ['net.ipv6.neigh.eth0/100.proxy_delay', '0'],
      ],
    );
  });
});
