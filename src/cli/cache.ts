/** Where set-up keeps what it can make again. scripts/setup and scripts/bundle.ts use the same place. */
export function cacheFolder(): string {
  return process.env['PODWIRE_CACHE'] ?? '/var/cache/podwire';
}
