/** LimitRanges: what containers and pods of a namespace may ask for, and what they get that ask for nothing. */
import { limitRanges } from '../../api/resources.ts';
import { compareQuantities, quantityMilliValue, tryParseQuantity } from '../../api/quantity.ts';
import type { LimitRange, LimitRangeItem, Quantity } from '../../api/types.gen.ts';
import type { FieldError, ResourceRow } from '../resource.ts';
import { duplicate, forbidden, invalid, invalidEach, keyOf, required } from '../validation/field-error.ts';
import { validateMeta, validateMetaUpdate } from '../validation/metadata.ts';
import { nameIsSubdomain, qualifiedName } from '../validation/names.ts';
import { column, nameColumn } from './columns.ts';
import { canonicalResources, validateQuantity, validateResourceName } from './pod/resources.ts';

type Resources = Record<string, Quantity>;

const lists = ['max', 'min', 'default', 'defaultRequest', 'maxLimitRequestRatio'] as const;
type List = (typeof lists)[number];

const types = ['Pod', 'Container', 'PersistentVolumeClaim'];

/** The largest limit is the default one, a default limit the default request, and else the smallest request is. */
function setItemDefaults(item: LimitRangeItem): void {
  for (const list of lists) canonicalResources(item[list]);
  if (item.type !== 'Container') return;
  item.default = { ...item.max, ...item.default };
  item.defaultRequest = { ...item.min, ...item.default, ...item.defaultRequest };
}

function validateType(type: string, path: string): FieldError[] {
  const errors = invalidEach(path, type, qualifiedName(type));
  if (errors.length > 0 || type.includes('/') || types.includes(type)) return errors;
  return [invalid(path, type, 'must be a standard limit type or fully qualified')];
}

function validateList(type: string, list: Resources | undefined, path: string): FieldError[] {
  const errors = Object.entries(list ?? {}).map(([name, value]) => {
    const at = keyOf(path, name);
    // Claims ask for storage, which no container does.
    const isKnown = type === 'PersistentVolumeClaim' && name === 'storage';
    return [...(isKnown ? [] : validateResourceName(name, at)), ...validateQuantity(name, value, at)];
  });
  return errors.flat();
}

/** Pairs of which the first may not be the greater, and how upstream words it. */
const orders: readonly (readonly [less: List, more: List, at: List, words: readonly [string, string]])[] = [
  ['min', 'max', 'min', ['min value', 'max value']],
  ['min', 'defaultRequest', 'defaultRequest', ['min value', 'default request value']],
  ['defaultRequest', 'max', 'defaultRequest', ['default request value', 'max value']],
  ['defaultRequest', 'default', 'defaultRequest', ['default request value', 'default limit value']],
  ['min', 'default', 'default', ['min value', 'default value']],
  ['default', 'max', 'default', ['default value', 'max value']],
];

function validateOrder(item: LimitRangeItem, name: string, path: string): FieldError[] {
  return orders.flatMap(([less, more, at, [lessWord, moreWord]]) => {
    const [small, large] = [item[less]?.[name], item[more]?.[name]];
    if (small === undefined || large === undefined || compareQuantities(small, large) <= 0) return [];
    const detail = `${lessWord} ${small} is greater than ${moreWord} ${large}`;
    return [invalid(keyOf(`${path}.${at}`, name), item[at]?.[name], detail)];
  });
}

function validateRatio(item: LimitRangeItem, name: string, path: string): FieldError[] {
  const [ratio, min, max] = [item.maxLimitRequestRatio?.[name], item.min?.[name], item.max?.[name]];
  if (ratio === undefined) return [];
  const at = keyOf(`${path}.maxLimitRequestRatio`, name);
  if (compareQuantities(ratio, 1) < 0) return [invalid(at, ratio, `ratio ${ratio} is less than 1`)];
  if (min === undefined || max === undefined) return [];
  const most = quantityMilliValue(max) / quantityMilliValue(min);
  if (quantityMilliValue(ratio) / 1000 <= most) return [];
  return [invalid(at, ratio, `ratio ${ratio} is greater than max/min = ${most.toFixed(6)}`)];
}

/** What one item says is looked at for contradictions only when each word of it is well-formed. */
function validateItem(item: LimitRangeItem, path: string): FieldError[] {
  const isPod = item.type === 'Pod';
  const notOfPods = (['default', 'defaultRequest'] as const).filter((list) => isPod && item[list] !== undefined);
  const errors = [
    ...validateType(item.type, `${path}.type`),
    ...notOfPods.map((list) => forbidden(`${path}.${list}`, "may not be specified when `type` is 'Pod'")),
    ...lists.flatMap((list) => validateList(item.type, item[list], `${path}.${list}`)),
  ];
  if (item.type === 'PersistentVolumeClaim' && (item.min?.['storage'] ?? item.max?.['storage']) === undefined) {
    const detail = 'either minimum or maximum storage value is required, but neither was provided';
    errors.push(required(`${path}.limits`, detail));
  }
  const names = [...new Set(lists.flatMap((list) => Object.keys(item[list] ?? {})))];
  const isReadable = names.every((name) => lists.every((list) => tryParseQuantity(item[list]?.[name] ?? 0)));
  if (!isReadable) return errors;
  const contradictions = names.map((name) => [...validateOrder(item, name, path), ...validateRatio(item, name, path)]);
  return [...errors, ...contradictions.flat()];
}

function validate({ metadata, spec }: LimitRange): FieldError[] {
  const limits = spec?.limits ?? [];
  return [
    ...validateMeta(metadata, true, nameIsSubdomain),
    ...limits.flatMap((item, index) => {
      const path = `spec.limits[${index}]`;
      const isSecond = limits.findIndex(({ type }) => type === item.type) < index;
      return [...(isSecond ? [duplicate(`${path}.type`, item.type)] : []), ...validateItem(item, path)];
    }),
  ];
}

export const limitRangeRow: ResourceRow<LimitRange> = {
  type: limitRanges,
  singular: 'limitrange',
  shortNames: ['limits'],
  subresources: [],
  columns: [nameColumn, column('Created At', 'When it was made.', ({ metadata }) => metadata.creationTimestamp)],
  strategy: {
    setDefaults: ({ spec }) => {
      for (const item of spec?.limits ?? []) setItemDefaults(item);
    },
    validate,
    validateUpdate: (object, old) => validateMetaUpdate(object.metadata, old.metadata),
  },
};
