/** What a node's kernel holds, and a watch that sees every change of it: by the kernel's own word, not the agent's. */
import { execa, type ResultPromise } from 'execa';
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually, type Lab } from './lab.ts';

const STATE = `iptables-save | sed -e '/^#/d' -e 's/\\[[0-9]*:[0-9]*\\]//'
for n in $(ip netns list | cut -d' ' -f1); do echo "netns $n"; ip -n $n -o address; ip -n $n route show table all; ip -n $n neigh show nud permanent; done
ip -o link; ip -o address; ip route show table all; ip rule; ip neigh show nud permanent; bridge -o -d link
sort /proc/self/mountinfo | cut -d' ' -f3-; find /sys/fs/cgroup/kubepods -type d | sort`;

/** Rules, links, addresses, routes, permanent neighbours, of the node and of its pods; mounts and pods' control groups. */
export async function kernelState(lab: Lab, node: string): Promise<string[]> {
  const { stdout } = await lab.onNode(node, ['bash', '-c', STATE]);
  // Life times count down, and a new address is checked for a second.
  return stdout.split('\n').map((line) => line.replace(/(valid|preferred)_lft \S+|tentative /g, '').trim());
}

const WATCH = `nft monitor & ip -o monitor link address route rule netconf neigh & cat > /dev/null; kill %1 %2`;
const mark = '192.0.2.77';
/**
 * What the kernel does by itself: it finds and forgets neighbours, and a bridge tells of a port (a line without a qdisc) when
 * the forward delay of 15 s after the port's start is over, STP or not. A port's flags, set anew to what they were, are not told.
 */
const ownDoing = [
  /\b(REACHABLE|STALE|DELAY|PROBE|INCOMPLETE|FAILED|NOARP)\b/,
  /^\d+: \S+ <[^>]*> mtu \d+ master \S+ state /,
];

/** Sees changes of tables, links, addresses, routes, permanent neighbours and per-link settings of a node. */
export class KernelWatch {
  readonly #lab: Lab;
  readonly #node: string;
  readonly #process: ResultPromise;
  #text = '';

  private constructor(lab: Lab, node: string) {
    this.#lab = lab;
    this.#node = node;
    const podwire = join(import.meta.dirname, '../scripts/podwire');
    const argv = ['node', 'exec', '--name', lab.name, node, '--', 'bash', '-c', WATCH];
    this.#process = execa(podwire, argv, { reject: false, stdin: 'pipe', buffer: false, timeout: 300_000 });
    this.#process.stdout?.on('data', (part: Buffer) => (this.#text += part.toString()));
  }

  /** Resolves when it has been seen to see, and two seconds have gone by without a change: word of new links comes late. */
  static async start(lab: Lab, node: string): Promise<KernelWatch> {
    const watch = new KernelWatch(lab, node);
    await eventually('the watch sees', () => watch.#seesMark());
    await eventually('nothing changes', async () => {
      watch.#text = '';
      await sleep(2_000);
      return watch.#changes(watch.#text).length === 0;
    });
    return watch;
  }

  #changes(text: string): readonly string[] {
    return text.split('\n').filter((line) => line !== '' && !ownDoing.some((one) => one.test(line)));
  }

  /** Ends it, after it was seen that it still sees; answers every change since its start. */
  async end(): Promise<readonly string[]> {
    const seen = this.#text;
    const stillSees = await this.#seesMark();
    this.#process.stdin?.end();
    await this.#process;
    assert.ok(stillSees, 'the watch had gone blind');
    return this.#changes(seen);
  }

  /** Makes a route and a chain that nobody needs, and waits for word of both (legacy iptables sends none). */
  async #seesMark(): Promise<boolean> {
    const script = `ip route add blackhole ${mark}; ip route del blackhole ${mark}; iptables -N WATCHED; iptables -X WATCHED; iptables --version`;
    const { stdout } = await this.#lab.onNode(this.#node, ['bash', '-c', script]);
    const words = stdout.includes('nf_tables') ? [mark, 'WATCHED'] : [mark];
    for (let turn = 0; turn < 20; turn += 1) {
      if (words.every((word) => this.#text.includes(word))) return true;
      await sleep(50);
    }
    return false;
  }
}
