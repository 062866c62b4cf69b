/** One thing a plan is going to do to the kernel, and why. A plan prints itself as these lines, dry or real. */
export interface Change {
  /** e.g. `add`, `rewrite`, `delete`. */
  readonly action: string;
  /** e.g. `nat PW-SVC-1a2b3c4d-web`, `route 10.45.2.0/24`. */
  readonly object: string;
  readonly reason: string;
}

/** One line a change, in the order of the plan. */
export function printChanges(changes: readonly Change[]): string {
  return changes.map(({ action, object, reason }) => `${action} ${object}: ${reason}`).join('\n');
}
