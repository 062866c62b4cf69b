/** JSON patch, RFC 6902, with JSON pointers, RFC 6901. */
import { apiError, type ApiError } from '../errors.ts';
import { cloneJson, isJsonObject, jsonEqual, setOwnValue, type JsonObject } from '../json-value.ts';

/** As many as upstream takes. */
const maxOperations = 10_000;
/** What all `copy` operations of a patch may copy together: each could double the document. */
const maxCopiedBytes = 3 * 1024 * 1024;

interface Operation {
  readonly op: string;
  readonly path: string;
  readonly from?: string;
  readonly value?: unknown;
}

type Container = JsonObject | unknown[];

function malformed(message: string): ApiError {
  return apiError({ code: 400, reason: 'BadRequest', message: `JSON patch: ${message}` });
}

function refused(message: string): ApiError {
  return apiError({ code: 422, reason: 'Invalid', message: `JSON patch: ${message}` });
}

function tokens(pointer: string): string[] {
  if (pointer === '') return [];
  if (!pointer.startsWith('/')) throw malformed(`${JSON.stringify(pointer)} is not a JSON pointer`);
  return pointer
    .slice(1)
    .split('/')
    .map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'));
}

/** The place of a token in a list; `-` is the place after the last. */
function listIndex(list: readonly unknown[], token: string, last: number): number {
  const index = token === '-' ? list.length : /^(0|[1-9]\d*)$/.test(token) ? Number(token) : Number.NaN;
  if (Number.isNaN(index) || index > last) throw refused(`there is no element ${JSON.stringify(token)}`);
  return index;
}

function child(container: unknown, token: string, pointer: string): unknown {
  if (Array.isArray(container)) return container[listIndex(container, token, container.length - 1)];
  if (isJsonObject(container) && Object.hasOwn(container, token)) return container[token];
  throw refused(`${pointer} does not exist`);
}

/** What holds the last token of the pointer. */
function parentOf(root: unknown, pointer: string): { parent: Container; token: string } {
  const path = tokens(pointer);
  const token = path.pop() ?? '';
  let parent = root;
  for (const each of path) parent = child(parent, each, pointer);
  if (!Array.isArray(parent) && !isJsonObject(parent)) throw refused(`${pointer} does not exist`);
  return { parent, token };
}

/** A document under patching; the root may be replaced as well. */
class Document {
  root: unknown;
  #copied = 0;

  constructor(root: unknown) {
    this.root = root;
  }

  get(pointer: string): unknown {
    return tokens(pointer).reduce((value, token) => child(value, token, pointer), this.root);
  }

  add(pointer: string, value: unknown): void {
    if (pointer === '') {
      this.root = value;
      return;
    }
    const { parent, token } = parentOf(this.root, pointer);
    if (Array.isArray(parent)) parent.splice(listIndex(parent, token, parent.length), 0, value);
    else setOwnValue(parent, token, value);
  }

  remove(pointer: string): unknown {
    if (pointer === '') throw refused('the whole document cannot be removed');
    const value = this.get(pointer);
    const { parent, token } = parentOf(this.root, pointer);
    if (Array.isArray(parent)) parent.splice(Number(token), 1);
    else Reflect.deleteProperty(parent, token);
    return value;
  }

  replace(pointer: string, value: unknown): void {
    this.get(pointer);
    if (pointer === '') {
      this.root = value;
      return;
    }
    const { parent, token } = parentOf(this.root, pointer);
    if (Array.isArray(parent)) parent[Number(token)] = value;
    else setOwnValue(parent, token, value);
  }

  move(from: string, pointer: string): void {
    if (pointer.startsWith(`${from}/`)) throw refused(`${from} cannot be moved into itself`);
    this.add(pointer, this.remove(from));
  }

  copy(from: string, pointer: string): void {
    const value = this.get(from);
    this.#copied += JSON.stringify(value).length;
    if (this.#copied > maxCopiedBytes) throw refused('the copy operations copy too much');
    this.add(pointer, cloneJson(value));
  }

  test(pointer: string, value: unknown): void {
    if (!jsonEqual(this.get(pointer), value)) throw refused(`test failed: ${pointer} has another value`);
  }
}

function asOperation(value: unknown): Operation {
  if (!isJsonObject(value) || typeof value['op'] !== 'string' || typeof value['path'] !== 'string') {
    throw malformed('an operation needs op and path');
  }
  return value as unknown as Operation;
}

function valueOf(operation: Operation): unknown {
  if (!Object.hasOwn(operation, 'value')) throw malformed(`${operation.op} ${operation.path} needs a value`);
  return cloneJson(operation.value);
}

function fromOf(operation: Operation): string {
  if (typeof operation.from !== 'string') throw malformed(`${operation.op} ${operation.path} needs from`);
  return operation.from;
}

function apply(document: Document, operation: Operation): void {
  const { op, path } = operation;
  switch (op) {
    case 'add':
      return document.add(path, valueOf(operation));
    case 'remove':
      return void document.remove(path);
    case 'replace':
      return document.replace(path, valueOf(operation));
    case 'move':
      return document.move(fromOf(operation), path);
    case 'copy':
      return document.copy(fromOf(operation), path);
    case 'test':
      return document.test(path, valueOf(operation));
    default:
      throw malformed(`there is no operation ${JSON.stringify(op)}`);
  }
}

/**
 * The patched object; it shares nothing with the arguments. Throws an ApiError: 400 when the patch is malformed, 413 when
 * it is too long, 422 when an operation cannot be carried out (also a failed `test`). All or nothing.
 */
export function applyJsonPatch<T>(object: T, patch: unknown): T {
  if (!Array.isArray(patch)) throw malformed('must be a list of operations');
  if (patch.length > maxOperations) {
    const message = `JSON patch: at most ${maxOperations} operations are allowed`;
    throw apiError({ code: 413, reason: 'RequestEntityTooLarge', message });
  }
  const document = new Document(cloneJson(object));
  for (const operation of patch) apply(document, asOperation(operation));
  return document.root as T;
}
