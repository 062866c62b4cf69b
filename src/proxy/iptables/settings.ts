/** What the rules of a family depend on besides the table. */
import type { Family } from '../../kernel/family.ts';
import type { BackEndSettings } from '../back-end.ts';

export interface RuleSettings extends Pick<BackEndSettings, 'clusterCIDR' | 'nodePortAddresses'> {
  readonly family: Family;
}
