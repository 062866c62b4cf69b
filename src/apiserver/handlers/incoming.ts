/** Objects as clients send them: read, checked against the schema, cut to what the kind has. */
import type { KubeObject } from '../../api/client.ts';
import { isJsonObject } from '../../api/json-value.ts';
import { apiVersionOf } from '../../api/resources.ts';
import { checkObject, pruneUnknown } from '../../api/schema/table.ts';
import { badRequest } from '../errors.ts';
import { parseBody } from '../http/body.ts';
import type { ResourceRequest } from '../request.ts';

/** What a body must be: an apiVersion, a kind, and its definition in the schema table. */
export interface Expected {
  readonly apiVersion: string;
  readonly kind: string;
  readonly definition: string;
}

/**
 * `?fieldValidation=`: Strict refuses fields that the kind does not have, Warn (the default) names them in a header,
 * Ignore drops them silently. Values of a wrong type are refused by all three.
 */
function checkFields(request: ResourceRequest, object: unknown, { definition, kind, apiVersion }: Expected): void {
  const { unknown, wrong } = checkObject(definition, object);
  if (wrong.length > 0) {
    const version = apiVersion.slice(apiVersion.indexOf('/') + 1);
    throw badRequest(`${kind} in version "${version}" cannot be handled as a ${kind}: ${wrong.join(', ')}`);
  }
  const texts = unknown.map((path) => `unknown field "${path}"`);
  const mode = request.query.get('fieldValidation') || 'Warn';
  if (mode === 'Strict' && texts.length > 0) throw badRequest(`strict decoding error: ${texts.join(', ')}`);
  if (mode === 'Warn') for (const text of texts) request.warn(text);
}

function checkKind(object: Record<string, unknown>, { apiVersion, kind }: Expected): void {
  if ((object['apiVersion'] ?? '') !== '' && object['apiVersion'] !== apiVersion) {
    const sent = String(object['apiVersion']);
    const rule = `does not match the expected API version (${apiVersion})`;
    throw badRequest(`the API version in the data (${sent}) ${rule}`);
  }
  if ((object['kind'] ?? '') !== '' && object['kind'] !== kind) {
    const version = apiVersion.slice(apiVersion.indexOf('/') + 1);
    throw badRequest(`${String(object['kind'])} in version "${version}" cannot be handled as a ${kind}`);
  }
}

/** An object from outside, checked; a private copy without unknown fields and nulls. Throws 400. */
export function acceptObject<T>(request: ResourceRequest, value: unknown, expected: Expected): T {
  if (!isJsonObject(value)) throw badRequest(`the body is not a ${expected.kind}`);
  checkKind(value, expected);
  checkFields(request, value, expected);
  return { ...pruneUnknown(expected.definition, value), kind: expected.kind, apiVersion: expected.apiVersion } as T;
}

/** Reads the body as an object of some kind (a Binding, an Eviction, a Scale). */
export async function readObject<T>(request: ResourceRequest, expected: Expected): Promise<T> {
  return acceptObject<T>(request, parseBody(await request.body(), request.contentType), expected);
}

/** What the row's own objects must be. */
export function expectedOf(request: ResourceRequest, definition: string): Expected {
  return { apiVersion: apiVersionOf(request.row.type), kind: request.row.type.kind, definition };
}

/** Takes namespace and name from the URL, where the body may leave them out but not contradict. Throws 400. */
export function placeObject(request: ResourceRequest, object: KubeObject): void {
  const { namespace, name } = request.path;
  object.metadata = isJsonObject(object.metadata) ? object.metadata : {};
  const { metadata } = object;
  if (namespace !== '' && request.row.type.namespaced) {
    if (metadata.namespace !== undefined && metadata.namespace !== '' && metadata.namespace !== namespace) {
      throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
    }
    metadata.namespace = namespace;
  }
  if (name === '') return;
  if (metadata.name !== undefined && metadata.name !== '' && metadata.name !== name) {
    throw badRequest(`the name of the object (${metadata.name}) does not match the name on the URL (${name})`);
  }
  metadata.name = name;
}
