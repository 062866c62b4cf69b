/** The server as a client of itself, in the same process: the way of every object, without HTTP. */
import type { KubeObject, ObjectKey } from '../api/client.ts';
import type { ResourceType } from '../api/resources.ts';
import type { BootstrapClient } from './ensure.ts';
import type { Machinery } from './machinery.ts';
import type { ResourceRequest, Verb } from './request.ts';
import { objectAt } from './storage/codec.ts';
import { insertObject } from './storage/insert.ts';
import { modifyObject, storedObject } from './storage/modify.ts';
import type { StoredValue } from '../store/contract.ts';

const user = { name: 'system:apiserver', groups: ['system:masters'] };

/** Reads and writes pass defaults, admission and validation, but no authentication. Rejects as the API does. */
export function createOwnClient(machinery: Machinery): BootstrapClient {
  function request(verb: Verb, type: ResourceType<unknown>, { namespace = '', name }: ObjectKey): ResourceRequest {
    const { group, version, resource } = type;
    const row = machinery.registry.find(group, version, resource);
    if (row === undefined) throw new Error(`${resource} of ${group}/${version} is not served`);
    return {
      verb,
      row,
      user,
      path: { group, version, resource, subresource: '', namespace, name },
      query: new URLSearchParams(),
      representation: { form: 'object', encoding: 'json' },
      dryRun: false,
      contentType: 'application/json',
      body: () => Promise.reject(new Error('no body')),
      warn: () => undefined,
    };
  }
  const keyOf = ({ metadata: { namespace, name = '' } }: KubeObject): ObjectKey => ({ namespace, name });
  const decoded = <T extends KubeObject>({ value, modRevision }: StoredValue): T =>
    structuredClone(objectAt<T>(value, modRevision));

  return {
    get: async <T extends KubeObject>(type: ResourceType<T>, key: ObjectKey) =>
      decoded<T>(storedObject(machinery, request('get', type, key))),
    create: async <T extends KubeObject>(type: ResourceType<T>, object: T) =>
      decoded<T>(await insertObject(machinery, request('create', type, keyOf(object)), structuredClone(object))),
    update: async <T extends KubeObject>(type: ResourceType<T>, object: T) => {
      const asked = request('update', type, keyOf(object));
      return decoded<T>(await modifyObject(machinery, asked, 'main', () => structuredClone(object)));
    },
  };
}
