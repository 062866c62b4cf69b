/** A lab's config as YAML, in kind's manner: text in, settings out, or every mistake with its line and field. */
import { isMap, isScalar, isSeq, LineCounter, parseDocument, type Node, type ParsedNode } from 'yaml';
import type { Taint } from '../api/types.gen.ts';
import { fileFields, type Field } from './config-fields.ts';
import { given } from './given.ts';
import {
  LabError,
  type Internet,
  type KubeProxyMode,
  type NodeSettings,
  type DnsChoice,
  type PodNetwork,
  type WantedLab,
} from './config.ts';
import type { IpFamily } from './ipv6-ranges.ts';
import { wantedRanges } from './wanted-ranges.ts';

/** What checkValue has made sure of. */
interface LabFileShape {
  readonly name?: string;
  readonly nodes?: readonly {
    readonly role?: 'control-plane' | 'worker';
    readonly count?: number;
    readonly labels?: Readonly<Record<string, string>>;
    readonly taints?: readonly Taint[];
    readonly segment?: number;
  }[];
  readonly segments?: number;
  readonly networking?: {
    readonly nodeSubnet?: string;
    readonly podSubnet?: string;
    readonly serviceSubnet?: string;
    readonly podNetwork?: PodNetwork;
    readonly cni?: string;
    readonly kubeProxyMode?: KubeProxyMode;
    readonly ipFamily?: IpFamily;
  };
  readonly internet?: Internet;
  readonly nodeMonitorGracePeriodSeconds?: number;
  readonly dns?: DnsChoice;
  readonly insecureRegistries?: readonly string[];
}

/**
 * What the file asks for; what it does not name is left out. Throws a LabError with one line a mistake:
 * `lab.yaml:4: nodes[0].rol: there is no such field: role, count, labels, taints, segment`.
 */
export function parseConfigFile(path: string, text: string): WantedLab {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, schema: 'core' });
  const problems: string[] = [];
  const report: Report = (node, field, message) => {
    const place = node?.range === undefined || node.range === null ? '' : `:${lines.linePos(node.range[0]).line}`;
    problems.push(`${path}${place}: ${field === '' ? '' : `${field}: `}${message}`);
  };
  for (const error of document.errors)
    problems.push(
      `${path}:${lines.linePos(error.pos[0]).line}: ${error.message.split('\n')[0]?.replace(/ at line.*$/, '')}`,
    );
  if (problems.length === 0 && document.contents !== null) checkValue(document.contents, fileFields, '', report);
  if (problems.length === 0) checkRoles(document.contents, report);
  if (problems.length > 0) throw new LabError(problems.join('\n'));
  return configOf((document.toJS() ?? {}) as LabFileShape);
}

type Report = (node: Node | null | undefined, field: string, message: string) => void;

function checkValue(node: ParsedNode | null, field: Field, path: string, report: Report): void {
  switch (field.type) {
    case 'object':
    case 'map':
      return checkMap(node, field, path, report);
    case 'list':
      if (!isSeq(node)) return report(node, path, 'a list is wanted');
      node.items.forEach((item, index) => checkValue(item, field.of, `${path}[${index}]`, report));
      return;
    case 'integer':
    case 'text': {
      const problem = scalarProblem(isScalar(node) ? node.value : undefined, field);
      if (problem !== undefined) report(node, path, problem);
    }
  }
}

function scalarProblem(value: unknown, field: Extract<Field, { type: 'integer' | 'text' }>): string | undefined {
  if (field.type === 'text')
    return typeof value === 'string' ? field.check?.(value) : 'text is wanted (numbers and true in quotes)';
  const isFine = Number.isInteger(value) && Number(value) >= field.min && Number(value) <= field.max;
  return isFine ? undefined : `a whole number from ${field.min} to ${field.max} is wanted`;
}

function checkMap(
  node: ParsedNode | null,
  field: Extract<Field, { type: 'object' | 'map' }>,
  path: string,
  report: Report,
): void {
  if (!isMap(node)) return report(node, path, 'fields are wanted, as in "key: value"');
  const seen = new Set<string>();
  for (const { key, value } of node.items) {
    const name = isScalar(key) ? String(key.value) : '';
    const inner = path === '' ? name : `${path}.${name}`;
    seen.add(name);
    if (field.type === 'map') {
      const problem = field.checkKey(name);
      if (problem !== undefined) report(key, inner, problem);
      checkValue(value, field.of, inner, report);
    } else {
      const found = Object.hasOwn(field.fields, name) ? field.fields[name] : undefined;
      if (found === undefined) report(key, inner, `there is no such field: ${Object.keys(field.fields).join(', ')}`);
      else checkValue(value, found, inner, report);
    }
  }
  if (field.type === 'object')
    for (const required of field.required ?? []) if (!seen.has(required)) report(node, path, `${required} is missing`);
}

/** A lab has one control plane, which is no Node. */
function checkRoles(contents: ParsedNode | null, report: Report): void {
  const nodes = isMap(contents) ? contents.get('nodes', true) : undefined;
  if (!isSeq(nodes)) return;
  let controlPlanes = 0;
  nodes.items.forEach((item, index) => {
    if (!isMap(item) || item.get('role') !== 'control-plane') return;
    controlPlanes += 1;
    if (controlPlanes > 1) report(item, `nodes[${index}]`, 'a lab has one control plane');
    for (const name of ['labels', 'taints', 'count', 'segment'])
      if (item.has(name) && (!['count', 'segment'].includes(name) || item.get(name) !== 1))
        report(item.get(name, true), `nodes[${index}].${name}`, 'the control plane is one machine and no Node');
  });
}

function configOf({ name, nodes, networking = {}, ...rest }: LabFileShape): WantedLab {
  const workers = nodes?.filter(({ role }) => role !== 'control-plane');
  const settings = workers?.flatMap(({ count = 1, labels, taints, segment }) =>
    Array.from({ length: count }, () => given<NodeSettings>({ labels, taints, segment })),
  );
  const { nodeSubnet: nodeCIDR, podSubnet: podCIDR, serviceSubnet: serviceCIDR, ...network } = networking;
  const { nodeMonitorGracePeriodSeconds: nodeMonitorGraceSeconds, ...others } = rest;
  return {
    ...(settings === undefined ? {} : nodesOf(settings)),
    ...wantedRanges({ nodeCIDR, podCIDR, serviceCIDR }),
    ...given<WantedLab>({ name, ...network, nodeMonitorGraceSeconds, ...others }),
  };
}

/** Nodes are numbered in the order of the file. */
function nodesOf(settings: readonly NodeSettings[]): Pick<WantedLab, 'nodes' | 'nodeSettings'> {
  const nodes = settings.map((_, index) => `node${index + 1}`);
  const named = nodes.map((node, index): [string, NodeSettings] => [node, settings[index] ?? {}]);
  return { nodes, nodeSettings: Object.fromEntries(named.filter(([, each]) => Object.keys(each).length > 0)) };
}
