/** Every field of a lab's config file, in one table: `docs/lab.md` tells the same for people, and a test compares the two. */
import {
  checkLabName,
  checkRegistry,
  graceSecondsRange,
  internetChoices,
  kubeProxyModes,
  LabError,
  maxNodes,
  maxSegments,
  dnsChoices,
  podNetworks,
} from './config.ts';
import { ipFamilies } from './ipv6-ranges.ts';
import { checkNodeLabel, labelKeyProblem, labelValueProblem } from './node-labels.ts';
import { parseRanges } from './wanted-ranges.ts';

/** `check` gives what is wrong, or undefined. */
export type Field =
  | { readonly type: 'text'; readonly check?: (value: string) => string | undefined }
  | { readonly type: 'integer'; readonly min: number; readonly max: number }
  | { readonly type: 'list'; readonly of: Field }
  | { readonly type: 'map'; readonly checkKey: (key: string) => string | undefined; readonly of: Field }
  | {
      readonly type: 'object';
      readonly fields: Readonly<Record<string, Field>>;
      readonly required?: readonly string[];
    };

const range: Field = { type: 'text', check: refusal(parseRanges) };
const labelValue: Field = { type: 'text', check: labelValueProblem };

const taint: Field = {
  type: 'object',
  required: ['key', 'effect'],
  fields: {
    key: { type: 'text', check: labelKeyProblem },
    value: labelValue,
    effect: oneOf('NoSchedule', 'PreferNoSchedule', 'NoExecute'),
  },
};

const node: Field = {
  type: 'object',
  fields: {
    role: oneOf('control-plane', 'worker'),
    count: { type: 'integer', min: 1, max: maxNodes },
    labels: { type: 'map', checkKey: checkNodeLabel, of: labelValue },
    taints: { type: 'list', of: taint },
    segment: { type: 'integer', min: 1, max: maxSegments },
  },
};

export const fileFields: Field = {
  type: 'object',
  fields: {
    name: { type: 'text', check: refusal(checkLabName) },
    nodes: { type: 'list', of: node },
    segments: { type: 'integer', min: 1, max: maxSegments },
    networking: {
      type: 'object',
      fields: {
        nodeSubnet: range,
        podSubnet: range,
        serviceSubnet: range,
        podNetwork: oneOf(...podNetworks),
        cni: { type: 'text', check: absolutePath },
        kubeProxyMode: oneOf(...kubeProxyModes),
        ipFamily: oneOf(...ipFamilies),
      },
    },
    internet: oneOf(...internetChoices),
    nodeMonitorGracePeriodSeconds: { type: 'integer', ...graceSecondsRange },
    dns: oneOf(...dnsChoices),
    insecureRegistries: { type: 'list', of: { type: 'text', check: refusal(checkRegistry) } },
  },
};

function absolutePath(value: string): string | undefined {
  return /^\/[\w./{}-]+$/.test(value) ? undefined : `"${value}" is not the whole path of a folder`;
}

function oneOf(...values: readonly string[]): Field {
  return {
    type: 'text',
    check: (value) => (values.includes(value) ? undefined : `"${value}" is none of ${values.join(', ')}`),
  };
}

/** What a check that throws says. */
function refusal(check: (value: string) => unknown): (value: string) => string | undefined {
  return (value) => {
    try {
      check(value);
      return undefined;
    } catch (error) {
      if (error instanceof LabError) return error.message;
      throw error;
    }
  };
}
