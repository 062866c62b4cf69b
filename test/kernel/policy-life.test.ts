/** What NetworkPolicies owe beyond single packets: a pod's first moment, connections that are there, restarts, what others break. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { after, afterEach, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { silentLogger } from '../../src/api/logger.ts';
import { createRegistry } from '../../src/api/metrics-registry.ts';
import type { Namespace, NetworkPolicy, NetworkPolicySpec, Node, Pod } from '../../src/api/types.gen.ts';
import { createNodeNetwork, type NodeNetwork } from '../../src/network/index.ts';
import { eventually, FakeEvents, FakeInformers, makeNodeLab, type NodeLab } from './node-lab.ts';
import { askFrom, serveIn, type Server } from './servers.ts';

const noRoot = process.getuid?.() === 0 ? false : 'needs root for network namespaces';
const node: Node = {
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name: 'node-a', uid: 'node-a' },
  spec: { podCIDR: '10.77.1.0/24', podCIDRs: ['10.77.1.0/24'] },
  status: { addresses: [{ type: 'InternalIP', address: '192.168.77.11' }] },
};
const policy = (name: string, spec: NetworkPolicySpec): NetworkPolicy => ({
  metadata: { namespace: 'shop', name, uid: name },
  spec: { podSelector: {}, ...spec },
});
const deny = policy('deny', { policyTypes: ['Ingress'] });
/** Longer than a connection over a switch in memory takes to answer, by far. */
const silenceMs = 700;

const podObject = (namespace: string, name: string, ip?: string): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { namespace, name, uid: `uid-${name}`, labels: { app: name } },
  spec: { nodeName: 'node-a', containers: [{ name: 'c' }] },
  status: { phase: 'Running', ...(ip === undefined ? {} : { podIPs: [{ ip }] }) },
});

/** One node whose network runs until `stop`, and may be started again. */
class Running {
  readonly informers = new FakeInformers();
  readonly events = new FakeEvents();
  readonly metrics = createRegistry();
  readonly #abort = new AbortController();
  readonly network: NodeNetwork;

  constructor(lab: NodeLab, proxyMode: string, policies: readonly NetworkPolicy[], pods: readonly Pod[]) {
    this.informers.of<Node>('nodes').set(node);
    const namespaces = ['shop', 'away'].map((name): Namespace => ({ metadata: { name, labels: { name } } }));
    this.informers.of<Namespace>('namespaces').set(...namespaces);
    this.informers.of<Pod>('pods').set(...pods);
    this.informers.of<NetworkPolicy>('networkpolicies').set(...policies);
    this.network = createNodeNetwork({
      exec: lab.nodeA.exec,
      nodeName: 'node-a',
      nodeIPs: ['192.168.77.11'],
      clusterCIDRs: ['10.77.0.0/16'],
      proxyMode,
      informers: this.informers,
      events: this.events,
      logger: silentLogger,
      signal: this.#abort.signal,
      auditIntervalMs: 1_000,
      dropIntervalMs: 500,
      metrics: this.metrics,
    });
  }

  get policies() {
    return this.informers.of<NetworkPolicy>('networkpolicies');
  }

  get pods() {
    return this.informers.of<Pod>('pods');
  }

  async start(): Promise<this> {
    await this.network.start();
    await eventually('network ready', async () => this.network.ready);
    return this;
  }

  async setUp(namespace: string, name: string): Promise<{ netns: string; ip: string }> {
    this.pods.set(podObject(namespace, name));
    const { netns, ips } = await this.network.setUp({ namespace, name, uid: `uid-${name}`, attempt: 0 });
    const [ip = ''] = ips;
    this.pods.set(podObject(namespace, name, ip));
    return { netns, ip };
  }

  async tearDown(namespace: string, name: string): Promise<void> {
    await this.network.tearDown({ namespace, name, uid: `uid-${name}`, attempt: 0 });
    this.pods.delete(`${namespace}/${name}`);
  }

  stop(): void {
    this.#abort.abort();
  }
}

for (const mode of ['nftables', 'iptables']) {
  describe(`policies over time, ${mode}`, { skip: noRoot }, () => {
    let lab: NodeLab;
    let running: Running;
    let server: { netns: string; ip: string };
    let client: { netns: string; ip: string };
    const processes: Server[] = [];
    const ask = async (from: string, protocol: 'tcp' | 'udp' = 'tcp'): Promise<string> => {
      const [answer = ''] = await askFrom(lab.nodeA, from, protocol, server.ip, protocol === 'tcp' ? 8080 : 8053);
      return answer;
    };
    const isWrite = (command: string): boolean =>
      !/^(ls |sysctl -e|ip6?tables(-legacy)?-save|ip6?tables-restore --version|ipset save|nft .*list |ip .*-json|conntrack -L|setpriv|nft -i$)/.test(
        command,
      );

    before(async () => {
      lab = await makeNodeLab();
      running = await new Running(lab, mode, [], []).start();
      server = await running.setUp('shop', 'server');
      client = await running.setUp('away', 'client');
      processes.push(await serveIn(lab.nodeA, server.netns, 'server'));
    });
    afterEach(async () => {
      for (const { metadata } of running.policies.list()) running.policies.delete(`shop/${metadata.name}`);
      await running.network.policiesInForce();
    });
    after(async () => {
      for (const one of processes) await one.end();
      running?.stop();
      await lab?.end();
    });

    /** How many of many pings to the next address were answered while a pod came up at it and went. */
    async function answeredPings(namespace: string, name: string, expected: string): Promise<number> {
      const argv = lab.nodeA.argv(client.netns, ['ping', '-q', '-i', '0.002', '-c', '150', '-W', '1', expected]);
      const ping = spawn('nsenter', argv, { stdio: ['ignore', 'pipe', 'ignore'] });
      let text = '';
      ping.stdout.setEncoding('utf8').on('data', (piece: string) => (text += piece));
      const { ip } = await running.setUp(namespace, name);
      assert.equal(ip, expected);
      await once(ping, 'close');
      await running.tearDown(namespace, name);
      return Number(/(\d+) received/.exec(text)?.[1]);
    }

    test('a pod answers nobody before its policy is in force', async () => {
      const next = (ip: string): string => ip.replace(/\d+$/, (last) => String(Number(last) + 1));
      let ip = client.ip;
      assert.ok((await answeredPings('shop', 'open', (ip = next(ip)))) > 0, 'without a policy it answers');
      running.policies.set(deny);
      await running.network.policiesInForce();
      for (let round = 0; round < 3; round += 1)
        assert.equal(await answeredPings('shop', `closed-${round}`, (ip = next(ip))), 0);
    });

    test('a connection that a new policy forbids is cut, whichever end speaks next; others go on', async () => {
      const talk = `const s = require('net').connect(9999, '${server.ip}'); s.on('data', (d) => process.stdout.write(d));
        s.on('error', () => process.exit(1)); setInterval(() => s.write('c'), 20)`;
      const listen = `require('net').createServer((s) => { s.on('data', () => process.stdout.write('s')); s.on('error', () => {});
        setInterval(() => s.write('s'), 20) }).listen(9999, () => process.stdout.write('ready'))`;
      const start = (netns: string, script: string) => {
        const child = spawn('nsenter', lab.nodeA.argv(netns, [process.execPath, '-e', script]), {
          stdio: ['ignore', 'pipe', 'ignore'],
        });
        const heard = { count: 0 };
        child.stdout.on('data', (piece: Buffer) => (heard.count += piece.length));
        return { child, heard };
      };
      const listener = start(server.netns, listen);
      await eventually('it listens', async () => listener.heard.count > 0);
      const talker = start(client.netns, talk);
      const grows = async (): Promise<boolean> => {
        const before = [listener.heard.count, talker.heard.count];
        await sleep(silenceMs);
        return listener.heard.count > (before[0] ?? 0) || talker.heard.count > (before[1] ?? 0);
      };
      try {
        assert.equal(await grows(), true);
        running.policies.set(policy('from-away', { ingress: [{ from: [{ namespaceSelector: {} }] }] }));
        await running.network.policiesInForce();
        assert.equal(await grows(), true, 'what is still allowed goes on');
        running.policies.set(deny);
        running.policies.delete('shop/from-away');
        await running.network.policiesInForce();
        await eventually('both ends are silent', async () => !(await grows()), 10_000);
      } finally {
        for (const { child } of [listener, talker]) child.kill('SIGKILL');
      }
    });

    test('a drop is told as an Event of the pod, with the policy and both ends', async () => {
      running.policies.set(deny);
      await running.network.policiesInForce();
      assert.equal(await ask(client.netns), 'timeout');
      const way = `TCP ${client.ip} (away/client) -> ${server.ip}:8080 (shop/server) was dropped`;
      const told = `${way}: shop/deny isolates the pod for ingress and does not allow it`;
      await eventually('the Event', async () =>
        running.events.seen.some(({ reason, message }) => reason === 'NetworkPolicyDropped' && message === told),
      );
      assert.match(
        running.metrics.text(),
        /^podwire_network_policy_dropped_packets_total\{direction="ingress",ip_family="IPv4",policies="shop\/deny"\} [1-9]/m,
      );
    });

    test('what others break is put back and told', async () => {
      running.policies.set(deny);
      await running.network.policiesInForce();
      assert.equal(await ask(client.netns), 'timeout');
      const { exec } = lab.nodeA;
      await exec.sh(mode === 'nftables' ? 'nft delete table ip podwire-policy' : 'iptables -F PW-POLICY');
      await eventually('put back', async () =>
        running.events.seen.some(({ reason }) => reason === 'NetworkPolicyRepaired'),
      );
      assert.equal(await ask(client.netns), 'timeout');
    });

    test('where the rules cannot be written a pod that they isolate does not start, and the node says why', async () => {
      running.stop();
      const { exec } = lab.nodeA;
      const tool = mode === 'nftables' ? 'nft' : 'ipset';
      exec.programs = new Map([...exec.programs, [tool, '/nonexistent']]);
      running = new Running(lab, mode, [deny], running.pods.list());
      try {
        await running.start();
        await assert.rejects(running.setUp('shop', 'unlucky'), /NetworkPolicies could not be written/);
        const told = running.events.seen.find(({ reason }) => reason === 'NetworkPolicyNotInForce');
        assert.match(told?.message ?? '', new RegExp(`do not start: .*${tool}`));
        await running.setUp('away', 'lucky');
        await running.tearDown('away', 'lucky');
      } finally {
        exec.programs = new Map([...exec.programs].filter(([name]) => name !== tool));
        running.stop();
        running.pods.delete('shop/unlucky');
        running = await new Running(lab, mode, [deny], running.pods.list()).start();
      }
    });

    test('an agent that dies leaves its rules in force, and the next one writes nothing', async () => {
      running.policies.set(deny);
      await running.network.policiesInForce();
      running.stop();
      assert.equal(await ask(client.netns), 'timeout');
      const before = lab.nodeA.exec.commands.length;
      running = await new Running(lab, mode, [deny], running.pods.list()).start();
      await running.network.policiesInForce();
      assert.deepEqual(lab.nodeA.exec.commands.slice(before).filter(isWrite), []);
      assert.equal(await ask(client.netns), 'timeout');
    });

    test('a node that changes its mode keeps its pods closed, and nothing of the other mode', async () => {
      running.policies.set(deny);
      await running.network.policiesInForce();
      running.stop();
      const other = mode === 'nftables' ? 'iptables' : 'nftables';
      const changed = await new Running(lab, other, [deny], running.pods.list()).start();
      await changed.network.policiesInForce();
      assert.equal(await ask(client.netns), 'timeout');
      const tables = await lab.nodeA.exec.sh('nft list tables');
      const rules = await lab.nodeA.exec.sh('iptables-save -t filter');
      const isThere = { nftables: tables.includes('podwire-policy'), iptables: rules.includes('PW-POLICY') };
      assert.deepEqual(isThere, { nftables: other === 'nftables', iptables: other === 'iptables' });
      changed.stop();
      running = await new Running(lab, mode, [deny], running.pods.list()).start();
      await running.network.policiesInForce();
    });
  });
}
