/** `activeDeadlineSeconds`: how long a pod may be active on its node. Pure. */
import type { Pod } from '../../api/types.gen.ts';
import type { Rejection } from './admission.ts';

/** What a pod says that has reached it. */
export const deadlineExceeded: Rejection = {
  reason: 'DeadlineExceeded',
  message: 'Pod was active on the node longer than the specified deadline',
};

/** Ms from `nowMs` until then, below 0 when it is over; undefined: it has none, or has not begun. */
export function msToDeadline({ spec, status }: Pod, nowMs: number): number | undefined {
  const seconds = spec?.activeDeadlineSeconds;
  const startedAt = Date.parse(status?.startTime ?? '');
  return seconds === undefined || Number.isNaN(startedAt) ? undefined : startedAt + seconds * 1000 - nowMs;
}
