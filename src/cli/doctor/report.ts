/** What was found, for people: a matrix, and a line for each way that fails. Pure. */
import type { Event, NetworkPolicy, Node } from '../../api/types.gen.ts';
import { table } from '../table.ts';
import { portOf, type Party, type Way } from './parties.ts';

/** `problem`: what the caller saw; undefined when it was answered. */
export interface Finding extends Way {
  readonly problem: string | undefined;
}

/** What may explain a way that fails. */
export interface Evidence {
  readonly nodes: readonly Node[];
  readonly policies: readonly NetworkPolicy[];
  /** Of Nodes. */
  readonly events: readonly Event[];
}

const mark = { fine: '.', failed: 'X', none: '-' } as const;

export function describeParty({ kind, name, node }: Party): string {
  return kind === 'pod' ? `pod ${name} (${node})` : kind === 'outside' ? name : `${kind} ${name}`;
}

/** A row a party, a column for each: `.` it is answered, `X` it is not, in any family; `-` nothing to try. */
export function renderMatrix(parties: readonly Party[], findings: readonly Finding[]): string {
  const cell = (from: Party, to: Party): string => {
    const both = findings.filter((one) => one.from === from && one.to === to);
    if (both.length === 0) return mark.none;
    return both.every(({ problem }) => problem === undefined) ? mark.fine : mark.failed;
  };
  const rows = parties.map((from, index) => {
    const calls = from.kind === 'pod' || from.kind === 'node';
    const cells = calls ? parties.map((to) => cell(from, to)) : [];
    const port = calls ? undefined : (from.port ?? from.datagrams?.port);
    const where = from.addresses.map((address) => place(address, port)).join(', ');
    return [String(index + 1), describeParty(from), where, ...cells];
  });
  return table([['#', 'FROM, TO', 'ADDRESS', ...parties.map((_, index) => String(index + 1))], ...rows]);
}

/** One line a failure: who, to whom, what was seen, and what the cluster knows that may be why. */
export function renderFailures(findings: readonly Finding[], evidence: Evidence): readonly string[] {
  return findings
    .filter(({ problem }) => problem !== undefined)
    .map((finding) => {
      const { from, to, address, protocol, problem } = finding;
      const where = `${place(address, portOf(finding))}${protocol === 'UDP' ? ' (UDP)' : ''}`;
      const hints = hintsFor(from, to, evidence);
      const why = hints.length === 0 ? '' : `\n    ${hints.join('\n    ')}`;
      return `${describeParty(from)} to ${describeParty(to)} at ${where}: ${problem}${why}`;
    });
}

/** `34 of 34 ways are open`. */
export function renderSum(findings: readonly Finding[]): string {
  const open = findings.filter(({ problem }) => problem === undefined).length;
  return `${open} of ${findings.length} ways are open`;
}

function place(address: string, port: number | undefined): string {
  if (port === undefined) return address;
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

/** What an agent tells of its node's network. */
const networkReasons = new Set([
  'ChecksumOffloadBroken',
  'PodNetworkIncomplete',
  'PodNetworkRepaired',
  'ServiceAddressesRepaired',
]);

function hintsFor(from: Party, to: Party, { nodes, policies, events }: Evidence): string[] {
  const concerned = [...new Set([from.node, to.node].filter((name) => name !== undefined))];
  const notReady = nodes
    .filter(({ metadata }) => concerned.includes(metadata.name ?? ''))
    .filter(
      ({ status }) => !status?.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True'),
    )
    .map(({ metadata }) => `node ${metadata.name} is not Ready`);
  const told = events
    .filter(
      ({ reason = '', involvedObject }) => networkReasons.has(reason) && concerned.includes(involvedObject.name ?? ''),
    )
    .map(({ reason, message, involvedObject }) => `node ${involvedObject.name}: ${reason}: ${message}`);
  const namespaces = new Set([from, to].filter(({ kind }) => kind === 'pod').map(({ name }) => name.split('/')[0]));
  const own = policies.filter(({ metadata }) => namespaces.has(metadata.namespace));
  const restricted = own.map(({ metadata }) => `NetworkPolicy ${metadata.namespace}/${metadata.name} may forbid it`);
  return [...notReady, ...told.slice(-3), ...restricted];
}
