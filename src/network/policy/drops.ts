/** Tells people what was dropped: as Events of the isolated pod, a few at a time. */
import type { DroppedFlow, Drops } from './back-end.ts';
import type { PolicyTable } from './model/table.ts';

export interface DropReport {
  /** `namespace/name` of the isolated pod. */
  readonly pod: string;
  readonly message: string;
}

const protocolNames: Readonly<Record<number, string>> = { 6: 'TCP', 17: 'UDP', 132: 'SCTP' };
/** Different drops that one round tells of. */
const maxReports = 20;

const keyOf = ({ direction, source, destination, protocol, port }: DroppedFlow): string =>
  [direction, source, destination, protocol, port].join(' ');

const endpoint = (ip: string, port: number): string => (ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`);

/** Remembers what was told: a drop is told when its packets are more than before. */
export function createDropReader(nameOf: (ip: string) => string | undefined): {
  read(table: PolicyTable, drops: Drops): readonly DropReport[];
} {
  let seen = new Map<string, number>();
  const named = (ip: string): string => {
    const name = nameOf(ip);
    return name === undefined ? '' : ` (${name})`;
  };
  return {
    read: (table, { flows }) => {
      const before = seen;
      seen = new Map(flows.map((flow) => [keyOf(flow), flow.packets]));
      const reports = flows.flatMap((flow): DropReport[] => {
        const { direction, source, destination, protocol, port, packets } = flow;
        const told = before.get(keyOf(flow));
        // A list that the kernel has forgotten begins anew.
        if (told !== undefined && told === packets) return [];
        const isolation = table.isolated[direction].get(direction === 'ingress' ? destination : source);
        const policies = isolation === undefined ? undefined : table.profiles.get(isolation.profile)?.policies;
        if (isolation === undefined || policies === undefined) return [];
        const way = `${source}${named(source)} -> ${endpoint(destination, port)}${named(destination)}`;
        const what = `${protocolNames[protocol] ?? protocol} ${way} was dropped`;
        const why = `${policies.join(', ')} ${policies.length === 1 ? 'isolates' : 'isolate'} the pod for ${direction} and`;
        return [
          {
            pod: isolation.pod,
            message: `${what}: ${why} ${policies.length === 1 ? 'does not allow' : 'none of them allows'} it`,
          },
        ];
      });
      return reports.slice(0, maxReports);
    },
  };
}
