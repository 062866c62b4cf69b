/** The API of a lab, as its admin. */
import { readFile } from 'node:fs/promises';
import type { ApiClient } from '../api/client.ts';
import { createApiClient } from '../api/http-client.ts';
import { parseKubeconfig } from '../api/kubeconfig.ts';
import { LabError, labPlaces } from '../lab/index.ts';

/** Rejects with a LabError when there is no such lab. */
export async function adminClient(name: string): Promise<ApiClient> {
  const text = await readFile(labPlaces(name).kubeconfig, 'utf8').catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw new LabError(`there is no lab ${name}: podwire up makes one`);
  });
  return createApiClient(parseKubeconfig(text));
}
