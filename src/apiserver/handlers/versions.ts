/** resourceVersion and resourceVersionMatch of reads: https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions */
import { badRequest, tooLargeVersion } from '../errors.ts';
import type { Machinery } from '../machinery.ts';
import type { ResourceRequest } from '../request.ts';

/** The query's resourceVersion as a number; undefined when unset. Throws 400. */
export function parseRevision(text: string | null): number | undefined {
  if (text === null || text === '') return undefined;
  const revision = Number(text);
  if (!Number.isSafeInteger(revision) || revision < 0) throw badRequest(`invalid resource version "${text}"`);
  return revision;
}

/** Throws 504 when the client has already seen a later revision than ours. */
export function requireRevision(machinery: Machinery, request: ResourceRequest): void {
  const asked = parseRevision(request.query.get('resourceVersion'));
  if (asked !== undefined && asked > machinery.store.revision) throw tooLargeVersion(asked, machinery.store.revision);
}
