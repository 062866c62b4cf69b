/** The shared cases, run on paper: over the rules as they are generated. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ipv4 } from '../kernel/family.ts';
import type { RuleSet } from '../kernel/iptables.ts';
import { tracePacket, type Outcome } from '../kernel/iptables-trace.ts';
import { observedAfter } from '../kernel/plan-iptables.ts';
import {
  addresses,
  clusterCIDR,
  clusterServices,
  clusterSlices,
  gateways,
  packetCases,
  serverPorts,
  type PacketCase,
} from '../../test/cases/service-packets.ts';
import { ownsChain } from './iptables/names.ts';
import { desiredRules } from './iptables/plan-rules.ts';
import { portsOf } from './model/service-port.ts';
import { tableOf } from './model/table-keeper.ts';
import { objectSource } from './testing/object-source.ts';

function rulesOf(nodeName: string): RuleSet {
  const table = portsOf(tableOf(objectSource(clusterServices, clusterSlices, { nodeName }), ipv4));
  return observedAfter({
    desired: desiredRules({ table, family: ipv4, clusterCIDR }),
    observed: new Map(),
    owns: ownsChain,
  });
}

const nodes = {
  'node-a': { rules: rulesOf('node-a'), addresses: [addresses['node-a'], gateways['node-a']] },
  'node-b': { rules: rulesOf('node-b'), addresses: [addresses['node-b'], gateways['node-b']] },
};

function trace({ from, to, port, protocol, on }: PacketCase): readonly Outcome[] {
  const packet = { source: addresses[from], destination: to, protocol, destinationPort: port, fromNode: from === on };
  return tracePacket(nodes[on], packet);
}

for (const one of packetCases) {
  test(`on paper: ${one.name}`, () => {
    const outcomes = trace(one);
    const sum = outcomes.reduce((total, { probability }) => total + probability, 0);
    assert.ok(Math.abs(sum - 1) < 1e-6, `probabilities add up to ${sum}`);
    if ('refused' in one.expect || 'dropped' in one.expect) {
      const verdict = 'refused' in one.expect ? 'refused' : 'dropped';
      assert.deepEqual(new Set(outcomes.map((outcome) => outcome.verdict)), new Set([verdict]));
      return;
    }
    const { answers, source } = one.expect;
    const seen = new Map(outcomes.map((outcome) => [outcome.destination, outcome]));
    // A sender that is one of the answerers reaches itself as the node: another case.
    const others = [...seen.keys()].filter((ip) => answers.includes(one.from) || ip !== addresses[one.from]);
    assert.deepEqual(new Set(others), new Set(answers.map((answer) => addresses[answer])));
    for (const answer of answers) {
      const outcome = seen.get(addresses[answer]);
      assert.ok(outcome, `${answer} is never chosen: ${[...seen.keys()].join(' ')}`);
      assert.equal(outcome.verdict, 'delivered');
      assert.equal(outcome.destinationPort, serverPorts[one.protocol]);
      // As a node's own packet needs no translation to carry the node's address, both are right there.
      if (one.from !== one.on || source === 'own')
        assert.equal(outcome.masqueraded, source === 'node', outcome.path.join('\n'));
      assert.ok(Math.abs(outcome.probability - 1 / seen.size) < 1e-6, `${answer} gets ${outcome.probability}`);
    }
  });
}

test('a rule that nobody knows is an error, not a guess', () => {
  const rules: RuleSet = new Map([['nat', new Map([['PREROUTING', ['-m socket -j ACCEPT']]])]]);
  const packet = {
    source: '10.0.0.1',
    destination: '10.0.0.2',
    protocol: 'tcp',
    destinationPort: 1,
    fromNode: false,
  } as const;
  assert.throws(() => tracePacket({ rules, addresses: [] }, packet), /unknown match socket/);
});
