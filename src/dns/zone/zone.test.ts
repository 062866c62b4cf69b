import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseCIDR } from '../../api/addresses.ts';
import { answerText, objects } from '../testing/cluster.ts';
import { classIN, rcodes, types } from '../wire/types.ts';
import { createZone } from './zone.ts';

const zone = createZone({ zone: 'cluster.local', objects, ttl: 5, isCurrent: () => true, serial: () => 7 });

type Row = readonly [type: keyof typeof types, name: string, ...expected: string[]];

/** Names without a last dot are below cluster.local. What is expected: a code, or records (NOERROR). */
const rows: readonly Row[] = [
  ['A', 'web.shop.svc', 'web.shop.svc.cluster.local. A 10.46.0.9'],
  ['AAAA', 'web.shop.svc', 'web.shop.svc.cluster.local. AAAA fd00:46::9'],
  ['TXT', 'web.shop.svc', 'NOERROR'],
  ['SRV', '_http._tcp.web.shop.svc', '_http._tcp.web.shop.svc.cluster.local. SRV 0 100 80 web.shop.svc.cluster.local.'],
  ['SRV', '_dns._udp.web.shop.svc', '_dns._udp.web.shop.svc.cluster.local. SRV 0 100 53 web.shop.svc.cluster.local.'],
  ['SRV', '_dns._tcp.web.shop.svc', 'NXDOMAIN'],
  ['SRV', '_no._tcp.web.shop.svc', 'NXDOMAIN'],
  ['SRV', '_tcp.web.shop.svc', 'NOERROR'],
  ['A', '_http._tcp.web.shop.svc', 'NOERROR'],
  ['A', '10-45-1-2.web.shop.svc', 'NXDOMAIN'],
  ['A', 'db.shop.svc', 'db.shop.svc.cluster.local. A 10.45.1.3', 'db.shop.svc.cluster.local. A 10.45.2.4'],
  ['AAAA', 'db.shop.svc', 'db.shop.svc.cluster.local. AAAA fd00:45::3'],
  ['A', 'db-0.db.shop.svc', 'db-0.db.shop.svc.cluster.local. A 10.45.1.3'],
  ['AAAA', 'db-0.db.shop.svc', 'db-0.db.shop.svc.cluster.local. AAAA fd00:45::3'],
  ['A', '10-45-2-4.db.shop.svc', '10-45-2-4.db.shop.svc.cluster.local. A 10.45.2.4'],
  ['A', '10-45-1-3.db.shop.svc', 'NXDOMAIN'],
  ['A', '10-45-2-5.db.shop.svc', 'NXDOMAIN'],
  [
    'SRV',
    '_http._tcp.db.shop.svc',
    '_http._tcp.db.shop.svc.cluster.local. SRV 0 50 8080 10-45-2-4.db.shop.svc.cluster.local.',
    '_http._tcp.db.shop.svc.cluster.local. SRV 0 50 8080 db-0.db.shop.svc.cluster.local.',
  ],
  ['A', 'empty.shop.svc', 'NOERROR'],
  ['A', 'nobody.shop.svc', 'NXDOMAIN'],
  ['A', 'shop.svc', 'NOERROR'],
  ['A', 'quiet.svc', 'NOERROR'],
  ['A', 'nowhere.svc', 'NXDOMAIN'],
  ['A', 'svc', 'NOERROR'],
  ['A', 'a.b.web.shop.svc', 'NXDOMAIN'],
  ['CNAME', 'far.shop.svc', 'far.shop.svc.cluster.local. CNAME example.org.'],
  ['A', 'x.far.shop.svc', 'NXDOMAIN'],
  ['A', '10-45-1-2.shop.pod', '10-45-1-2.shop.pod.cluster.local. A 10.45.1.2'],
  ['AAAA', 'fd00--1.shop.pod', 'fd00--1.shop.pod.cluster.local. AAAA fd00::1'],
  ['A', '10-45-1-2.nowhere.pod', 'NXDOMAIN'],
  ['A', 'web.shop.pod', 'NXDOMAIN'],
  ['A', 'pod', 'NOERROR'],
  ['TXT', 'dns-version', 'dns-version.cluster.local. TXT "1.1.0"'],
  ['SOA', '', 'cluster.local. SOA ns.dns.cluster.local.'],
  ['NS', '', 'cluster.local. NS ns.dns.cluster.local.'],
  ['A', 'nothing', 'NXDOMAIN'],
];

for (const [type, relative, ...expected] of rows) {
  test(`${relative === '' ? 'the zone itself' : relative} ${type}`, () => {
    const name = relative === '' ? 'cluster.local' : `${relative}.cluster.local`;
    const found = zone.answer({ name, type: types[type], class: classIN }, relative);
    const answer = 'target' in found ? found.answer : found;
    const isCode = expected.length === 1 && /^[A-Z]+$/.test(expected[0] ?? '');
    assert.equal(answerText(answer), isCode ? expected[0] : ['NOERROR', ...expected].join('\n'));
    // A negative answer says how long it may be kept, by the zone's SOA (RFC 2308).
    if (answer.answers.length === 0) assert.equal(answer.authority[0]?.data.type, types.SOA);
    assert.ok(answer.authoritative);
  });
}

test('the addresses of SRV targets come along', () => {
  const name = '_http._tcp.db.shop.svc.cluster.local';
  const found = zone.answer({ name, type: types.SRV, class: classIN }, '_http._tcp.db.shop.svc');
  assert.ok(!('target' in found));
  assert.deepEqual(
    answerText({ ...found, answers: found.additional })
      .split('\n')
      .slice(1),
    [
      '10-45-2-4.db.shop.svc.cluster.local. A 10.45.2.4',
      'db-0.db.shop.svc.cluster.local. A 10.45.1.3',
      'db-0.db.shop.svc.cluster.local. AAAA fd00:45::3',
    ],
  );
});

test('addresses have names: of a cluster IP, of an endpoint of a headless Service; others are for others to say', () => {
  const ask = (name: string): string | undefined => {
    const answer = zone.answerAddress({ name, type: types.PTR, class: classIN });
    return answer && answerText(answer).split('\n')[1]?.split(' ').at(-1);
  };
  assert.equal(ask('9.0.46.10.in-addr.arpa'), 'web.shop.svc.cluster.local.');
  assert.equal(ask('3.1.45.10.in-addr.arpa'), 'db-0.db.shop.svc.cluster.local.');
  assert.equal(ask(`3${'.0'.repeat(23)}.5.4.0.0.0.0.d.f.ip6.arpa`), 'db-0.db.shop.svc.cluster.local.');
  assert.equal(ask('2.1.45.10.in-addr.arpa'), undefined);
  assert.equal(ask('45.10.in-addr.arpa'), undefined);
  assert.equal(ask('999.0.46.10.in-addr.arpa'), undefined);
});

test('while the cluster is not known well enough, a name that is not known is a failure, not a "there is none"', () => {
  const blind = createZone({ zone: 'cluster.local', objects, ttl: 5, isCurrent: () => false, serial: () => 7 });
  const ask = (relative: string): number => {
    const found = blind.answer({ name: `${relative}.cluster.local`, type: types.A, class: classIN }, relative);
    return 'target' in found ? -1 : found.rcode;
  };
  assert.equal(ask('nobody.shop.svc'), rcodes.SERVFAIL);
  assert.equal(ask('web.shop.svc'), rcodes.NOERROR);
  // What no object could give a name is known not to be there at all times.
  assert.equal(ask('example.org'), rcodes.NXDOMAIN);
  assert.equal(ask('www.example.org.shop.svc'), rcodes.NXDOMAIN);
  assert.equal(ask('web.nowhere.pod'), rcodes.NXDOMAIN);
  assert.equal(ask('10-0-0-1.nowhere.pod'), rcodes.SERVFAIL);
});

test("addresses of the cluster's own ranges are nobody else's to tell of", () => {
  const reverseCIDRs = ['10.46.0.0/16', '10.45.128.0/17', 'fd00:46::/108'].map(parseCIDR);
  for (const isCurrent of [true, false]) {
    const own = createZone({
      zone: 'cluster.local',
      objects,
      ttl: 5,
      reverseCIDRs,
      isCurrent: () => isCurrent,
      serial: () => 7,
    });
    const ask = (name: string): string => {
      const answer = own.answerAddress({ name, type: types.PTR, class: classIN });
      return answer === undefined
        ? 'others'
        : `${answerText(answer).split('\n')[0]} ${answer.authority[0]?.name ?? ''}`;
    };
    assert.equal(ask('9.0.46.10.in-addr.arpa'), 'NOERROR ');
    assert.equal(ask('8.0.46.10.in-addr.arpa'), isCurrent ? 'NXDOMAIN 46.10.in-addr.arpa' : 'SERVFAIL ');
    assert.equal(ask('8.0.200.10.in-addr.arpa'), 'others');
    assert.equal(ask('8.200.45.10.in-addr.arpa'), isCurrent ? 'NXDOMAIN 45.10.in-addr.arpa' : 'SERVFAIL ');
    assert.equal(ask('8.100.45.10.in-addr.arpa'), 'others');
    const six = `8${'.0'.repeat(23)}.6.4.0.0.0.0.d.f.ip6.arpa`;
    assert.equal(ask(six), isCurrent ? `NXDOMAIN ${'0.'.repeat(19)}6.4.0.0.0.0.d.f.ip6.arpa` : 'SERVFAIL ');
  }
});
