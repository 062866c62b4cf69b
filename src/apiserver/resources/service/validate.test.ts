import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { LoadBalancerIngress, Service, ServiceSpec } from '../../../api/types.gen.ts';
import { createClusterAddresses } from '../../allocators/cluster-addresses.ts';
import { createNodePortPool } from '../../allocators/node-ports.ts';
import { serviceRow } from '../services.ts';
import { cells, contextOf, create, NOW, update } from '../testing.ts';

const row = serviceRow({
  addresses: createClusterAddresses(['10.46.0.0/16']),
  ports: createNodePortPool({ from: 30_000, to: 32_767 }),
});

const service = (spec: ServiceSpec = {}): Service => ({
  metadata: { name: 'web', namespace: 'shop' },
  spec: { selector: { app: 'web' }, ports: [{ port: 80 }], ...spec },
});

describe('a Service that breaks a rule is refused in the known words', () => {
  const cases: readonly { what: string; spec: ServiceSpec; says: readonly string[] }[] = [
    { what: 'no ports', spec: { ports: [] }, says: ['spec.ports: Required value'] },
    {
      what: 'port 0',
      spec: { ports: [{ port: 0, targetPort: 1 }] },
      says: ['spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive'],
    },
    {
      what: 'several ports without names',
      spec: { ports: [{ port: 1 }, { port: 2 }] },
      says: ['spec.ports[0].name: Required value', 'spec.ports[1].name: Required value'],
    },
    {
      what: 'one name twice',
      spec: {
        ports: [
          { name: 'a', port: 1 },
          { name: 'a', port: 2 },
        ],
      },
      says: ['spec.ports[1].name: Duplicate value: "a"'],
    },
    {
      what: 'one port twice',
      spec: {
        ports: [
          { name: 'a', port: 1 },
          { name: 'b', port: 1 },
        ],
      },
      says: ['spec.ports[1]: Duplicate value: {"protocol":"TCP","port":1}'],
    },
    {
      what: 'a port on the nodes for a ClusterIP',
      spec: { ports: [{ port: 80, nodePort: 30_000 }] },
      says: ["spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'"],
    },
    {
      what: 'an unknown type',
      spec: { type: 'Magic' },
      says: [
        'spec.type: Unsupported value: "Magic": supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"',
      ],
    },
    {
      what: 'headless on the nodes',
      spec: { type: 'NodePort', clusterIP: 'None' },
      says: [`spec.clusterIPs[0]: Invalid value: "None": may not be set to 'None' for NodePort services`],
    },
    {
      what: 'an external name that is missing',
      spec: { type: 'ExternalName' },
      says: ['spec.externalName: Required value'],
    },
    {
      what: 'an external address in the loopback range',
      spec: { externalIPs: ['127.0.0.1'] },
      says: [
        'spec.externalIPs[0]: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)',
      ],
    },
    {
      what: 'the second family where there is one',
      spec: { ipFamilies: ['IPv6'] },
      says: ['spec.ipFamilies[0]: Invalid value: "IPv6": not configured on this cluster'],
    },
    {
      what: 'both families where there is one',
      spec: { ipFamilyPolicy: 'RequireDualStack' },
      says: [
        'spec.ipFamilyPolicy: Invalid value: "RequireDualStack": this cluster is not configured for dual-stack services',
      ],
    },
    {
      what: 'an address that is none',
      spec: { clusterIP: 'ten' },
      says: ['spec.clusterIPs[0]: Invalid value: "ten": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'],
    },
    {
      what: 'an affinity of more than a day',
      spec: { sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 90_000 } } },
      says: [
        'spec.sessionAffinityConfig.clientIP.timeoutSeconds: Invalid value: 90000: must be greater than 0 and less than 86400',
      ],
    },
    {
      what: 'an external policy for what cannot be reached from outside',
      spec: { externalTrafficPolicy: 'Local' },
      says: ['spec.externalTrafficPolicy: Invalid value: "Local": may only be set for externally-accessible services'],
    },
  ];
  for (const { what, spec, says } of cases) {
    it(what, () => {
      assert.deepEqual(create(row, service(spec)).errors, says);
    });
  }

  it('a name with dots, which could not stand in a DNS name; one that starts with a digit is fine', () => {
    const named = (name: string): readonly string[] =>
      create(row, { ...service(), metadata: { name, namespace: 'shop' } }).errors;
    assert.deepEqual(named('web.1'), ['metadata.name: Invalid value: "web.1": must not contain dots']);
    assert.deepEqual(named('1web'), []);
  });
});

describe('source ranges in the annotation they once were', () => {
  const name = 'service.beta.kubernetes.io/load-balancer-source-ranges';
  const annotated = (type: string, ranges: string): readonly string[] =>
    create(row, {
      ...service({ type }),
      metadata: { name: 'web', namespace: 'shop', annotations: { [name]: ranges } },
    }).errors;

  it('are looked at like the field', () => {
    assert.deepEqual(annotated('LoadBalancer', '10.0.0.0/8, 192.0.2.0/24'), []);
    assert.deepEqual(annotated('LoadBalancer', '10.0.0.0/8, ten'), [
      `metadata.annotations[${name}]: Invalid value: "ten": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)`,
    ]);
    assert.deepEqual(annotated('ClusterIP', '10.0.0.0/8'), [
      `metadata.annotations[${name}]: Forbidden: may only be used when \`type\` is 'LoadBalancer'`,
    ]);
  });
});

describe('the status that a balancer writes', () => {
  const at = 'status.loadBalancer.ingress';
  const write = (type: string, ...ingress: readonly LoadBalancerIngress[]): readonly string[] => {
    const { object } = create(row, service({ type }));
    const status = { loadBalancer: { ingress: [...ingress] } };
    return update(row, object, (copy) => (copy.status = status), 'status', contextOf({ subresource: 'status' })).errors;
  };
  const cases: readonly { what: string; ingress: LoadBalancerIngress; says: readonly string[] }[] = [
    { what: 'an address and how it is reached', ingress: { ip: '192.0.2.1', ipMode: 'Proxy' }, says: [] },
    { what: 'an address alone means VIP', ingress: { ip: '192.0.2.1' }, says: [] },
    { what: 'a name', ingress: { hostname: 'lb.example.com' }, says: [] },
    {
      what: 'what is no address',
      ingress: { ip: '192.0.2' },
      says: [`${at}[0].ip: Invalid value: "192.0.2": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)`],
    },
    {
      what: 'an address as a name',
      ingress: { hostname: '192.0.2.1' },
      says: [`${at}[0].hostname: Invalid value: "192.0.2.1": must be a DNS name, not an IP address`],
    },
    {
      what: 'an unknown mode',
      ingress: { ip: '192.0.2.1', ipMode: 'Magic' },
      says: [`${at}[0].ipMode: Unsupported value: "Magic": supported values: "Proxy", "VIP"`],
    },
    {
      what: 'a mode of no address',
      ingress: { hostname: 'lb.example.com', ipMode: 'VIP' },
      says: [`${at}[0].ipMode: Forbidden: may not be specified when \`ip\` is not set`],
    },
  ];
  for (const { what, ingress, says } of cases) {
    it(what, () => {
      assert.deepEqual(write('LoadBalancer', ingress), says);
    });
  }

  it('is no other type of Service', () => {
    assert.deepEqual(write('NodePort', { ip: '192.0.2.1', ipMode: 'VIP' }), [
      `${at}: Forbidden: may only be used when \`spec.type\` is 'LoadBalancer'`,
    ]);
  });
});

describe('the table of Services', () => {
  const shown = (spec: ServiceSpec, status: Service['status'] = {}): unknown[] => {
    const metadata = { name: 'web', creationTimestamp: '2026-03-01T11:59:00Z' };
    const columns = cells(row, { metadata, spec, status }, NOW);
    return ['Type', 'Cluster-IP', 'External-IP', 'Port(s)', 'Age', 'Selector'].map((name) => columns[name]);
  };
  const ports = [{ port: 80, protocol: 'TCP' }];

  it('ClusterIP', () => {
    assert.deepEqual(shown({ type: 'ClusterIP', clusterIPs: ['10.46.0.5'], ports, selector: { b: '2', a: '1' } }), [
      'ClusterIP',
      '10.46.0.5',
      '<none>',
      '80/TCP',
      '60s',
      'a=1,b=2',
    ]);
  });

  it('NodePort of two protocols', () => {
    const both = [
      { port: 53, nodePort: 30_053, protocol: 'UDP' },
      { port: 53, nodePort: 30_053, protocol: 'TCP' },
    ];
    assert.deepEqual(shown({ type: 'NodePort', clusterIPs: ['10.46.0.5'], ports: both }), [
      'NodePort',
      '10.46.0.5',
      '<none>',
      '53:30053/UDP,53:30053/TCP',
      '60s',
      '<none>',
    ]);
  });

  it('LoadBalancer that waits, and one that has its address', () => {
    const spec: ServiceSpec = { type: 'LoadBalancer', clusterIPs: ['10.46.0.5'], ports };
    assert.equal(shown(spec)[2], '<pending>');
    assert.equal(shown(spec, { loadBalancer: { ingress: [{ ip: '192.0.2.1' }] } })[2], '192.0.2.1');
  });

  it('ExternalName and headless', () => {
    assert.deepEqual(shown({ type: 'ExternalName', externalName: 'example.com' }).slice(0, 4), [
      'ExternalName',
      '<none>',
      'example.com',
      '<none>',
    ]);
    assert.deepEqual(shown({ type: 'ClusterIP', clusterIPs: ['None'], ports }).slice(0, 3), [
      'ClusterIP',
      'None',
      '<none>',
    ]);
  });
});
