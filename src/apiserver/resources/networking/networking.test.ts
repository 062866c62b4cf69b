import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ingressClasses } from '../../../api/resources.ts';
import type { Ingress, IngressClass, IPAddress, IngressSpec, ParentReference } from '../../../api/types.gen.ts';
import { withDefaultClass } from '../../admission/default-ingress-class.ts';
import { cells, contextOf, create, lookupOf, update } from '../testing.ts';
import { ingressClassRow } from './ingress-classes.ts';
import { ingressRow } from './ingresses.ts';
import { ipAddressRow } from './ip-addresses.ts';
import { serviceCIDRRow } from './service-cidrs.ts';

const backend = { service: { name: 'web', port: { number: 80 } } };
const ingress = (spec: IngressSpec, annotations?: Record<string, string>): Ingress => ({
  metadata: { name: 'in', namespace: 'shop', ...(annotations !== undefined && { annotations }) },
  spec,
});
const path = (text: string, pathType = 'Prefix', to: object = backend): IngressSpec => ({
  rules: [{ host: 'example.com', http: { paths: [{ path: text, pathType, backend: to }] } }],
});
const at = 'spec.rules[0].http.paths[0]';

describe('Ingresses', () => {
  const cases: readonly [what: string, spec: IngressSpec, says: readonly string[]][] = [
    ['a path of a host', path('/shop'), []],
    ['a default backend alone', { defaultBackend: backend }, []],
    ['a wildcard host', { rules: [{ host: '*.example.com' }] }, []],
    ['nothing at all', {}, ['spec: Invalid value: null: either `defaultBackend` or `rules` must be specified']],
    ['a relative path', path('shop'), [`${at}.path: Invalid value: "shop": must be an absolute path`]],
    ['a path that climbs', path('/a/../b'), [`${at}.path: Invalid value: "/a/../b": must not contain '/../'`]],
    ['no path where any will do', path('', 'ImplementationSpecific'), []],
    [
      'an unknown kind of path',
      path('/', 'Regex'),
      [`${at}.pathType: Unsupported value: "Regex": supported values: "Exact", "ImplementationSpecific", "Prefix"`],
    ],
    [
      'an address for a host',
      { rules: [{ host: '10.0.0.1' }] },
      ['spec.rules[0].host: Invalid value: "10.0.0.1": must be a DNS name, not an IP address'],
    ],
    [
      'no backend',
      path('/', 'Prefix', {}),
      [`${at}.backend: Invalid value: "": resource or service backend is required`],
    ],
    [
      'a Service without a port',
      path('/', 'Prefix', { service: { name: 'web' } }),
      [`${at}.backend: Required value: port name or number is required`],
    ],
    [
      'a port by name and number',
      path('/', 'Prefix', { service: { name: 'web', port: { name: 'http', number: 80 } } }),
      [`${at}.backend: Invalid value: "": cannot set both port name & port number`],
    ],
    [
      'another object',
      path('/', 'Prefix', { resource: { apiGroup: 'k8s.example.com', kind: 'Bucket', name: 'b' } }),
      [],
    ],
    ['a Secret', { defaultBackend: backend, tls: [{ hosts: ['example.com'], secretName: 'cert' }] }, []],
  ];
  for (const [what, spec, says] of cases) {
    it(what, () => assert.deepEqual(create(ingressRow, ingress(spec)).errors, says));
  }

  it('the annotation of old and the class must say the same', () => {
    const annotations = { 'kubernetes.io/ingress.class': 'old' };
    const both = ingress({ ...path('/'), ingressClassName: 'new' }, annotations);
    assert.deepEqual(create(ingressRow, both).errors, [
      'annotations.kubernetes.io/ingress.class: Invalid value: "old": must match `ingressClassName` when both are specified',
    ]);
    assert.deepEqual(create(ingressRow, ingress(path('/'), annotations)).errors, []);
  });

  it('its status is a controller’s, its generation counts changes of the spec', () => {
    const { object } = create(ingressRow, {
      ...ingress(path('/')),
      status: { loadBalancer: { ingress: [{ ip: '1.2.3.4' }] } },
    });
    assert.deepEqual([object.status, object.metadata.generation], [{ loadBalancer: {} }, 1]);
    const told = update(
      ingressRow,
      object,
      (copy) => {
        copy.status = { loadBalancer: { ingress: [{ ip: '192.0.2.1' }] } };
        copy.spec = {};
      },
      'status',
    ).object;
    assert.deepEqual([told.spec, told.metadata.generation], [object.spec, 1]);
    const changed = update(ingressRow, told, (copy) => (copy.spec = path('/other'))).object;
    assert.deepEqual([changed.status, changed.metadata.generation], [told.status, 2]);
  });

  it('is printed with its hosts and addresses', () => {
    const hosts = ['a.com', 'b.com', 'c.com', 'd.com'].map((host) => ({ host }));
    const status = { loadBalancer: { ingress: [{ hostname: 'x.example.com' }, { ip: '192.0.2.1' }] } };
    const { Class, Hosts, Address, Ports } = cells(ingressRow, { ...ingress({ rules: hosts, tls: [{}] }), status });
    assert.deepEqual(
      [Class, Hosts, Address, Ports],
      ['<none>', 'a.com,b.com,c.com + 1 more...', '192.0.2.1,x.example.com', '80, 443'],
    );
  });
});

const ingressClass = (spec: IngressClass['spec'], metadata: object = {}): IngressClass => ({
  metadata: { name: 'mine', ...metadata },
  ...(spec !== undefined && { spec }),
});

describe('IngressClasses', () => {
  const reference = { apiGroup: 'k8s.example.com', kind: 'Settings', name: 's' };
  const cases: readonly [what: string, given: IngressClass['spec'], says: readonly string[]][] = [
    ['a controller', { controller: 'example.com/controller' }, []],
    ['none', {}, ['spec.controller: Required value']],
    [
      'one without a domain',
      { controller: 'controller' },
      ['spec.controller: Invalid value: "controller": must be a domain-prefixed path (such as "acme.io/foo")'],
    ],
    ['parameters of the cluster', { controller: 'example.com/c', parameters: reference }, []],
    [
      'a namespace that is not asked for',
      { controller: 'example.com/c', parameters: { ...reference, namespace: 'shop' } },
      ["spec.parameters.namespace: Forbidden: `parameters.scope` is set to 'Cluster'"],
    ],
    [
      'a namespace that is',
      { controller: 'example.com/c', parameters: { ...reference, scope: 'Namespace' } },
      ["spec.parameters.namespace: Required value: `parameters.scope` is set to 'Namespace'"],
    ],
  ];
  for (const [what, given, says] of cases) {
    it(what, () => assert.deepEqual(create(ingressClassRow, ingressClass(given)).errors, says));
  }

  it('the controller stays', () => {
    const { errors } = update(ingressClassRow, ingressClass({ controller: 'example.com/a' }), (copy) => {
      copy.spec = { controller: 'example.com/b' };
    });
    assert.deepEqual(errors, ['spec.controller: Invalid value: "example.com/b": field is immutable']);
  });

  it('an Ingress that names none gets the newest default one', () => {
    const annotations = { 'ingressclass.kubernetes.io/is-default-class': 'true' };
    const made = (name: string, creationTimestamp: string): [typeof ingressClasses, IngressClass] => [
      ingressClasses,
      { metadata: { name, annotations, creationTimestamp } },
    ];
    const lookup = lookupOf(made('older', '2026-01-01T00:00:00Z'), made('newer', '2026-01-02T00:00:00Z'), [
      ingressClasses,
      { metadata: { name: 'other', creationTimestamp: '2026-01-03T00:00:00Z' } },
    ]);
    const context = contextOf({ lookup });
    const classOf = (given: Ingress): string | undefined => {
      withDefaultClass(given, context);
      return given.spec?.ingressClassName;
    };
    assert.equal(classOf(ingress({})), 'newer');
    assert.equal(classOf(ingress({ ingressClassName: 'mine' })), 'mine');
    assert.equal(classOf(ingress({}, { 'kubernetes.io/ingress.class': 'old' })), undefined);
  });
});

describe('IPAddresses', () => {
  const parentRef: ParentReference = { group: 'g', resource: 'things', namespace: 'shop', name: 'x' };
  const named = (name: string): IPAddress => ({ metadata: { name }, spec: { parentRef } });
  it('are named by the address', () => {
    for (const name of ['255.255.255.255', 'fe80::42:1dff:fe84:f9e2']) {
      assert.deepEqual(create(ipAddressRow, named(name)).errors, []);
    }
    assert.deepEqual(create(ipAddressRow, named('ten')).errors, [
      'metadata.name: Invalid value: "ten": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
    ]);
  });
  it('say who holds it, once and for all', () => {
    const nobody = { metadata: { name: '10.0.0.1' }, spec: {} } as IPAddress;
    assert.deepEqual(create(ipAddressRow, nobody).errors, ['spec.parentRef: Required value']);
    const { errors } = update(ipAddressRow, named('10.0.0.1'), (copy) => (copy.spec.parentRef.name = 'y'));
    assert.match(errors.join(), /^spec\.parentRef: .*field is immutable$/);
    assert.equal(cells(ipAddressRow, named('10.0.0.1'))['ParentRef'], 'things.g/shop/x');
  });
});

describe('ServiceCIDRs', () => {
  const ranges = (...cidrs: string[]) => ({ metadata: { name: 'more' }, spec: { cidrs } });
  const cases: readonly [cidrs: readonly string[], says: readonly string[]][] = [
    [['10.0.0.0/24'], []],
    [['10.0.0.0/24', 'fd00::/112'], []],
    [[], ['spec.cidrs: Required value: at least one CIDR required']],
    [['10.0.0.1/24'], ['spec.cidrs[0]: Invalid value: "10.0.0.1/24": must not have bits set beyond the prefix length']],
    [
      ['10.0.0.0/24', '10.1.0.0/24'],
      [
        'spec.cidrs: Invalid value: ["10.0.0.0/24","10.1.0.0/24"]: may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64',
      ],
    ],
  ];
  for (const [cidrs, says] of cases) {
    it(`of ${cidrs.join(' and ') || 'none'}`, () =>
      assert.deepEqual(create(serviceCIDRRow, ranges(...cidrs)).errors, says));
  }
  it('may get a second family, and nothing else', () => {
    const to = (...cidrs: string[]): readonly string[] =>
      update(serviceCIDRRow, ranges('10.0.0.0/24'), (copy) => (copy.spec = { cidrs })).errors;
    assert.deepEqual(to('10.0.0.0/24', 'fd00::/112'), []);
    assert.deepEqual(to('10.1.0.0/24'), ['spec.cidrs[0]: Invalid value: "10.1.0.0/24": field is immutable']);
    assert.equal(to('10.1.0.0/24', 'fd00::/112').length, 1);
  });
});
