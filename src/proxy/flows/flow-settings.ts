/** Settings of the kernel's table of flows that a Service proxy owes its node, with the values of kube-proxy. */
import { availableParallelism } from 'node:os';
import type { Logger } from '../../api/logger.ts';
import type { Exec } from '../../kernel/exec.ts';
import { readSysctls, writeSysctls } from '../../kernel/sysctl.ts';

interface Setting {
  readonly name: string;
  readonly value: number;
  /** Only so far: what the node's owner has set beyond that stays. */
  readonly direction: 'at least' | 'at most';
  readonly why: string;
}

const flowsPerCore = 32_768;
const fewestFlows = 131_072;
const mostFlows = 1_048_576;

const settingsFor = (cores: number): readonly Setting[] => [
  {
    name: 'net.netfilter.nf_conntrack_tcp_timeout_close_wait',
    value: 3600,
    direction: 'at least',
    why: 'a server that goes on sending after its client has said all it had is still translated',
  },
  {
    name: 'net.netfilter.nf_conntrack_tcp_timeout_established',
    value: 86_400,
    direction: 'at most',
    why: 'a connection whose ends have gone without a word is forgotten after a day, not after five',
  },
  {
    name: 'net.netfilter.nf_conntrack_max',
    value: Math.min(mostFlows, Math.max(fewestFlows, flowsPerCore * cores)),
    direction: 'at least',
    why: 'a full table drops new connections',
  },
];

function isBeyond({ value, direction }: Setting, now: number): boolean {
  return direction === 'at least' ? now >= value : now <= value;
}

/** What differs from what the kernel has is set. Never rejects: outside of the first network namespace the size cannot be changed. */
export async function setFlowSettings(exec: Exec, logger: Logger, cores = availableParallelism()): Promise<void> {
  const settings = settingsFor(cores);
  const now = await readSysctls(
    exec,
    settings.map(({ name }) => name),
  ).catch(() => new Map<string, string>());
  for (const setting of settings) {
    const { name, value, why } = setting;
    const found = Number(now.get(name) ?? 'missing');
    if (Number.isNaN(found) || isBeyond(setting, found)) continue;
    try {
      await writeSysctls(exec, new Map([[name, String(value)]]));
      logger.info('setting of the flow table changed', { name, from: found, to: value, why });
    } catch (error) {
      logger.info('setting of the flow table cannot be changed here', { name, is: found, wanted: value, error });
    }
  }
}
