/** The cases of test/cases/policy-packets on paper: the tables of both nodes decide. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { policyCases } from '../../../test/cases/policy-packets/index.ts';
import type { PolicyAsk, PolicyCase } from '../../../test/cases/policy-packets/policy-case.ts';
import { podObject, policyNamespaces } from '../../../test/cases/policy-packets/policy-world.ts';
import {
  addressesOf,
  familyNames,
  isPod,
  nodeNames,
  nodeOf,
  podNames,
  type FamilyName,
  type NodeName,
  type Party,
} from '../../../test/cases/world.ts';
import { compilePolicy } from './model/compile.ts';
import { decide } from './model/decide.ts';
import { podFacts } from './model/facts.ts';
import { createPolicyKeeper } from './model/keeper.ts';
import type { PolicyTable } from './model/table.ts';

const numbers = { tcp: 6, udp: 17, sctp: 132 } as const;

function tableOf(node: NodeName, { policies }: PolicyCase, family: FamilyName): PolicyTable {
  const keeper = createPolicyKeeper(family === 'ipv4' ? 4 : 6);
  for (const { metadata } of policyNamespaces) keeper.setNamespace(metadata.name ?? '', metadata.labels);
  for (const name of podNames) {
    const facts = podFacts(podObject(name));
    if (facts === undefined) continue;
    keeper.setPod(facts.key, facts);
    if (nodeOf(name) === node) keeper.setLocal(name, { key: facts.key, uid: `uid-${name}`, ips: facts.ips });
  }
  for (const policy of policies) {
    const compiled = compilePolicy(policy);
    keeper.setPolicy(compiled.key, compiled);
  }
  keeper.takeChanges();
  return keeper.table;
}

/** What a node sends or takes itself is not forwarded; a pod that reaches itself by its Service is still itself there. */
function nodesOnTheWay({ from, to }: PolicyAsk): NodeName[] {
  const isNode = (party: Party): boolean => nodeNames.some((name) => name === party);
  const forwards = (party: Party, other: Party): NodeName[] =>
    isPod(party) && !(isNode(other) && nodeOf(party) === other) ? [nodeOf(party)] : [];
  return [...new Set([...forwards(from, to), ...forwards(to, from)])];
}

for (const family of familyNames) {
  for (const one of policyCases) {
    test(`${one.name} (${family})`, () => {
      const tables = new Map(nodeNames.map((node) => [node, tableOf(node, one, family)]));
      for (const ask of one.asks) {
        const refusals = nodesOnTheWay(ask).map((node) => {
          const table = tables.get(node);
          assert.ok(table !== undefined);
          // The node's address stands in for the client's from the node on that gave it, which is not the answerer's.
          const source = isPod(ask.from) || node !== nodeOf(ask.to) ? ask.from : ask.seenAs;
          return decide(table, {
            source: addressesOf[source][family],
            destination: addressesOf[ask.to][family],
            protocol: numbers[ask.protocol],
            port: ask.port,
          });
        });
        const refused = refusals.find((refusal) => refusal !== undefined);
        assert.equal(refused === undefined, ask.allowed, `${JSON.stringify(ask)} ${JSON.stringify(refused)}`);
        if (refused !== undefined) assert.ok(refused.policies.length > 0);
      }
    });
  }
}
