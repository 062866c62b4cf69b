/** `podwire proxy --cleanup`: a node goes back to another proxy, and nothing of ours is left, whatever mode ran. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { proxyModes, type ProxyMode } from '../../src/proxy/back-end.ts';
import { Place } from './node-lab.ts';
import { Program } from './program.ts';

const noRoot = process.getuid?.() === 0 ? false : 'needs root for network namespaces';
const commandLine = new URL('../../src/cli/main.ts', import.meta.url).pathname;

async function run(mode: ProxyMode): Promise<void> {
  const place = await Place.make();
  const state = (): Promise<string> =>
    place.exec
      .run({
        argv: ['sh', '-c', 'iptables-save; ip6tables-save; nft list ruleset; ip address; ls /run/podwire'],
        okExitCodes: [0, 2],
      })
      .then(({ stdout }) => stdout);
  const ours = /PW-|podwire|169\.254\.80\.87|fd70:7764/;
  try {
    await place.exec.sh('nft add table ip others');
    const proxy = new Program(place, undefined, 'proxy-process.ts', mode, 'node-a', '0');
    assert.equal(await proxy.line(), 'ready');
    await proxy.end('SIGKILL');
    assert.match(await state(), ours);
    const argv = [process.execPath, commandLine, 'proxy', '--cleanup'] as const;
    await place.exec.run({ argv, timeoutMs: 60_000 });
    assert.doesNotMatch(await state(), ours);
    assert.match(await state(), /table ip others/);
    await place.exec.run({ argv, timeoutMs: 60_000 });
  } finally {
    await place.end();
  }
}

for (const mode of proxyModes) test(`cleaned up after ${mode}`, { skip: noRoot, timeout: 120_000 }, () => run(mode));
