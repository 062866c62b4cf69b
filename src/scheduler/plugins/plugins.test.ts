/** Each filter and score against a table of cases. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Node, Pod, Service, Taint, Toleration } from '../../api/types.gen.ts';
import type { Candidate, Filter } from '../framework.ts';
import { NodeState } from '../node-state.ts';
import { requestsOf } from '../requests.ts';
import { nodeAffinity } from './node-affinity.ts';
import { nodeName } from './node-name.ts';
import { nodePorts } from './node-ports.ts';
import { fewestPods, nodeResources } from './node-resources.ts';
import { nodeUnschedulable } from './node-unschedulable.ts';
import { spread } from './spread.ts';
import { taintToleration } from './taint-toleration.ts';

type Spec = NonNullable<Pod['spec']>;

function candidate(spec: Partial<Spec> = {}, metadata: Pod['metadata'] = {}, services: Service[] = []): Candidate {
  const pod: Pod = { metadata: { namespace: 'n', ...metadata }, spec: { containers: [], ...spec } };
  return { pod, requests: requestsOf(pod), services };
}

function state(name: string, node: Partial<Node> = {}, placed: readonly Pod[] = []): NodeState {
  const result = new NodeState({
    metadata: { name },
    status: { conditions: [{ type: 'Ready', status: 'True' }] },
    ...node,
  });
  placed.forEach((pod, index) => result.add(`${name}-${index}`, pod));
  return result;
}

const asks = (requests: Record<string, string>): Partial<Spec> => ({
  containers: [{ name: 'c', resources: { requests } }],
});
const withAllocatable = (allocatable: Record<string, string>): Partial<Node> => ({
  status: { allocatable, conditions: [{ type: 'Ready', status: 'True' }] },
});
const hostPort = (port: number, hostIP?: string, protocol = 'TCP'): Partial<Spec> => ({
  containers: [
    {
      name: 'c',
      ports: [{ containerPort: 80, hostPort: port, protocol, ...(hostIP === undefined ? {} : { hostIP }) }],
    },
  ],
});
const placedPod = (spec: Partial<Spec>): Pod => ({ metadata: { namespace: 'n' }, spec: { containers: [], ...spec } });

const noPorts = "node(s) didn't have free ports for the requested pod ports";
const noAffinity = "node(s) didn't match Pod's node affinity/selector";
const requires = (operator: string, ...values: string[]): Partial<Spec> => ({
  affinity: {
    nodeAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: [{ matchExpressions: [{ key: 'size', operator, values }] }],
      },
    },
  },
});
const sized = (size: string): Partial<Node> => ({ ...withAllocatable({}), metadata: { name: 'n', labels: { size } } });
const taints = (...list: Taint[]): Partial<Node> => ({ spec: { taints: list } });
const tolerating = (...tolerations: Toleration[]): Partial<Spec> => ({ tolerations });
const gpu: Taint = { key: 'gpu', value: 'yes', effect: 'NoSchedule' };

interface Case {
  readonly name: string;
  readonly filter: Filter;
  readonly pod?: Partial<Spec>;
  readonly node?: NodeState;
  readonly reasons: readonly string[];
}

const cases: readonly Case[] = [
  { name: 'no node named', filter: nodeName, reasons: [] },
  {
    name: 'another node named',
    filter: nodeName,
    pod: { nodeName: 'x' },
    reasons: ["node(s) didn't match the requested node name"],
  },
  { name: 'schedulable', filter: nodeUnschedulable, reasons: [] },
  {
    name: 'cordoned',
    filter: nodeUnschedulable,
    node: state('n', { spec: { unschedulable: true } }),
    reasons: ['node(s) were unschedulable'],
  },
  {
    name: 'cordoned but tolerated',
    filter: nodeUnschedulable,
    pod: tolerating({ key: 'node.kubernetes.io/unschedulable', operator: 'Exists' }),
    node: state('n', { spec: { unschedulable: true } }),
    reasons: [],
  },
  {
    name: 'tainted',
    filter: taintToleration,
    node: state('n', taintsReady(gpu)),
    reasons: ['node(s) had untolerated taint(s)'],
  },
  {
    name: 'taint tolerated by value',
    filter: taintToleration,
    pod: tolerating({ key: 'gpu', value: 'yes' }),
    node: state('n', taintsReady(gpu)),
    reasons: [],
  },
  {
    name: 'taint of another value',
    filter: taintToleration,
    pod: tolerating({ key: 'gpu', value: 'no' }),
    node: state('n', taintsReady(gpu)),
    reasons: ['node(s) had untolerated taint(s)'],
  },
  {
    name: 'everything tolerated',
    filter: taintToleration,
    pod: tolerating({ operator: 'Exists' }),
    node: state('n', taintsReady(gpu)),
    reasons: [],
  },
  {
    name: 'a preference is no obstacle',
    filter: taintToleration,
    node: state('n', taintsReady({ ...gpu, effect: 'PreferNoSchedule' })),
    reasons: [],
  },
  {
    name: 'never told to be ready',
    filter: taintToleration,
    node: state('n', { status: {} }),
    reasons: ['node(s) had untolerated taint(s)'],
  },
  {
    name: 'not ready, but the pod bears it',
    filter: taintToleration,
    pod: tolerating({ key: 'node.kubernetes.io/not-ready', operator: 'Exists' }),
    node: state('n', { status: {} }),
    reasons: [],
  },
  {
    name: 'selector fits',
    filter: nodeAffinity,
    pod: { nodeSelector: { size: '5' } },
    node: state('n', sized('5')),
    reasons: [],
  },
  {
    name: 'selector does not fit',
    filter: nodeAffinity,
    pod: { nodeSelector: { size: '6' } },
    node: state('n', sized('5')),
    reasons: [noAffinity],
  },
  { name: 'In', filter: nodeAffinity, pod: requires('In', '4', '5'), node: state('n', sized('5')), reasons: [] },
  {
    name: 'NotIn',
    filter: nodeAffinity,
    pod: requires('NotIn', '5'),
    node: state('n', sized('5')),
    reasons: [noAffinity],
  },
  { name: 'Gt', filter: nodeAffinity, pod: requires('Gt', '4'), node: state('n', sized('5')), reasons: [] },
  {
    name: 'Gt of equals',
    filter: nodeAffinity,
    pod: requires('Gt', '5'),
    node: state('n', sized('5')),
    reasons: [noAffinity],
  },
  {
    name: 'Lt with no number',
    filter: nodeAffinity,
    pod: requires('Lt', '6'),
    node: state('n', sized('big')),
    reasons: [noAffinity],
  },
  {
    name: 'DoesNotExist',
    filter: nodeAffinity,
    pod: requires('DoesNotExist'),
    node: state('n', sized('5')),
    reasons: [noAffinity],
  },
  {
    name: 'a term without requirements matches nothing',
    filter: nodeAffinity,
    pod: {
      affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{}] } } },
    },
    reasons: [noAffinity],
  },
  {
    name: 'room',
    filter: nodeResources,
    pod: asks({ cpu: '2' }),
    node: state('n', withAllocatable({ cpu: '2' })),
    reasons: [],
  },
  {
    name: 'no room left',
    filter: nodeResources,
    pod: asks({ cpu: '501m', memory: '2Gi' }),
    node: state('n', withAllocatable({ cpu: '1', memory: '1Gi' }), [placedPod(asks({ cpu: '0.5' }))]),
    reasons: ['Insufficient cpu', 'Insufficient memory'],
  },
  {
    name: 'unknown resource',
    filter: nodeResources,
    pod: asks({ 'x.io/gpu': '1' }),
    node: state('n', withAllocatable({ cpu: '1' })),
    reasons: ['Insufficient x.io/gpu'],
  },
  {
    name: 'too many pods',
    filter: nodeResources,
    node: state('n', withAllocatable({ pods: '1' }), [placedPod({})]),
    reasons: ['Too many pods'],
  },
  {
    name: 'port free',
    filter: nodePorts,
    pod: hostPort(80),
    node: state('n', {}, [placedPod(hostPort(81))]),
    reasons: [],
  },
  {
    name: 'port taken',
    filter: nodePorts,
    pod: hostPort(80),
    node: state('n', {}, [placedPod(hostPort(80, '10.0.0.1'))]),
    reasons: [noPorts],
  },
  {
    name: 'port taken on another address',
    filter: nodePorts,
    pod: hostPort(80, '10.0.0.2'),
    node: state('n', {}, [placedPod(hostPort(80, '10.0.0.1'))]),
    reasons: [],
  },
  {
    name: 'port taken of another protocol',
    filter: nodePorts,
    pod: hostPort(80),
    node: state('n', {}, [placedPod(hostPort(80, undefined, 'UDP'))]),
    reasons: [],
  },
];

function taintsReady(...list: Taint[]): Partial<Node> {
  return { ...taints(...list), status: { conditions: [{ type: 'Ready', status: 'True' }] } };
}

describe('filters', () => {
  for (const { name, filter, pod, node = state('n'), reasons } of cases) {
    it(`${filter.name}: ${name}`, () => {
      assert.deepEqual(filter.reasons(candidate(pod), node), reasons);
    });
  }
});

describe('what a pod asks for', () => {
  it('is its containers and sidecars, or its largest init step', () => {
    const container = (cpu: string, restartPolicy?: string): Spec['containers'][number] => ({
      name: cpu,
      resources: { requests: { cpu } },
      ...(restartPolicy === undefined ? {} : { restartPolicy }),
    });
    const spec: Partial<Spec> = {
      containers: [container('100m'), container('200m')],
      initContainers: [container('300m'), container('50m', 'Always'), container('400m')],
      overhead: { cpu: '10m' },
    };
    // Largest step: 50m sidecar + 400m = 450m, more than 100m + 200m + 50m; plus 10m.
    assert.equal(candidate(spec).requests.resources.get('cpu'), 460);
  });
});

describe('scores', () => {
  const owned = (uid: string): Pod['metadata'] => ({
    namespace: 'n',
    ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'r', uid, controller: true }],
  });
  const sibling = (metadata: Pod['metadata']): Pod => ({ metadata, spec: { containers: [] } });

  it('Spread: fewer pods of the same owner are better', () => {
    const nodes = [
      state('two', {}, [sibling(owned('r')), sibling(owned('r'))]),
      state('one', {}, [sibling(owned('r')), sibling(owned('other'))]),
      state('none', {}, [sibling(owned('other')), sibling(owned('other')), sibling(owned('other'))]),
    ];
    assert.deepEqual(spread.scores(candidate({}, owned('r')), nodes), [0, 50, 100]);
  });

  it('Spread: pods of the same Service count, those being deleted and those of other namespaces do not', () => {
    const labels = { app: 'web' };
    const service: Service = { metadata: { namespace: 'n', name: 'web' }, spec: { selector: labels } };
    const nodes = [
      state('same', {}, [sibling({ namespace: 'n', labels })]),
      state('leaving', {}, [sibling({ namespace: 'n', labels, deletionTimestamp: '2026-01-01T00:00:00Z' })]),
      state('elsewhere', {}, [sibling({ namespace: 'm', labels })]),
    ];
    assert.deepEqual(spread.scores(candidate({}, { labels }, [service]), nodes), [0, 100, 100]);
  });

  it('FewestPods: the emptier node', () => {
    const nodes = [
      state('full', {}, [placedPod({}), placedPod({})]),
      state('half', {}, [placedPod({})]),
      state('empty'),
    ];
    assert.deepEqual(fewestPods.scores(candidate(), nodes), [0, 50, 100]);
  });

  it('NodeAffinity: the sum of the weights of what matches', () => {
    const prefer = (weight: number, ...values: string[]) => ({
      weight,
      preference: { matchExpressions: [{ key: 'size', operator: 'In', values }] },
    });
    const pod = {
      affinity: {
        nodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [prefer(1, 'a', 'b'), prefer(3, 'b')] },
      },
    };
    const nodes = [state('a', sized('a')), state('b', sized('b')), state('c', sized('c'))];
    assert.deepEqual(nodeAffinity.scores(candidate(pod), nodes), [25, 100, 0]);
  });

  it('TaintToleration: fewer taints that would rather not have it', () => {
    const rather = (key: string): Taint => ({ key, effect: 'PreferNoSchedule' });
    const nodes = [
      state('two', taintsReady(rather('x'), rather('y'))),
      state('one', taintsReady(rather('x'))),
      state('none'),
    ];
    assert.deepEqual(taintToleration.scores(candidate(), nodes), [0, 50, 100]);
    assert.deepEqual(
      taintToleration.scores(candidate(tolerating({ key: 'x', operator: 'Exists' })), nodes),
      [0, 100, 100],
    );
  });
});
