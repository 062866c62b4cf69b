/** Times as the API writes them. */

/** meta/v1 Time: RFC 3339 in UTC with seconds, `2026-01-01T00:00:00Z`. */
export function formatTime(date: Date): string {
  return `${date.toISOString().slice(0, 19)}Z`;
}

/** meta/v1 MicroTime: RFC 3339 in UTC with microseconds, `2026-01-01T00:00:00.000000Z`. */
export function formatMicroTime(date: Date): string {
  return `${date.toISOString().slice(0, 23)}000Z`;
}
