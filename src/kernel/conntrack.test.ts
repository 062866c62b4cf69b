import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseFlow } from './conntrack.ts';

test('a flow is read with both its sides', () => {
  const line =
    'udp      17 29 src=10.77.1.2 dst=10.78.0.12 sport=41000 dport=53 [UNREPLIED] src=10.77.2.2 dst=10.77.1.2 sport=8053 dport=41000 mark=0 use=1';
  assert.deepEqual(parseFlow(line), {
    protocol: 'udp',
    original: { source: '10.77.1.2', destination: '10.78.0.12', sourcePort: 41000, destinationPort: 53 },
    reply: { source: '10.77.2.2', destination: '10.77.1.2', sourcePort: 8053, destinationPort: 41000 },
    unreplied: true,
  });
});

test('a flow without ports has none, and what is no flow is nothing', () => {
  const flow = parseFlow(
    'icmp     1 29 src=10.0.0.1 dst=10.0.0.2 type=8 code=0 id=1 src=10.0.0.2 dst=10.0.0.1 type=0 code=0 id=1 mark=0 use=1',
  );
  assert.equal(flow?.original.sourcePort, 0);
  assert.equal(flow?.unreplied, false);
  assert.equal(parseFlow(''), undefined);
});
