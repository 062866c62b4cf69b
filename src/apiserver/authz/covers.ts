/** Who holds all that a role gives? The arithmetic that keeps people from granting more than they have. Pure. */
import type { PolicyRule } from '../../api/types.gen.ts';
import { pathCovers, resourceCovers } from './policy-rule.ts';

/** A rule of one verb and one resource (of one name, perhaps), or of one verb and one path. */
type Atom = PolicyRule;

/** Rules multiply: what breaks down into more atoms than this is not looked into. */
const maxAtoms = 20_000;

const list = (values: readonly string[] | undefined): readonly string[] => values ?? [];

function atomCount({ verbs, apiGroups, resources, resourceNames, nonResourceURLs }: PolicyRule): number {
  const named = Math.max(1, list(resourceNames).length);
  return verbs.length * (list(apiGroups).length * list(resources).length * named + list(nonResourceURLs).length);
}

function atomsOf({ verbs, apiGroups, resources, resourceNames, nonResourceURLs }: PolicyRule): Atom[] {
  const named = list(resourceNames).length === 0 ? [undefined] : list(resourceNames);
  const ofResources = list(apiGroups).flatMap((group) =>
    list(resources).flatMap((resource) =>
      verbs.flatMap((verb) =>
        named.map((name): Atom => {
          const atom = { apiGroups: [group], resources: [resource], verbs: [verb] };
          return name === undefined ? atom : { ...atom, resourceNames: [name] };
        }),
      ),
    ),
  );
  const ofPaths = list(nonResourceURLs).flatMap((path) =>
    verbs.map((verb): Atom => ({ nonResourceURLs: [path], verbs: [verb] })),
  );
  return [...ofResources, ...ofPaths];
}

const covered = (owned: readonly string[] | undefined, wanted: readonly string[] | undefined): boolean =>
  list(owned).includes('*') || list(wanted).every((each) => list(owned).includes(each));

function coversAtom(rule: PolicyRule, atom: Atom): boolean {
  if (!covered(rule.verbs, atom.verbs)) return false;
  const [path] = list(atom.nonResourceURLs);
  if (path !== undefined) return list(rule.nonResourceURLs).some((pattern) => pathCovers(pattern, path));
  const [resource = ''] = list(atom.resources);
  if (!covered(rule.apiGroups, atom.apiGroups) || !resourceCovers(rule.resources, resource)) return false;
  const names = list(rule.resourceNames);
  return names.length === 0 || list(atom.resourceNames).some((name) => names.includes(name));
}

/** What of `wanted`, taken apart, no rule of `owned` covers. Throws RangeError when it is too much to look into. */
export function uncovered(owned: readonly PolicyRule[], wanted: readonly PolicyRule[]): PolicyRule[] {
  const count = wanted.reduce((sum, rule) => sum + atomCount(rule), 0);
  if (count > maxAtoms) throw new RangeError(`the rules stand for ${count} permissions, more than ${maxAtoms}`);
  return wanted.flatMap(atomsOf).filter((atom) => !owned.some((rule) => coversAtom(rule, atom)));
}

const quoted = (values: readonly string[]): string => `[${values.map((each) => JSON.stringify(each)).join(' ')}]`;

/** Upstream's short form: `{APIGroups:[""], Resources:["pods"], Verbs:["get"]}`. */
function print({ apiGroups, resources, nonResourceURLs, resourceNames, verbs }: PolicyRule): string {
  const parts: readonly [string, readonly string[]][] = [
    ['APIGroups', list(apiGroups)],
    ['Resources', list(resources)],
    ['NonResourceURLs', list(nonResourceURLs)],
    ['ResourceNames', list(resourceNames)],
    ['Verbs', verbs],
  ];
  const there = parts.filter(([, values]) => values.length > 0);
  return `{${there.map(([name, values]) => `${name}:${quoted(values)}`).join(', ')}}`;
}

/** The rules one a line, the verbs of one resource together, sorted. */
export function printRules(atoms: readonly PolicyRule[]): string {
  const byObject = new Map<string, PolicyRule>();
  for (const atom of atoms) {
    const key = JSON.stringify({ ...atom, verbs: [] });
    const known = byObject.get(key);
    byObject.set(key, known === undefined ? atom : { ...known, verbs: [...known.verbs, ...atom.verbs] });
  }
  return [...byObject.values()].map(print).sort().join('\n');
}
