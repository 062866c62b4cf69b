/** Cordoned nodes take no new pods, but those that tolerate the taint that stands for it. */
import type { Filter } from '../framework.ts';
import { tolerates } from '../../api/tolerations.ts';

const taint = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' };

export const nodeUnschedulable: Filter = {
  name: 'NodeUnschedulable',
  reasons: ({ pod }, { node }) => {
    if (node.spec?.unschedulable !== true) return [];
    const isTolerated = (pod.spec?.tolerations ?? []).some((toleration) => tolerates(toleration, taint));
    return isTolerated ? [] : ['node(s) were unschedulable'];
  },
};
