/**
 * A resource is a row: what it is called, which columns `kubectl get` shows, and a strategy of small functions. The
 * handlers (src/apiserver/handlers/) are the same for every row; a handler that asks for a resource by name is a bug.
 */
import type { DeleteOptions, KubeObject } from '../api/client.ts';
import type { ResourceType } from '../api/resources.ts';
import type { LabelSelector, PolicyRule, RoleRef } from '../api/types.gen.ts';
import type { Attributes } from './authz/attributes.ts';
import type { User } from './request.ts';

/** One thing wrong with an object, as upstream's field errors print: `spec.ports[0].port: Invalid value: 0: must be …`. */
export interface FieldError {
  readonly field: string;
  readonly reason:
    | 'FieldValueRequired'
    | 'FieldValueInvalid'
    | 'FieldValueNotSupported'
    | 'FieldValueDuplicate'
    | 'FieldValueForbidden'
    | 'FieldValueTooLong'
    | 'FieldValueTooMany'
    | 'FieldValueNotFound';
  /** With the offending value where there is one: `Invalid value: "x": must be …`. */
  readonly message: string;
}

/** One column of the server-side table (meta/v1 Table). `priority` 1 is shown only with `-o wide`. */
export interface Column<T> {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'date';
  readonly format?: 'name';
  readonly priority?: 0 | 1;
  readonly description: string;
  readonly cell: (object: T, now: Date) => string | number | undefined;
}

/** Reads that a strategy may need of other objects; always the latest committed state. */
export interface Lookup {
  get<T extends KubeObject>(type: ResourceType<T>, key: { namespace?: string; name: string }): T | undefined;
  list<T extends KubeObject>(type: ResourceType<T>, namespace?: string): readonly T[];
}

/** What the one who asks may do beside this request. */
export interface Permissions {
  /** Nothing is asked of the group system:masters. */
  readonly isMaster: boolean;
  allows(asked: Pick<Attributes, 'verb' | 'group' | 'resource' | 'name' | 'namespace'>): boolean;
  /** All rules that hold for the user in a namespace, those of the whole cluster among them. */
  rules(namespace: string): readonly PolicyRule[];
  /** The rules of a role, whoever asks; undefined when there is no such role. */
  rulesOfRole(reference: Pick<RoleRef, 'kind' | 'name'>, namespace: string): readonly PolicyRule[] | undefined;
}

/** Who asks, and what a strategy may use while it decides. */
export interface StrategyContext {
  readonly user: User;
  readonly permissions: Permissions;
  /** `status`, `eviction`, …; empty for the object itself. */
  readonly subresource: string;
  readonly now: Date;
  readonly lookup: Lookup;
  /** True for `?dryRun=All`: allocate nothing that must be given back. */
  readonly dryRun: boolean;
}

/** All functions work on a private copy and may change it; none does IO. */
export interface Strategy<T extends KubeObject> {
  /** Fills what upstream's defaulting fills. Runs on create, update and after a patch. */
  readonly setDefaults?: (object: T) => void;
  /** Clears what a creator may not set (status), sets generation 1, and the like. */
  readonly prepareForCreate?: (object: T, context: StrategyContext) => void;
  /** Keeps what an update may not change (status on the main resource, spec on `status`), bumps generation on a spec change. */
  readonly prepareForUpdate?: (object: T, old: T, context: StrategyContext) => void;
  readonly prepareForStatusUpdate?: (object: T, old: T, context: StrategyContext) => void;
  readonly validate: (object: T, context: StrategyContext) => readonly FieldError[];
  readonly validateUpdate?: (object: T, old: T, context: StrategyContext) => readonly FieldError[];
  /**
   * Takes what the object needs from a shared pool (ClusterIPs, NodePorts) and writes it into the object; runs after
   * validation. Throws an ApiError when the pool has none. `old` is missing on create.
   */
  readonly allocate?: (object: T, old: T | undefined, context: StrategyContext) => Allocation;
  /** Gives back what a deleted object held. */
  readonly release?: (object: T) => void;
  /** At start, before the first request, with all that is stored: fills what `allocate` takes from. */
  readonly restore?: (stored: readonly T[]) => void;
  /** Finalizers that stand outside of metadata (a namespace's `spec.finalizers`); they hold the object just like those. */
  readonly finalizers?: (object: T) => readonly string[];
  /** What a DELETE writes into an object that does not go at once, beside deletionTimestamp (a namespace becomes Terminating). */
  readonly prepareForDelete?: (object: T) => void;
  /** As prepareForStatusUpdate, for the `approval` subresource. */
  readonly prepareForApprovalUpdate?: (object: T, old: T, context: StrategyContext) => void;
  /** As prepareForStatusUpdate, for the `finalize` subresource. */
  readonly prepareForFinalizeUpdate?: (object: T, old: T, context: StrategyContext) => void;
  /** Fields beyond metadata.name and metadata.namespace that a fieldSelector may ask for. */
  readonly selectableFields?: Readonly<Record<string, (object: T) => string>>;
  /**
   * How a DELETE goes. Undefined or 0: the object goes at once (unless finalizers hold it). A number: graceful, so that
   * deletionTimestamp and deletionGracePeriodSeconds are set and somebody else ends it with grace period 0 (pods on a node).
   */
  readonly gracePeriodSeconds?: (object: T, options: DeleteOptions) => number | undefined;
  /** What becomes of dependents when a DELETE does not say it; left out: they go in the background. */
  readonly defaultPropagation?: 'Orphan';
  /** The pods that its Scale tells of, where `spec.selector` is no LabelSelector. */
  readonly podSelector?: (object: T) => LabelSelector;
}

/**
 * Looks at an object on its way in, after defaulting and before validation, and may change it (`object` is a private
 * copy). Throws an ApiError to refuse. `old` is missing on create.
 */
export type Admission = (
  row: ResourceRow,
  object: KubeObject,
  old: KubeObject | undefined,
  context: StrategyContext,
) => void;

/** Looks at an object that somebody wants to delete. Throws an ApiError to refuse. */
export type AdmissionOfDeletes = (row: ResourceRow, object: KubeObject, context: StrategyContext) => void;

/** What `allocate` took; `rollback` gives it back when the write did not come through, `commit` gives back what the old object held and the new does not. */
export interface Allocation {
  commit(): void;
  rollback(): void;
}

export type Subresource =
  | 'status'
  | 'scale'
  | 'log'
  | 'exec'
  | 'attach'
  | 'portforward'
  | 'proxy'
  | 'binding'
  | 'eviction'
  | 'finalize'
  | 'approval'
  | 'token';

export interface ResourceRow<T extends KubeObject = KubeObject> {
  readonly type: ResourceType<T>;
  readonly singular: string;
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
  readonly subresources: readonly Subresource[];
  readonly columns: readonly Column<T>[];
  readonly strategy: Strategy<T>;
}
