/** Which node does a user speak for? */
import type { Attributes } from './attributes.ts';

const prefix = 'system:node:';

/** The node's name; undefined for whom is no node (both the name and the group are needed). */
export function nodeNameOf({ name, groups }: Attributes['user']): string | undefined {
  return name.startsWith(prefix) && groups.includes('system:nodes') ? name.slice(prefix.length) : undefined;
}
