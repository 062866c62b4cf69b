/** The cases of test/cases/policy-packets with real packets, in one mode. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { EndpointSlice, Service } from '../../src/api/types.gen.ts';
import type { CaseMode } from '../cases/packet-case.ts';
import { policyCases } from '../cases/policy-packets/index.ts';
import type { PolicyAsk, PolicyCase } from '../cases/policy-packets/policy-case.ts';
import { webObjects, webService } from '../cases/policy-packets/policy-world.ts';
import {
  addressesOf,
  familyNames,
  gatewaysOf,
  nodeNames,
  nodeOf,
  serverPorts,
  type FamilyName,
  type Party,
} from '../cases/world.ts';
import { CaseLab, proxyModeOf } from './case-lab.ts';
import type { PartyQuestion } from './packet-party.ts';

const noRoot = process.getuid?.() === 0 ? false : 'needs root for network namespaces';
/** No answer within this is none where none shall come: a packet that passes takes a millisecond. */
const silentMs = 700;
/** What shall be answered may be sent again. */
const answeredMs = 5000;

const targets: Readonly<Record<PolicyAsk['way'], (ask: PolicyAsk, family: FamilyName) => readonly [string, number]>> = {
  direct: ({ to, port }, family) => [addressesOf[to][family], port],
  'cluster IP': (_ask, family) => [webService.clusterIP[family], webService.port],
  'node port of node-a': (_ask, family) => [addressesOf['node-a'][family], webService.nodePort],
  'node port of node-b': (_ask, family) => [addressesOf['node-b'][family], webService.nodePort],
};

/** Whose answer it was, and whom it saw; a pod that leaves the cluster, and one that reaches itself, is seen as its node. */
function answersOf({ to, seenAs }: PolicyAsk, family: FamilyName): string[] {
  const sources = nodeNames.some((name) => name === seenAs)
    ? [addressesOf[seenAs][family], gatewaysOf[seenAs as 'node-a'][family]]
    : [addressesOf[seenAs][family]];
  return sources.map((source) => `${to === 'stranger' ? 'outside' : to} ${source}`);
}

/** Policies have had their say when a node gives a packet its own address: the answerer sees that one. */
function asAnswered(ask: PolicyAsk, mode: CaseMode): PolicyAsk {
  if (ask.to === 'outside' || ask.to === 'stranger') return { ...ask, seenAs: nodeOf(ask.from) };
  if (mode === 'userspace' && ask.way === 'cluster IP') return { ...ask, seenAs: nodeOf(ask.from) };
  if (ask.way === 'node port of node-a') return { ...ask, seenAs: 'node-a' };
  return ask.way === 'node port of node-b' ? { ...ask, seenAs: 'node-b' } : ask;
}

async function check(lab: CaseLab, mode: CaseMode, asks: readonly PolicyAsk[], family: FamilyName): Promise<void> {
  const isAllowed = ({ allowed, relayed }: PolicyAsk): boolean =>
    mode === 'userspace' && relayed !== undefined ? relayed === 'passes' : allowed;
  const bySender = Map.groupBy(asks, ({ from }) => from);
  const checked = [...bySender].map(async ([from, list]: [Party, PolicyAsk[]]) => {
    const questions = list.map((ask): PartyQuestion => {
      const [address, port] = targets[ask.way](ask, family);
      // One namespace has the addresses of several hosts.
      const timeoutMs = isAllowed(ask) ? answeredMs : silentMs;
      const own = from === 'outside' ? { from: addressesOf[from][family] } : {};
      return { protocol: ask.protocol === 'udp' ? 'udp' : 'tcp', address, port, times: 1, timeoutMs, ...own };
    });
    const answers = await lab.party(from).ask(questions);
    for (const [index, ask] of list.entries()) {
      const [answer = ''] = answers[index] ?? [];
      const said = `${family}: ${ask.from} → ${ask.to} ${ask.protocol} ${ask.port}, ${ask.way}: ${answer}`;
      if (!isAllowed(ask)) assert.equal(answer, 'timeout', said);
      else assert.ok(answersOf(asAnswered(ask, mode), family).includes(answer), said);
    }
  });
  await Promise.all(checked);
}

/** Registers the tests of one mode: all cases, or some of them. */
export function describePolicyCases(mode: CaseMode, cases: readonly PolicyCase[] = policyCases): void {
  describe(`policies, ${mode}`, { skip: noRoot }, () => {
    let lab: CaseLab;
    before(async () => {
      lab = await CaseLab.make(mode);
      for (const node of nodeNames) {
        lab.informers[node].of<Service>('services').set(webObjects.service);
        lab.informers[node].of<EndpointSlice>('endpointslices').set(...webObjects.slices);
      }
      await lab.startProxies(mode, 'default');
    });
    after(async () => lab?.end());

    for (const one of cases) {
      // The kernel here has no sockets of SCTP.
      const asks = one.asks.filter(({ protocol }) => protocol !== 'sctp');
      test(one.name, async () => {
        await lab.setPolicies(one.policies);
        for (const family of familyNames) await check(lab, mode, asks, family);
      });
    }

    test('policies are asked before anybody lets a packet pass, whoever wrote last', async () => {
      if (mode === 'nftables') return;
      await lab.setPolicies([policyCases[1]?.policies ?? []].flat());
      const { exec } = lab.place('node-a');
      const jumps = async (): Promise<string[]> =>
        (await exec.sh('iptables -S FORWARD')).split('\n').flatMap((rule) => /PW-[A-Z-]+/.exec(rule)?.[0] ?? []);
      const inOrder = ['PW-NET-KNOWN', 'PW-NET-KNOWN', 'PW-REFUSE', 'PW-POLICY', 'PW-FORWARD', 'PW-NET-FORWARD'];
      assert.deepEqual(await jumps(), inOrder);
      await exec.sh(`iptables -D FORWARD ${(await jumps()).indexOf('PW-FORWARD') + 1}`);
      await lab.startProxies(mode, 'default');
      assert.deepEqual(await jumps(), inOrder);
    });

    test('nothing is left when the last policy goes', async () => {
      await lab.setPolicies([]);
      for (const node of nodeNames) {
        const { exec } = lab.place(node);
        const rules = await Promise.all([
          exec.sh('nft list tables'),
          exec.sh('iptables-save -t filter'),
          exec.sh('ip6tables-save -t filter'),
        ]);
        assert.doesNotMatch(rules.join(''), /PW-POL|podwire-policy/);
      }
    });

    test('only the first packet of a flow meets more than one rule of FORWARD', async () => {
      await lab.setPolicies([]);
      const { exec } = lab.place('node-a');
      const flows = 20;
      await exec.sh('iptables -Z FORWARD');
      const answers = await lab.ask('b1', 'tcp', addressesOf.a1.ipv4, serverPorts.tcp, flows);
      assert.deepEqual(new Set(answers), new Set([`a1 ${addressesOf.b1.ipv4}`]));
      const rules = (await exec.sh('iptables-save -c -t filter')).split('\n');
      const packets = rules.flatMap((rule) => {
        const [, count, name = ''] = /^\[(\d+):\d+\] -A FORWARD .*(PW-[A-Z-]+)/.exec(rule) ?? [];
        return count === undefined ? [] : [[name, Number(count)] as const];
      });
      const sum = (wanted: string): number =>
        packets.reduce((all, [name, count]) => all + (name === wanted ? count : 0), 0);
      // The answer to the first, the question, its answer, and two ends: six at least. A first one may be sent again.
      assert.ok(sum('PW-NET-KNOWN') >= 6 * flows, JSON.stringify(packets));
      const isFirst = (count: number): boolean => count >= flows && count < 2 * flows;
      assert.ok(isFirst(sum('PW-NET-FORWARD')), JSON.stringify(packets));
      if (proxyModeOf(mode) !== 'nftables') assert.ok(isFirst(sum('PW-REFUSE')), JSON.stringify(packets));
    });
  });
}
