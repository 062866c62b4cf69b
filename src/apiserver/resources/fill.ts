/** Defaulting as data: fields and what stands in them when nobody said. */

function fill<T extends object>(object: T, defaults: Partial<T>, lacks: (value: unknown) => boolean): void {
  for (const key of Object.keys(defaults) as (keyof T)[]) {
    const value = defaults[key];
    if (value !== undefined && lacks(object[key])) object[key] = value;
  }
}

/** Fills what is missing, empty text, or 0: fields in which upstream cannot tell these apart. */
export function fillEmpty<T extends object>(object: T | undefined, defaults: Partial<T>): void {
  if (object !== undefined) fill(object, defaults, (value) => !value);
}

/** Fills only what is missing: 0, false and empty text are words of their own. */
export function fillMissing<T extends object>(object: T | undefined, defaults: Partial<T>): void {
  if (object !== undefined) fill(object, defaults, (value) => value === undefined || value === null);
}
