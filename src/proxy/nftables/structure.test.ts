import assert from 'node:assert/strict';
import { test } from 'node:test';
import { families } from '../../kernel/family.ts';
import { fixedStructure } from './structure.ts';

test('a marked packet is masqueraded, and its mark taken off, before any chain at srcnat sees it', () => {
  for (const family of families) {
    const { chains } = fixedStructure({ family, clusterCIDR: undefined, nodePortAddresses: undefined, step: 3 });
    const text = JSON.stringify(chains.find(({ name }) => name === 'postrouting'));
    assert.match(text, /type nat hook postrouting priority srcnat - 1; policy accept;/);
    assert.match(text, /meta mark set meta mark & 0xfffbffff masquerade fully-random/);
  }
});
