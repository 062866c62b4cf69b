/** Services by nftables: elements of a few maps, an endpoint drawn by a random number in the key of a look-up. */
import type { Mode } from '../back-end.ts';
import { deleteTable } from '../../kernel/nft.ts';
import { createNftablesBackEnd } from './back-end.ts';
import { missingFeatures } from './features.ts';
import { tableOf } from './names.ts';

export const nftablesMode: Mode = {
  name: 'nftables',
  missing: missingFeatures,
  create: createNftablesBackEnd,
  cleanUp: async (exec, family) => {
    const table = tableOf(family);
    if (!(await deleteTable(exec, table))) return [];
    return [{ action: 'delete', object: `table ${table.family} ${table.name}`, reason: 'another mode serves now' }];
  },
};
