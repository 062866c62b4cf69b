/** The plugins in use. Filters run in this order and the first that says no has said it for that node. */
import type { Filter, Score } from '../framework.ts';
import { nodeAffinity } from './node-affinity.ts';
import { nodeName } from './node-name.ts';
import { nodePorts } from './node-ports.ts';
import { fewestPods, nodeResources } from './node-resources.ts';
import { nodeUnschedulable } from './node-unschedulable.ts';
import { spread } from './spread.ts';
import { taintToleration } from './taint-toleration.ts';

export const filters: readonly Filter[] = [
  nodeUnschedulable,
  nodeName,
  taintToleration,
  nodeAffinity,
  nodePorts,
  nodeResources,
];

export const scores: readonly Score[] = [taintToleration, nodeAffinity, spread, fewestPods];
