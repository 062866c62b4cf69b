import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CommandError, type Command } from '../../kernel/exec.ts';
import { capabilityArgs } from './capabilities.ts';
import { PluginChain, type Attachment } from './chain.ts';
import { parseConfList } from './conf-list.ts';

test('a list of plugins, and the older form of one', () => {
  const one = parseConfList('{"cniVersion":"0.3.1","name":"n","type":"ptp","mtu":1400}');
  assert.deepEqual(one.plugins, [{ cniVersion: '0.3.1', name: 'n', type: 'ptp', mtu: 1400 }]);
  assert.equal(
    parseConfList('{"name":"n","disableCheck":true,"plugins":[{"type":"a"},{"type":"b"}]}').disableCheck,
    true,
  );
  for (const [text, why] of [
    ['{', /JSON/],
    ['[]', /not a JSON object/],
    ['{"plugins":[{"type":"a"}]}', /name/],
    ['{"name":"n","plugins":[]}', /plugins/],
    ['{"name":"n"}', /type/],
    ['{"name":"n","plugins":[{"type":"../sh"}]}', /type/],
    ['{"name":"../n","type":"a"}', /name/],
  ] as const)
    assert.throws(() => parseConfList(text), why, text);
});

test('what a pod asks of plugins', () => {
  assert.deepEqual(capabilityArgs(undefined), {});
  assert.deepEqual(
    capabilityArgs({ metadata: {}, spec: { containers: [{ name: 'a', ports: [{ containerPort: 80 }] }] } }),
    {},
  );
  assert.deepEqual(
    capabilityArgs({
      metadata: { annotations: { 'kubernetes.io/egress-bandwidth': '10M' } },
      spec: {
        initContainers: [
          { name: 'once', ports: [{ containerPort: 1, hostPort: 1 }] },
          { name: 'sidecar', restartPolicy: 'Always', ports: [{ containerPort: 2, hostPort: 2 }] },
        ],
        containers: [{ name: 'a', ports: [{ containerPort: 53, hostPort: 53, protocol: 'UDP', hostIP: '192.0.2.1' }] }],
      },
    }),
    {
      portMappings: [
        { hostPort: 53, containerPort: 53, protocol: 'udp', hostIP: '192.0.2.1' },
        { hostPort: 2, containerPort: 2, protocol: 'tcp' },
      ],
      bandwidth: { egressRate: 10_000_000, egressBurst: 2_147_483_647 },
    },
  );
});

/** Programs that are there on every machine stand for plugins: only the calls are looked at. */
function chainOf(answer: (type: string, command: string) => string | Error): { chain: PluginChain; calls: unknown[] } {
  const calls: unknown[] = [];
  const run = async ({ argv, env, stdin }: Command) => {
    const type = argv[0].split('/').at(-1) ?? '';
    const command = env?.['CNI_COMMAND'] ?? '';
    calls.push([command, type, JSON.parse(stdin ?? '{}')]);
    const said = answer(type, command);
    if (said instanceof Error) throw said;
    return { exitCode: 0, stdout: said, stderr: '', durationMs: 0 };
  };
  return { chain: new PluginChain({ run }, ['/no/such/folder', '/bin']), calls };
}

const attachment: Attachment = {
  list: parseConfList(
    '{"cniVersion":"1.0.0","name":"n","plugins":[{"type":"true"},{"type":"false","capabilities":{"portMappings":true,"dns":true,"bandwidth":false}}]}',
  ),
  containerID: 'c',
  netns: '/run/netns/c',
  ifname: 'eth0',
  args: '',
  capabilities: { portMappings: [1], bandwidth: {} },
};

const refusal = (stdout: string): CommandError =>
  new CommandError({
    argv: ['x'],
    reason: 'exit code 1',
    exitCode: 1,
    stdout,
    stderr: '',
    durationMs: 0,
    timedOut: false,
    missing: false,
  });

test('each plugin gets its own part, the capabilities it can, and what came out before; DEL goes backwards', async () => {
  const { chain, calls } = chainOf((type) => JSON.stringify({ ips: [{ address: `192.0.2.1/24` }], of: type }));
  const result = await chain.add(attachment);
  await chain.remove(attachment, result);
  const common = { name: 'n', cniVersion: '1.0.0' };
  const of = (type: string) => ({ prevResult: { ips: [{ address: '192.0.2.1/24' }], of: type } });
  const withPorts = { type: 'false', ...common, runtimeConfig: { portMappings: [1] } };
  assert.deepEqual(calls, [
    ['ADD', 'true', { type: 'true', ...common }],
    ['ADD', 'false', { ...withPorts, ...of('true') }],
    ['DEL', 'false', { ...withPorts, ...of('false') }],
    ['DEL', 'true', { type: 'true', ...common, ...of('false') }],
  ]);
});

test('DEL goes on behind a failure, and CHECK believes a plugin that says why, not one that crashed', async () => {
  const said = refusal('{"code":7,"msg":"gone"}');
  const failing = chainOf((type) => (type === 'false' ? said : '{}'));
  await assert.rejects(failing.chain.remove(attachment, {}), /CNI plugin false, DEL: gone \(code 7\)/);
  assert.equal(failing.calls.length, 2);
  assert.match((await failing.chain.check(attachment, {})) ?? '', /CHECK: gone/);
  const crashing = chainOf((type) => (type === 'false' ? refusal('') : '{}'));
  assert.equal(await crashing.chain.check(attachment, {}), undefined);
  const missing = { ...attachment, list: parseConfList('{"name":"n","type":"no-such-plugin"}') };
  await assert.rejects(crashing.chain.add(missing), /no-such-plugin, ADD: it is in none of/);
});
