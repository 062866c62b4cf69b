/** Quantities: `100m`, `1.5`, `2Gi`, `3e6`. Exact, down to 10^-9. The written forms are those of apimachinery's resource.Quantity. */

export type QuantityFormat = 'DecimalSI' | 'BinarySI' | 'DecimalExponent';

/** A parsed quantity: its value in units of 10^-9, and how it was written. */
export interface ParsedQuantity {
  readonly nano: bigint;
  readonly format: QuantityFormat;
}

const one = 1_000_000_000n;
const maxBinary = (2n ** 63n - 1n) * one;
/** Longer texts and larger exponents are refused: they would only cost time. */
const maxTextLength = 64;
const maxExponent = 64;

const decimalSuffixes = ['n', 'u', 'm', '', 'k', 'M', 'G', 'T', 'P', 'E'];
const binarySuffixes = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'];
const pattern = /^([+-]?)(\d*)(?:\.(\d*))?([numkMGTPE]|[KMGTPE]i|[eE][+-]?\d+)?$/;

interface Parts {
  readonly negative: boolean;
  readonly whole: string;
  readonly fraction: string;
  readonly base: 2 | 10;
  readonly exponent: number;
  readonly format: QuantityFormat;
}

function interpretSuffix(suffix: string): Pick<Parts, 'base' | 'exponent' | 'format'> {
  const binary = suffix === '' ? -1 : binarySuffixes.indexOf(suffix);
  if (binary > 0) return { base: 2, exponent: binary * 10, format: 'BinarySI' };
  const decimal = decimalSuffixes.indexOf(suffix);
  if (decimal >= 0) return { base: 10, exponent: (decimal - 3) * 3, format: 'DecimalSI' };
  return { base: 10, exponent: Number(suffix.slice(1)), format: 'DecimalExponent' };
}

function split(text: string): Parts | undefined {
  const match = text.length > maxTextLength ? null : pattern.exec(text);
  if (match === null) return undefined;
  const [, sign, whole = '', fraction = '', suffix = ''] = match;
  if (whole === '' && fraction === '') return undefined;
  const meaning = interpretSuffix(suffix);
  if (Math.abs(meaning.exponent) > maxExponent) return undefined;
  return { negative: sign === '-', whole: whole.replace(/^0+/, ''), fraction, ...meaning };
}

/** Away from zero: who asks for too little shall get a little. */
function divideUp(value: bigint, divisor: bigint): bigint {
  return (value + divisor - 1n) / divisor;
}

function absoluteNano({ whole, fraction, base, exponent }: Parts): bigint {
  const digits = BigInt(`${whole}${fraction}` || '0');
  const scale = base === 10 ? 9 + exponent - fraction.length : 9 - fraction.length;
  const value = base === 2 ? digits << BigInt(exponent) : digits;
  return scale >= 0 ? value * 10n ** BigInt(scale) : divideUp(value, 10n ** BigInt(-scale));
}

function parse(value: string | number): { parts: Parts; quantity: ParsedQuantity } | undefined {
  const parts = split(String(value));
  if (parts === undefined) return undefined;
  let nano = absoluteNano(parts);
  if (parts.format === 'BinarySI' && nano > maxBinary) nano = maxBinary;
  const format = parts.format === 'BinarySI' && nano < one && nano > 0n ? 'DecimalSI' : parts.format;
  return { parts, quantity: { nano: parts.negative ? -nano : nano, format } };
}

/** Undefined when `value` is no quantity. */
export function tryParseQuantity(value: string | number): ParsedQuantity | undefined {
  return parse(value)?.quantity;
}

/** Throws when `value` is no quantity. */
export function parseQuantity(value: string | number): ParsedQuantity {
  const quantity = tryParseQuantity(value);
  if (quantity === undefined) throw new Error(`${JSON.stringify(value)}: not a quantity`);
  return quantity;
}

/** How often `base` divides `value`, at most `limit` times; and what is left. */
function takeOut(value: bigint, base: bigint, limit: number): { rest: bigint; times: number } {
  let rest = value;
  let times = 0;
  while (times < limit && rest !== 0n && rest % base === 0n) {
    rest /= base;
    times += 1;
  }
  return { rest, times };
}

/** The canonical text: no fraction, the largest suffix that allows it. */
export function formatQuantity({ nano, format }: ParsedQuantity): string {
  if (nano === 0n) return '0';
  const magnitude = nano < 0n ? -nano : nano;
  const integral = nano % one === 0n;
  if (format === 'BinarySI' && integral && magnitude >= 1024n * one) {
    const { rest, times } = takeOut(nano / one, 1024n, binarySuffixes.length - 1);
    return `${rest}${binarySuffixes[times]}`;
  }
  if (format === 'DecimalExponent') {
    const { rest, times } = takeOut(nano, 1000n, 100);
    return times === 3 ? String(rest) : `${rest}e${times * 3 - 9}`;
  }
  const { rest, times } = takeOut(nano, 1000n, decimalSuffixes.length - 1);
  return `${rest}${decimalSuffixes[times]}`;
}

/** Whether upstream keeps the text as it was written, though it may have a sign, zeros or a fraction such as `1.500`. */
function keptAsWritten({ whole, fraction, exponent, format }: Parts): boolean {
  const digits = `${whole === '' ? '0' : whole}${fraction}`;
  if (format === 'BinarySI') {
    const short = 14 - digits.length - Math.floor((exponent * 3) / 10) >= 0;
    return fraction === '' && short && Number(digits) % 8 !== 0;
  }
  const scale = exponent - fraction.length;
  return digits.length <= 18 && scale % 3 === 0 && scale >= -9 && !/^0|000$/.test(digits);
}

/** The text that the API server answers with for a quantity that was sent. Throws when it is no quantity. */
export function canonicalQuantity(value: string | number): string {
  const parsed = parse(value);
  if (parsed === undefined) throw new Error(`${JSON.stringify(value)}: not a quantity`);
  return keptAsWritten(parsed.parts) ? String(value) : formatQuantity(parsed.quantity);
}

/** Negative, zero or positive as `a` is less than, equal to or more than `b`. Throws when one is no quantity. */
export function compareQuantities(a: string | number, b: string | number): -1 | 0 | 1 {
  const difference = parseQuantity(a).nano - parseQuantity(b).nano;
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

/** Whether `a` and `b` are the same amount, however written. Throws when one is no quantity. */
export function sameQuantity(a: string | number, b: string | number): boolean {
  return parseQuantity(a).nano === parseQuantity(b).nano;
}

/** How many times `divisor` goes into `value`, rounded up. Throws when one is no quantity, or the divisor is not positive. */
export function ceilDivide(value: string | number, divisor: string | number): bigint {
  const by = parseQuantity(divisor).nano;
  if (by <= 0n) throw new Error(`${JSON.stringify(divisor)}: a divisor must be positive`);
  const { nano } = parseQuantity(value);
  return nano < 0n ? nano / by : divideUp(nano, by);
}

/** The sum, written in the format of the first that is not zero; `0` for none. */
export function addQuantities(...values: readonly (string | number)[]): string {
  const parsed = values.map((value) => parseQuantity(value));
  const nano = parsed.reduce((sum, each) => sum + each.nano, 0n);
  const format = parsed.find((each) => each.nano !== 0n)?.format ?? 'DecimalSI';
  return formatQuantity({ nano, format });
}

/** `a - b`, written in the format of `a`. */
export function subtractQuantities(a: string | number, b: string | number): string {
  const { nano, format } = parseQuantity(a);
  return formatQuantity({ nano: nano - parseQuantity(b).nano, format });
}

/** In units of 1, rounded away from zero: bytes of a memory quantity. */
export function quantityValue(value: string | number): number {
  return scaled(value, one);
}

/** In units of 1/1000, rounded away from zero: milli-CPUs of a CPU quantity. */
export function quantityMilliValue(value: string | number): number {
  return scaled(value, 1_000_000n);
}

function scaled(value: string | number, unit: bigint): number {
  const { nano } = parseQuantity(value);
  return nano < 0n ? -Number(divideUp(-nano, unit)) : Number(divideUp(nano, unit));
}
