/** Whether a toleration is for a taint. */
import type { Taint, Toleration } from './types.gen.ts';

/** An empty effect or key (with `Exists`) stands for all. */
export function tolerates(toleration: Toleration, taint: Taint): boolean {
  if ((toleration.effect ?? '') !== '' && toleration.effect !== taint.effect) return false;
  const key = toleration.key ?? '';
  if (key !== '' && key !== taint.key) return false;
  if (toleration.operator === 'Exists') return true;
  return key !== '' && (toleration.value ?? '') === (taint.value ?? '');
}
