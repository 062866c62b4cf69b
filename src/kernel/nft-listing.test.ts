import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseTable } from './nft-listing.ts';

/** As nft 1.0.6 prints it. */
const listing = `table ip t {
	comment "what it is"
	map services {
		type ipv4_addr . inet_proto . inet_service : verdict
		comment "podwire: addresses"
		elements = { 10.78.0.3 . 132 . 9 : drop,
			     10.78.0.2 . 17 . 53 comment "a, b : c" : goto refuse,
			     10.78.0.1 . 6 . 80 comment "default/web:http" : goto cluster-2 }
	}

	set clients {
		type ipv4_addr
		size 65535
		flags dynamic,timeout
		timeout 3h
		elements = { 10.0.0.1 expires 2h59m58s616ms, 10.0.0.2 timeout 1h expires 2s }
	}

	set empty {
		type ipv6_addr . ipv6_addr
	}

	chain out {
		comment "of this node"
		type nat hook output priority -100; policy accept;
		goto services comment "of this node"
	}

	chain none {
	}
}
`;

test('a table as nft lists it', () => {
  const table = parseTable(listing);
  assert.equal(table.comment, 'what it is');
  assert.deepEqual(
    [...(table.sets.get('services')?.elements ?? [])],
    [
      ['10.78.0.3 . 132 . 9', ': drop'],
      ['10.78.0.2 . 17 . 53', 'comment "a, b : c" : goto refuse'],
      ['10.78.0.1 . 6 . 80', 'comment "default/web:http" : goto cluster-2'],
    ],
  );
  assert.deepEqual(
    [...(table.sets.get('clients')?.elements ?? [])],
    [
      ['10.0.0.1', 'expires 2h59m58s616ms'],
      ['10.0.0.2', 'timeout 1h expires 2s'],
    ],
  );
  assert.deepEqual(table.sets.get('clients')?.head, [
    'type ipv4_addr',
    'size 65535',
    'flags dynamic,timeout',
    'timeout 3h',
  ]);
  assert.equal(table.sets.get('empty')?.elements.size, 0);
  assert.deepEqual(table.chains.get('out'), [
    'comment "of this node"',
    'type nat hook output priority -100; policy accept;',
    'goto services comment "of this node"',
  ]);
  assert.deepEqual(table.chains.get('none'), []);
});

test('nothing listed is nothing read', () => {
  const table = parseTable('');
  assert.equal(table.sets.size + table.chains.size, 0);
});
