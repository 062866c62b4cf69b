/** The API of a lab, as its admin. */
import { readFile } from 'node:fs/promises';
import type { ApiClient } from '../api/client.ts';
import { createApiClient } from '../api/http-client.ts';
import { parseKubeconfig } from '../api/kubeconfig.ts';
import { labPlaces } from '../lab/index.ts';

/** Rejects when there is no such lab. */
export async function adminClient(name: string): Promise<ApiClient> {
  return createApiClient(parseKubeconfig(await readFile(labPlaces(name).kubeconfig, 'utf8')));
}
