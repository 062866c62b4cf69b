/** What is tested with, by version, and where what is built for it lies. */
import { join } from 'node:path';

/** Kubernetes' own tests of this version; the API's schema table is of the same. */
export const kubernetesVersion = '1.36.3';

const cache = process.env['PODWIRE_CACHE'] ?? '/var/cache/podwire';
const folder = join(cache, `conformance-${kubernetesVersion}`);

export const places = {
  /** A Go module of ours that requires theirs. */
  module: join(folder, 'module'),
  programs: join(folder, 'bin'),
  /** Debian packages of what the images hold, extracted, not installed. */
  packages: join(folder, 'packages'),
  images: join(folder, 'images'),
};

/** Longest time for all builds of a run together, with nothing cached; and for Debian's packages. */
export const buildTimeoutMs = 9 * 60_000;

/** The test cannot be run here: no toolchain, no module proxy. Whoever calls decides whether that is a failure. */
export class NotHereError extends Error {
  override readonly name = 'NotHereError';
}
