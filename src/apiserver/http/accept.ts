/** Which form of reply a client asked for. */
import { notAcceptable } from '../errors.ts';
import type { Representation } from '../request.ts';

/** One entry of an Accept header: `application/json;as=Table;v=v1;g=meta.k8s.io`. */
export interface MediaRange {
  readonly type: string;
  readonly parameters: Readonly<Record<string, string>>;
}

const encodings: Readonly<Record<string, Representation['encoding']>> = {
  'application/json': 'json',
  'application/yaml': 'yaml',
  'application/*': 'json',
  '*/*': 'json',
};

/** The entries in the client's order of preference. */
export function parseAccept(header: string | undefined): readonly MediaRange[] {
  const ranges = (header ?? '*/*').split(',').map((entry) => {
    const [type = '', ...pairs] = entry.split(';').map((part) => part.trim());
    const parameters = Object.fromEntries(
      pairs.map((pair) => {
        const [key = '', value = ''] = pair.split('=').map((part) => part.trim());
        return [key, value] as const;
      }),
    );
    return { type: type.toLowerCase(), parameters, quality: Number(parameters['q'] ?? 1) };
  });
  return ranges.filter(({ quality }) => quality > 0).sort((a, b) => b.quality - a.quality);
}

function formOf({ parameters }: MediaRange): Representation['form'] | undefined {
  const { as: form, g: group, v: version } = parameters;
  if (form === undefined) return 'object';
  if (group !== 'meta.k8s.io' || (version !== 'v1' && version !== 'v1beta1')) return undefined;
  if (form === 'Table') return 'table';
  return form === 'PartialObjectMetadata' || form === 'PartialObjectMetadataList' ? 'partial' : undefined;
}

/**
 * The first form of the header that we can make; only whole objects when `objectsOnly`. Throws a 406 when there is none, as for
 * protobuf alone.
 */
export function negotiate(header: string | undefined, objectsOnly = false): Representation {
  for (const range of parseAccept(header)) {
    const encoding = Object.hasOwn(encodings, range.type) ? encodings[range.type] : undefined;
    const form = formOf(range);
    if (encoding !== undefined && form !== undefined && !(objectsOnly && form !== 'object')) return { form, encoding };
  }
  throw notAcceptable(['application/json', 'application/yaml']);
}
