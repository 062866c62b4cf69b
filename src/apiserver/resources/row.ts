/** Rows of different objects in one table. */
import type { KubeObject } from '../../api/client.ts';
import type { ResourceRow } from '../resource.ts';

/**
 * A row for Pods is no row for any object, since its functions take Pods. The table holds all rows nevertheless, and it is
 * sound: the handlers give a row only objects of the row's own type, which they read under its URL and store keys.
 */
export function asRow<T extends KubeObject>(row: ResourceRow<T>): ResourceRow {
  return row as unknown as ResourceRow;
}
