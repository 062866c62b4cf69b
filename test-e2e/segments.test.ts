/**
 * A lab of two segments joined by a router that knows no pods, and of two families: node2 is across. Everything passes all the same, and the
 * host is as it was.
 * Needs root and what scripts/setup installs.
 */
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test, type TestContext } from 'node:test';
import type { Node, Pod, Service } from '../src/api/types.gen.ts';
import { eventually, Lab, run } from './lab.ts';
import { machineState } from './machine-state.ts';
import { hostPid, inNamespaceOf } from './request-loop.ts';
import { addressChangeStories } from './stories/address-change.ts';
import { service, sleeper } from './workloads.ts';

const lab = new Lab(process.env['PODWIRE_SEGMENTS_LAB'] ?? 'pwsegs');
const NODES = ['node1', 'node2', 'node3'];
const serve = 'mkdir /www && hostname > /www/index.html && exec httpd -f -v -p 8080 -h /www';
let failed = false;

/** A server on this node, of the Service `web`; its log says who called. */
const webPod = (node: string): object => ({
  ...sleeper(`web-${node}`, {
    nodeName: node,
    containers: [{ name: 'main', image: 'busybox', command: ['sh', '-c', serve] }],
  }),
  metadata: { name: `web-${node}`, labels: { app: 'web' } },
});

const podIPs = async (pod: string): Promise<string[]> =>
  ((await lab.get<Pod>(['pod', pod])).status?.podIPs ?? []).map(({ ip }) => ip);
const podIP = async (pod: string): Promise<string> => (await podIPs(pod))[0] ?? assert.fail(`${pod} has no address`);
const host = (address: string): string => (address.includes(':') ? `[${address}]` : address);
const nodeIP = (node: Node): string =>
  node.status?.addresses?.find(({ type }) => type === 'InternalIP')?.address ?? assert.fail('no InternalIP');
const wget = async (client: string, url: string): Promise<string> =>
  (await lab.inPod(client, ['timeout', '5', 'wget', '-q', '-O', '-', url])).stdout.trim();

describe('a lab of two segments', { concurrency: 1 }, () => {
  let beforeUp: string[] = [];

  before(async () => {
    beforeUp = await machineState(lab.name);
    await lab.up(['--segments', '2', '--ip-family', 'dual']);
    await lab.apply(
      ...NODES.map(webPod),
      service('web', 'web', { type: 'NodePort', ipFamilyPolicy: 'RequireDualStack' }),
    );
    await lab.apply(...NODES.map((node) => sleeper(`client-${node}`, { nodeName: node })));
    await lab.kubectl(['wait', '--for=condition=Ready', 'pod', '--all', '--timeout=60s']);
  });

  afterEach((context) => {
    failed ||= !(context as TestContext).passed;
  });

  after(async () => {
    if (failed) process.stderr.write(await lab.dump());
    await lab.podwire(['down'], { mayFail: true });
  });

  test('status tells who is where', async () => {
    const { stdout } = await lab.podwire(['status']);
    assert.match(stdout, /SEGMENT/);
    for (const [machine, segment] of [
      ['control-plane', 1],
      ['node1', 1],
      ['node2', 2],
      ['node3', 1],
    ] as const)
      assert.match(stdout, new RegExp(`^${machine} .* ${segment}$`, 'm'));
  });

  test('every pod reaches every pod under its own address, by ping and by HTTP', async () => {
    for (const from of NODES)
      for (const to of NODES) {
        const addresses = await podIPs(`web-${to}`);
        assert.equal(addresses.length, 2);
        for (const address of addresses) {
          await lab.inPod(`client-${from}`, ['ping', '-c', '1', '-w', '5', address]);
          assert.equal(await wget(`client-${from}`, `http://${host(address)}:8080/`), `web-${to}`);
        }
        const log = (await lab.kubectl(['logs', `web-${to}`])).stdout;
        for (const source of await podIPs(`client-${from}`))
          assert.match(
            log,
            new RegExp(`${RegExp.escape(source)}[\\]:]`),
            `web-${to} saw client-${from} as somebody else`,
          );
      }
  });

  test('a Service answers from all segments to all segments', async () => {
    const { spec } = await lab.get<Service>(['service', 'web']);
    const url = `http://${spec?.clusterIP}/`;
    for (const [address, times] of [
      [spec?.clusterIPs?.[0] ?? '', 60],
      [spec?.clusterIPs?.[1] ?? '', 30],
    ] as const) {
      const ask = `timeout 5 wget -q -O - http://${host(address)}/ || echo FAILED`;
      const loop = `i=0; while [ $i -lt ${times} ]; do ${ask}; i=$((i+1)); done`;
      for (const from of NODES) {
        const answers = (await lab.inPod(`client-${from}`, ['sh', '-c', loop])).stdout.trim().split('\n');
        assert.deepEqual(
          [...new Set(answers)].sort(),
          NODES.map((node) => `web-${node}`),
          `from ${from} to ${address}`,
        );
      }
    }
    const nodePort = spec?.ports?.[0]?.nodePort;
    for (const node of await lab.nodes()) {
      const door = `http://${nodeIP(node)}:${nodePort}/`;
      for (let index = 0; index < 6; index += 1) {
        assert.match((await run(['curl', '-sS', '--max-time', '5', door])).stdout, /^web-node/, `host to ${door}`);
        const outside = await lab.onNode('outside', ['curl', '-sS', '--max-time', '5', door]);
        assert.match(outside.stdout, /^web-node/, `outside to ${door}`);
        const ofNode = await lab.onNode('node2', ['curl', '-sS', '--max-time', '5', url]);
        assert.match(ofNode.stdout, /^web-node/, 'node2 itself to the Service');
      }
    }
  });

  test('addresses of load balancers of both segments and families answer everybody', async () => {
    const [first] = (await lab.get<Node>(['node', 'node1'])).status?.addresses ?? [];
    for (const [name, place, answering] of [
      ['near', '.113', ['node1', 'node3']],
      ['far', '.241', ['node2']],
    ] as const) {
      const loadBalancerIP = first?.address.replace(/\.\d+$/, place);
      const spec = { type: 'LoadBalancer', ipFamilyPolicy: 'RequireDualStack', loadBalancerIP };
      await lab.apply(service(name, 'web', spec));
      const { metadata, status } = await eventually('its addresses', async () => {
        const found = await lab.get<Service>(['service', name]);
        return found.status?.loadBalancer?.ingress?.length === 2 && found;
      });
      const answers = metadata.annotations?.['podwire.dev/answered-by'] ?? '';
      assert.ok((answering as readonly string[]).includes(answers), `${answers} answers for ${name}`);
      for (const { ip = '' } of status?.loadBalancer?.ingress ?? []) {
        const argv = ['curl', '-sS', '--max-time', '3', `http://${host(ip)}/`];
        const isWeb = async (machine: string | undefined): Promise<boolean> => {
          const asked =
            machine === undefined ? run(argv, { mayFail: true }) : lab.onNode(machine, argv, { mayFail: true });
          return (await asked).stdout.startsWith('web-');
        };
        for (const machine of [undefined, 'outside', 'control-plane', ...NODES])
          await eventually(`${machine ?? 'the host'} to ${name} at ${ip}`, () => isWeb(machine));
        assert.match(await wget('client-node2', `http://${host(ip)}/`), /^web-/);
      }
    }
    await lab.kubectl(['delete', 'service', 'near', 'far']);
  });

  test('a datagram larger than the MTU arrives whole', async () => {
    const hear = `require('dgram').createSocket('udp4').on('message', (m) => { console.log(m.length); process.exit(); }).bind(5000)`;
    const say = `require('dgram').createSocket('udp4').send('x'.repeat(4000), 5000, process.argv[1], () => process.exit())`;
    const [from, to] = [await hostPid(lab, 'client-node1'), await hostPid(lab, 'client-node2')];
    const heard = inNamespaceOf(to, hear, '');
    let size: string | undefined;
    void heard.then(({ stdout }) => (size = String(stdout)));
    const address = await podIP('client-node2');
    // The first ones may come before somebody listens.
    await eventually('it is heard', async () => (await inNamespaceOf(from, say, address), size !== undefined));
    assert.equal(size, '4000');
    assert.match((await lab.inPod('client-node1', ['cat', '/sys/class/net/eth0/mtu'])).stdout, /^1450$/m);
  });

  test('the API server reaches pods of both segments', async () => {
    for (const node of NODES) {
      const path = `/api/v1/namespaces/default/pods/web-${node}:8080/proxy/`;
      assert.equal((await lab.kubectl(['get', '--raw', path])).stdout.trim(), `web-${node}`);
    }
  });

  test('names are answered on every node', async () => {
    for (const from of NODES)
      assert.match(await wget(`client-${from}`, 'http://web.default.svc.cluster.local/'), /^web-/);
  });

  test('doctor finds every way open, and tells which are not and why', async () => {
    const fine = await lab.podwire(['doctor']);
    assert.match(fine.stdout, /^# .*FROM, TO/m);
    assert.match(fine.stdout, /^\d+ +service default\/web +\S+:80, \S+:80$/m);
    const sum = /^(\d+) of (\d+) ways are open\.$/m.exec(fine.stdout);
    assert.ok(sum !== null && sum[1] === sum[2] && Number(sum[1]) >= 80, fine.stdout);

    // The audit of node1 puts a link or a route of ours back; this is nobody's but ours here.
    const rule = ['pref', '10', 'to', (await podIP('web-node2')).replace(/\d+$/, '0/24'), 'unreachable'];
    await lab.onNode('node1', ['ip', 'rule', 'add', ...rule]);
    const broken = await lab.podwire(['doctor'], { mayFail: true });
    assert.equal(broken.code, 1);
    assert.match(broken.stdout, /^pod default\/\S+ \(node1\) to pod default\/\S+ \(node2\) at \S+: .+$/m);
    assert.match(broken.stdout, /^pod default\/\S+ \(node2\) to pod default\/\S+ \(node1\) at \S+: no answer in 2 s$/m);
    assert.match(broken.stdout, /^pod default\/\S+ \(node1\) to pod default\/\S+ \(node2\) at \S+:9 \(UDP\): .+$/m);
    await lab.onNode('node1', ['ip', 'rule', 'del', ...rule]);
    await eventually(
      'all ways are open again',
      async () => (await lab.podwire(['doctor'], { mayFail: true })).code === 0,
    );
  });

  test('a node that is added across takes part, and is forgotten when it goes', async () => {
    await run([`${import.meta.dirname}/../scripts/podwire`, 'node', 'add', '--name', lab.name]);
    await lab.apply(webPod('node4'));
    await lab.kubectl(['wait', '--for=condition=Ready', 'pod/web-node4', '--timeout=60s']);
    const address = await podIP('web-node4');
    for (const from of NODES) assert.equal(await wget(`client-${from}`, `http://${address}:8080/`), 'web-node4');
    const entries = async (): Promise<number> =>
      (await lab.onNode('node1', ['bridge', 'fdb', 'show', 'dev', 'pwvx0'])).stdout.trim().split('\n').length;
    assert.equal(await entries(), 2);
    await run([`${import.meta.dirname}/../scripts/podwire`, 'node', 'rm', '--name', lab.name, 'node4']);
    await eventually('its entry is gone', async () => (await entries()) === 1);
  });

  test('stop keeps everything, and up brings the same way back', async () => {
    await lab.podwire(['stop']);
    await lab.up();
    const address = await eventually('the pod across Ready', async () => {
      const { status } = await lab.get<Pod>(['pod', 'web-node2']);
      return status?.containerStatuses?.[0]?.ready === true ? status.podIP : undefined;
    });
    await eventually('it answers', async () => (await wget('client-node1', `http://${address}:8080/`)) === 'web-node2');
  });

  addressChangeStories(lab, 'node2');

  test('down leaves nothing on the host', async () => {
    await lab.podwire(['down']);
    const left = (await machineState(lab.name)).filter((line) => !beforeUp.includes(line));
    assert.deepEqual(left, []);
  });
});
