import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseTable } from './nft-listing.ts';
import { traceNft } from './nft-trace.ts';
import type { TracedPacket } from './traced-packet.ts';

const packet: TracedPacket = {
  source: '10.0.0.1',
  destination: '10.0.0.2',
  protocol: 'tcp',
  destinationPort: 80,
  fromNode: false,
};

const table = (rule: string) =>
  parseTable(`table ip t {
	map m {
		type inet_service : verdict
		elements = { 80 : goto two }
	}

	map e {
		typeof numgen random mod 65536 : ip daddr . th dport
		elements = { 0 : 10.9.0.1 . 8080, 1 comment "x" : 10.9.0.2 . 8080 }
	}

	chain two {
		dnat ip to numgen random mod 4 map @e comment "x"
		drop
	}

	chain in {
		type nat hook prerouting priority dstnat; policy accept;
		${rule}
	}
}
`);

test('a draw takes every way, and what is not in the map goes on to the next rule', () => {
  const ways = traceNft({ table: table('th dport vmap @m'), addresses: [] }, packet);
  assert.deepEqual(
    ways.map(({ verdict, destination, probability }) => `${verdict} ${destination} ${probability}`),
    ['delivered 10.9.0.1 0.25', 'delivered 10.9.0.2 0.25', 'dropped 10.0.0.2 0.25', 'dropped 10.0.0.2 0.25'],
  );
});

for (const rule of [
  'meta cpu 1 drop',
  'th dport vmap @none',
  'jump two',
  'dnat to 1.2.3.4',
  'snat to 1.2.3.4:1',
  'limit rate 1/second',
])
  test(`what nobody knows is an error, not a guess: ${rule}`, () => {
    assert.throws(() => traceNft({ table: table(rule), addresses: [] }, packet), Error);
  });
