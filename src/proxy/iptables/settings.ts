/** What the rules of a family depend on besides the table. */
import type { Family } from '../../kernel/family.ts';
import type { BackEndSettings } from '../back-end.ts';

export interface RuleSettings extends Pick<BackEndSettings, 'clusterCIDR' | 'nodePortAddresses'> {
  readonly family: Family;
  /**
   * Answers that conntrack does not know (INVALID: out of its window) leave untranslated, and the client resets its connection.
   * Unless the kernel is told to be liberal about windows they are dropped.
   */
  readonly dropsInvalid?: boolean;
}
