/** meta/v1 PartialObjectMetadata: an object's metadata alone. */
import type { KubeObject } from '../../api/client.ts';

export const metaVersion = 'meta.k8s.io/v1';

export function partialObject({ metadata }: KubeObject): KubeObject {
  return { kind: 'PartialObjectMetadata', apiVersion: metaVersion, metadata };
}
