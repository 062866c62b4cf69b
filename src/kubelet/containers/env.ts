/** A container's environment, from its spec and the objects it refers to. Pure: the objects are fetched before. */
import type { ConfigMap, Container, EnvVar, Pod, Quantity, Secret } from '../../api/types.gen.ts';
import { configError } from './config-error.ts';
import { expand } from './expand.ts';
import { fieldValue, resourceValue, type PodAddresses } from './field-ref.ts';

/** ConfigMaps and Secrets of the pod's namespace by name; null: it does not exist. */
export interface References {
  readonly configMaps: ReadonlyMap<string, ConfigMap | null>;
  readonly secrets: ReadonlyMap<string, Secret | null>;
}

export interface EnvInput {
  readonly pod: Pod;
  readonly container: Container;
  readonly addresses: PodAddresses;
  readonly references: References;
  readonly serviceVariables: Readonly<Record<string, string>>;
  readonly allocatable: Readonly<Record<string, Quantity>>;
}

/** What to fetch before {@link environment} can be called. */
export function environmentReferences(container: Container): { configMaps: string[]; secrets: string[] } {
  const { env = [], envFrom = [] } = container;
  const sources = [
    ...env.map(({ valueFrom }) => ({ configMap: valueFrom?.configMapKeyRef, secret: valueFrom?.secretKeyRef })),
    ...envFrom.map(({ configMapRef, secretRef }) => ({ configMap: configMapRef, secret: secretRef })),
  ];
  const names = (kind: 'configMap' | 'secret'): string[] =>
    sources.map((source) => source[kind]?.name).filter((name) => name !== undefined);
  return { configMaps: names('configMap'), secrets: names('secret') };
}

/** A Secret's or ConfigMap's values as text. */
export function textData(object: ConfigMap | Secret, kind: 'configmap' | 'secret'): Record<string, string> {
  if (kind === 'configmap') return object.data ?? {};
  const entries = Object.entries(object.data ?? {});
  return Object.fromEntries(entries.map(([key, value]) => [key, Buffer.from(value, 'base64').toString('utf8')]));
}

type Kind = 'configmap' | 'secret';

function lookUp(references: References, kind: Kind, name: string, optional: boolean): ConfigMap | Secret | undefined {
  const object = (kind === 'configmap' ? references.configMaps : references.secrets).get(name);
  if (object === undefined || object === null) {
    if (optional) return undefined;
    throw configError(`${kind} "${name}" not found`);
  }
  return object;
}

function bulk({ pod, container, references }: EnvInput): Map<string, string> {
  const values = new Map<string, string>();
  for (const { prefix = '', configMapRef, secretRef } of container.envFrom ?? []) {
    const kind: Kind = configMapRef === undefined ? 'secret' : 'configmap';
    const ref = configMapRef ?? secretRef;
    if (ref === undefined)
      throw configError(`container ${container.name} of pod ${pod.metadata.name ?? ''}: empty envFrom`);
    const object = lookUp(references, kind, ref.name ?? '', ref.optional === true);
    if (object === undefined) continue;
    for (const [key, value] of Object.entries(textData(object, kind))) {
      if (!key.includes('=')) values.set(prefix + key, value);
    }
  }
  return values;
}

function keyed(
  input: EnvInput,
  kind: Kind,
  ref: { key: string; name?: string; optional?: boolean },
): string | undefined {
  const { name = '', key, optional = false } = ref;
  const object = lookUp(input.references, kind, name, optional);
  if (object === undefined) return undefined;
  const value = textData(object, kind)[key];
  if (value !== undefined || optional) return value;
  const title = kind === 'configmap' ? 'ConfigMap' : 'Secret';
  throw configError(`couldn't find key ${key} in ${title} ${input.pod.metadata.namespace ?? ''}/${name}`);
}

function fromSource(input: EnvInput, valueFrom: NonNullable<EnvVar['valueFrom']>): string | undefined {
  const { fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef } = valueFrom;
  if (configMapKeyRef !== undefined) return keyed(input, 'configmap', configMapKeyRef);
  if (secretKeyRef !== undefined) return keyed(input, 'secret', secretKeyRef);
  if (fieldRef !== undefined) {
    const value = fieldValue(input.pod, fieldRef.fieldPath, input.addresses);
    if (value === undefined) throw configError(`unsupported fieldPath: ${fieldRef.fieldPath}`);
    return value;
  }
  if (resourceFieldRef !== undefined) {
    const value = resourceValue(input.pod, input.container.name, resourceFieldRef, input.allocatable);
    if (value === undefined) throw configError(`unsupported container resource: ${resourceFieldRef.resource}`);
    return value;
  }
  throw configError('a valueFrom names no source that is supported');
}

/**
 * Every variable of the container, each name once. Variables of the spec may use those before them and the Services'
 * by `$(NAME)`; spec wins over envFrom, both win over Services. Throws a ContainerError for what is missing.
 */
export function environment(input: EnvInput): Map<string, string> {
  const values = bulk(input);
  for (const { name, value, valueFrom } of input.container.env ?? []) {
    const lookup = (other: string): string | undefined => values.get(other) ?? input.serviceVariables[other];
    const next = valueFrom === undefined ? expand(value ?? '', lookup) : fromSource(input, valueFrom);
    if (next !== undefined) values.set(name, next);
  }
  const all = new Map(Object.entries(input.serviceVariables));
  for (const [name, value] of values) all.set(name, value);
  return all;
}
