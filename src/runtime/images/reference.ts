/** How images are named: `[registry/]path[:tag][@digest]`, in the grammar of distribution/reference. */

import { RuntimeError } from '../errors.ts';

/** A name with nothing left out. */
export interface ImageReference {
  /** `docker.io/library/busybox` */
  readonly repository: string;
  /** `latest` when neither tag nor digest was given. */
  readonly tag: string | undefined;
  /** `sha256:…` */
  readonly digest: string | undefined;
}

const pathPart = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*';
const domain = '(?:[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?|\\[[0-9a-fA-F:]+\\])(?::[0-9]+)?';
const grammar = new RegExp(
  `^(?<name>(?:${domain}/)?${pathPart}(?:/${pathPart})*)(?::(?<tag>\\w[\\w.-]{0,127}))?(?:@(?<digest>sha256:[0-9a-f]{64}))?$`,
);
const maxNameLength = 255;

/** Fills in what was left out as the field does: `busybox` is `docker.io/library/busybox:latest`. Throws a RuntimeError when it is no name at all. */
export function parseReference(text: string): ImageReference {
  const groups = text.length > 2 * maxNameLength ? undefined : grammar.exec(text)?.groups;
  if (groups?.name === undefined) throw new RuntimeError(`${JSON.stringify(text.slice(0, 100))} is no image name`);
  const { name, tag, digest } = groups;
  const repository = withRegistry(name);
  if (repository.length > maxNameLength)
    throw new RuntimeError(`the image name ${repository} is longer than ${maxNameLength}`);
  return { repository, tag: tag ?? (digest === undefined ? 'latest' : undefined), digest };
}

/** The first part is a registry only when it cannot be a folder: it has a dot, a port, a capital, or is `localhost`. */
function withRegistry(name: string): string {
  const slash = name.indexOf('/');
  const first = name.slice(0, Math.max(slash, 0));
  const isRegistry = /[.:A-Z]/.test(first) || first === 'localhost';
  const registry = isRegistry && first !== 'index.docker.io' ? first : 'docker.io';
  const path = isRegistry ? name.slice(slash + 1) : name;
  return registry === 'docker.io' && !path.includes('/') ? `docker.io/library/${path}` : `${registry}/${path}`;
}

/** The registry of a name, e.g. `docker.io` or `localhost:5000`. Throws when it is no name. */
export function registryOf(text: string): string {
  const { repository } = parseReference(text);
  return repository.slice(0, repository.indexOf('/'));
}

/** `docker.io/library/busybox:latest`; the text under which a tag is stored. */
export function tagName({ repository, tag }: ImageReference): string {
  return `${repository}:${tag ?? 'latest'}`;
}

/** The ID when the text is one: `sha256:…` or 64 hex digits. */
export function imageIdOf(text: string): string | undefined {
  const hex = /^(?:sha256:)?([0-9a-f]{64})$/.exec(text)?.[1];
  return hex === undefined ? undefined : `sha256:${hex}`;
}
