import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parsePodAlias, podAlias } from './names.ts';
import { bandwidthChanges, bandwidthLines, type LimitedPod } from './plan-bandwidth.ts';

const pod: LimitedPod = {
  link: 'pw1a2b3c4d',
  pod: 'default/web',
  mtu: 1450,
  bandwidth: { ingress: 5_000_000, egress: 1_000_000_001 },
};
const tbf = { kind: 'tbf', handle: '78:', isRoot: true };
const standing = [
  { ...tbf, device: 'pw1a2b3c4d', rate: 625_000 },
  { ...tbf, device: 'pwi1a2b3c4d', rate: 125_000_000 },
];

test('a bucket each way; its own packets are led past one before they come in', () => {
  assert.deepEqual(bandwidthLines(pod), [
    'qdisc replace dev pw1a2b3c4d root handle 78: tbf rate 5000000bit burst 14500 limit 45750',
    'qdisc replace dev pwi1a2b3c4d root handle 78: tbf rate 1000000001bit burst 2500000 limit 8750000',
    'qdisc add dev pw1a2b3c4d clsact',
    'filter replace dev pw1a2b3c4d ingress prio 78 handle 800::78 protocol all u32 match u32 0 0 action mirred egress redirect dev pwi1a2b3c4d',
  ]);
  assert.equal(bandwidthLines({ ...pod, bandwidth: { ingress: 1000 } }).length, 1);
  assert.equal(bandwidthLines({ ...pod, bandwidth: { egress: 1000 } }).length, 3);
});

test('the largest limit fits the 32 bits of the kernel', () => {
  const [line = ''] = bandwidthLines({ ...pod, bandwidth: { ingress: 10 ** 15 } });
  for (const [, bytes] of line.matchAll(/(?:burst|limit) (\d+)/g)) assert.ok(Number(bytes) < 2 ** 32, line);
});

test('what stands is left alone; what is not as it was made is named', () => {
  const redirects = new Set(['pwi1a2b3c4d']);
  assert.deepEqual(bandwidthChanges(pod, { qdiscs: standing, redirects }), []);
  const broken = (facts: Parameters<typeof bandwidthChanges>[1]) =>
    bandwidthChanges(pod, facts).map(({ object, reason }) => `${object}: ${reason}`);
  assert.deepEqual(broken({ qdiscs: standing, redirects: new Set() }), [
    'filter of pw1a2b3c4d to pwi1a2b3c4d: egress-bandwidth of default/web',
  ]);
  const slower = standing.map((one) => ({ ...one, rate: 1 }));
  assert.deepEqual(broken({ qdiscs: slower, redirects }), [
    'qdisc 78: of pw1a2b3c4d rate 5000000bit: ingress-bandwidth of default/web',
    'qdisc 78: of pwi1a2b3c4d rate 1000000001bit: egress-bandwidth of default/web',
  ]);
});

test('the alias of a link tells its limits, after the addresses', () => {
  const mark = { pod: 'default/web', uid: 'uid-1', attempt: 0, ips: ['10.45.1.2', 'fd00:45:1::2'] };
  for (const bandwidth of [{ ingress: 5000 }, { egress: 7000 }, { ingress: 5000, egress: 7000 }]) {
    assert.deepEqual(parsePodAlias(podAlias({ ...mark, bandwidth })), { ...mark, bandwidth });
  }
  assert.equal(
    podAlias({ ...mark, bandwidth: { ingress: 5000, egress: 7000 } }),
    'podwire:default/web:uid-1 attempt=0 ip=10.45.1.2,fd00:45:1::2 ingress=5000 egress=7000',
  );
  assert.deepEqual(parsePodAlias(podAlias(mark)), mark);
});
