/** Label and field selectors, as they stand in queries and in objects. */
import { apiError, type ApiError } from './errors.ts';
import type { LabelSelector } from './types.gen.ts';

export type Labels = Readonly<Record<string, string>> | undefined;
export type LabelMatcher = (labels: Labels) => boolean;

const name = String.raw`[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?`;
const keyPattern = new RegExp(String.raw`^(?:[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?/)?${name}$`);
const valuePattern = new RegExp(`^(?:${name})?$`);
const maxNameLength = 63;

function badRequest(message: string): ApiError {
  return apiError({ code: 400, reason: 'BadRequest', message });
}

function labelOf(labels: Labels, key: string): string | undefined {
  return labels !== undefined && Object.hasOwn(labels, key) ? labels[key] : undefined;
}

function checkKey(key: string): string {
  const last = key.slice(key.indexOf('/') + 1);
  if (last.length > maxNameLength || !keyPattern.test(key)) {
    throw badRequest(`unable to parse requirement: ${JSON.stringify(key)} is not a label key`);
  }
  return key;
}

function checkValue(value: string): string {
  if (value.length > maxNameLength || !valuePattern.test(value)) {
    throw badRequest(`unable to parse requirement: ${JSON.stringify(value)} is not a label value`);
  }
  return value;
}

const asInteger = (text: string | undefined): number | undefined =>
  text !== undefined && /^-?\d+$/.test(text) ? Number(text) : undefined;

function compareMatcher(key: string, operator: string, bound: string): LabelMatcher {
  const limit = asInteger(bound);
  if (limit === undefined) throw badRequest(`unable to parse requirement: ${key}: ${bound} is not an integer`);
  return (labels) => {
    const value = asInteger(labelOf(labels, key));
    return value !== undefined && (operator === '>' ? value > limit : value < limit);
  };
}

function setMatcher(key: string, values: readonly string[], wanted: boolean): LabelMatcher {
  const set = new Set(values);
  return (labels) => {
    const value = labelOf(labels, key);
    // What is not there is in no set.
    return (value !== undefined && set.has(value)) === wanted;
  };
}

/** `a`, `!a`, `a=b`, `a==b`, `a!=b`, `a in (b,c)`, `a notin (b,c)`, `a>1`, `a<1`. */
function parseRequirement(text: string): LabelMatcher {
  const set = /^([^\s!=<>(),]+)\s+(in|notin)\s*\(([^()]*)\)$/.exec(text);
  if (set !== null) {
    const [, key = '', operator = '', list = ''] = set;
    const values = list.split(',').map((value) => checkValue(value.trim()));
    return setMatcher(checkKey(key), values, operator === 'in');
  }
  const compared = /^([^\s!=<>(),]+)\s*(==|=|!=|>|<)\s*([^\s!=<>(),]*)$/.exec(text);
  if (compared !== null) {
    const [, key = '', operator = '', value = ''] = compared;
    if (operator === '>' || operator === '<') return compareMatcher(checkKey(key), operator, value);
    return setMatcher(checkKey(key), [checkValue(value)], operator !== '!=');
  }
  const exists = /^(!?)\s*([^\s!=<>(),]+)$/.exec(text);
  if (exists === null) throw badRequest(`unable to parse requirement: ${JSON.stringify(text)}`);
  const [, not = '', key = ''] = exists;
  checkKey(key);
  return (labels) => (labelOf(labels, key) !== undefined) === (not === '');
}

/** Cuts at commas that stand outside of parentheses. */
function splitRequirements(text: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let start = 0;
  for (let at = 0; at < text.length; at += 1) {
    if (text[at] === '(') depth += 1;
    else if (text[at] === ')') depth -= 1;
    else if (text[at] === ',' && depth === 0) {
      parts.push(text.slice(start, at));
      start = at + 1;
    }
  }
  return [...parts, text.slice(start)].map((part) => part.trim());
}

/** `labelSelector` of a query. The empty text matches everything. Throws a 400. */
export function parseLabelSelector(text: string): LabelMatcher {
  if (text.trim() === '') return () => true;
  const requirements = splitRequirements(text).map((part) => parseRequirement(part));
  return (labels) => requirements.every((matches) => matches(labels));
}

function expressionMatcher(key: string, operator: string, values: readonly string[]): LabelMatcher {
  switch (operator) {
    case 'In':
      return setMatcher(key, values, true);
    case 'NotIn':
      return setMatcher(key, values, false);
    case 'Exists':
      return (labels) => labelOf(labels, key) !== undefined;
    case 'DoesNotExist':
      return (labels) => labelOf(labels, key) === undefined;
    default:
      throw badRequest(`${JSON.stringify(operator)} is not a valid label selector operator`);
  }
}

/** meta/v1 LabelSelector. None matches nothing, an empty one everything. Throws a 400 for an operator that does not exist. */
export function selectorFromLabelSelector(selector: LabelSelector | undefined | null): LabelMatcher {
  if (selector === undefined || selector === null) return () => false;
  const requirements = [
    ...Object.entries(selector.matchLabels ?? {}).map(([key, value]) => setMatcher(key, [value], true)),
    ...(selector.matchExpressions ?? []).map((each) => expressionMatcher(each.key, each.operator, each.values ?? [])),
  ];
  return (labels) => requirements.every((matches) => matches(labels));
}

/** A Service's or ReplicationController's selector: all pairs must be there. An empty or missing one matches nothing. */
export function selectorFromMap(selector: Labels): LabelMatcher {
  const pairs = Object.entries(selector ?? {});
  if (pairs.length === 0) return () => false;
  return (labels) => pairs.every(([key, value]) => labelOf(labels, key) === value);
}

/** One comparison of a field selector: `field` must (`equal`) or must not have `value`. */
export interface FieldTerm {
  readonly field: string;
  readonly value: string;
  readonly equal: boolean;
}

/** A value with `\`, `,` and `=` escaped by a backslash, as it was meant. */
function unescape(value: string): string {
  return value.replace(/\\([\\,=])/g, '$1');
}

/** `fieldSelector` of a query: `metadata.name=a,status.phase!=Running`. Which fields exist is the caller's matter. Throws a 400. */
export function parseFieldSelector(text: string): readonly FieldTerm[] {
  const terms = text.match(/(?:[^,\\]|\\.)+/gs) ?? [];
  return terms.map((term) => {
    const parts = /^([^=!\\]+?)(==|!=|=)((?:[^=\\]|\\[\\,=])*)$/s.exec(term.trim());
    if (parts === null)
      throw badRequest(`invalid selector: ${JSON.stringify(text)}; can't understand ${JSON.stringify(term)}`);
    const [, field = '', operator = '', value = ''] = parts;
    return { field: field.trim(), value: unescape(value), equal: operator !== '!=' };
  });
}

/** Whether all terms hold; `valueOf` gives the object's value of a field (empty when it is not set). */
export function matchesFields(terms: readonly FieldTerm[], valueOf: (field: string) => string): boolean {
  return terms.every((term) => (valueOf(term.field) === term.value) === term.equal);
}
