/** A pod that names its node runs there only. */
import type { Filter } from '../framework.ts';

export const nodeName: Filter = {
  name: 'NodeName',
  reasons: ({ pod }, node) => {
    const wanted = pod.spec?.nodeName ?? '';
    return wanted === '' || wanted === node.name ? [] : ["node(s) didn't match the requested node name"];
  },
};
