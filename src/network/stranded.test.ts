import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseCIDR } from '../api/addresses.ts';
import { strandedText } from './stranded.ts';

const pod = (name: string, ...ips: string[]) => ({
  pod: `default/${name}`,
  uid: name,
  attempt: 0,
  ips,
  netns: `pw-${name}`,
  link: `pw${name}`,
});
const ranges = ['10.45.1.0/24', 'fd00:45:1::/64'].map(parseCIDR);

test('pods of the node as it is now are not stranded', () => {
  assert.equal(strandedText([pod('a', '10.45.1.2', 'fd00:45:1::2'), pod('b', '10.45.1.3')], ranges), undefined);
});

test('a pod with an address of another range is named, and what to do', () => {
  assert.equal(
    strandedText([pod('a', '10.45.1.2'), pod('b', '10.45.9.3', 'fd00:45:1::3')], ranges),
    "the node's pod CIDR is 10.45.1.0/24, fd00:45:1::/64 now: default/b (10.45.9.3, fd00:45:1::3) cannot be reached any more, delete these pods",
  );
  const many = Array.from({ length: 12 }, (_, index) => pod(`p${index}`, `10.45.9.${index}`));
  assert.match(strandedText(many, ranges) ?? '', /p9 \(10\.45\.9\.9\) and 2 more cannot/);
});
