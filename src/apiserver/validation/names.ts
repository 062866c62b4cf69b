/**
 * What names, labels, keys and ports may look like. Each function answers with what is wrong, in upstream's words; none
 * means the value is fine. Rules: RFC 1123 labels, and Kubernetes' own (object names and IDs).
 */

const DNS_LABEL = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const DNS_SUBDOMAIN = `${DNS_LABEL}(\\.${DNS_LABEL})*`;
const WILDCARD = `\\*\\.${DNS_SUBDOMAIN}`;
const PATH_CHARACTERS = "[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+";
const QUALIFIED = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]';
const LABEL_VALUE = '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?';
const CONFIG_KEY = '[-._a-zA-Z0-9]+';
const PERCENT = '[0-9]+%';
const HEADER = '[-A-Za-z0-9]+';

const whole = (pattern: string): RegExp => new RegExp(`^(?:${pattern})$`);
const dnsLabelPattern = whole(DNS_LABEL);
const subdomainPattern = whole(DNS_SUBDOMAIN);
const wildcardPattern = whole(WILDCARD);
const pathCharacters = whole(PATH_CHARACTERS);
const qualifiedPattern = whole(QUALIFIED);
const labelValuePattern = whole(LABEL_VALUE);
const configKeyPattern = whole(CONFIG_KEY);
const percentPattern = whole(PERCENT);
const headerPattern = whole(HEADER);

const bytes = (text: string): number => Buffer.byteLength(text);

function longerThan(value: string, limit: number, unit: 'bytes' | 'characters'): string[] {
  return bytes(value) > limit ? [`must be no more than ${limit} ${unit}`] : [];
}

function mustMatch(rule: string, pattern: string, ...examples: string[]): string {
  const shown = examples.map((e) => `'${e}', `).join('or ');
  return examples.length === 0
    ? `${rule} (regex used for validation is '${pattern}')`
    : `${rule} (e.g. ${shown}regex used for validation is '${pattern}')`;
}

/** RFC 1123 label: container names, namespaces, volume names. */
export function dnsLabel(value: string): string[] {
  const errors = longerThan(value, 63, 'characters');
  if (dnsLabelPattern.test(value)) return errors;
  if (subdomainPattern.test(value)) return [...errors, 'must not contain dots'];
  const rule =
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character";
  return [...errors, mustMatch(rule, DNS_LABEL, 'my-name', '123-abc')];
}

/** RFC 1123 subdomain: the names of most objects. */
export function dnsSubdomain(value: string): string[] {
  const errors = longerThan(value, 253, 'characters');
  if (subdomainPattern.test(value)) return errors;
  const rule =
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character";
  return [...errors, mustMatch(rule, DNS_SUBDOMAIN, 'example.com')];
}

/** A host of an Ingress that begins with `*.`. */
export function wildcardSubdomain(value: string): string[] {
  const errors = longerThan(value, 253, 'characters');
  if (wildcardPattern.test(value)) return errors;
  const rule =
    "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character";
  return [...errors, mustMatch(rule, WILDCARD, '*.example.com')];
}

/** What may follow the domain in `example.com/controller`. */
export function httpPath(value: string): string[] {
  return pathCharacters.test(value) ? [] : [mustMatch('Invalid path', PATH_CHARACTERS)];
}

/** A label's or annotation's key: optional DNS prefix, slash, name. */
export function qualifiedName(value: string): string[] {
  const rule =
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";
  const pattern = mustMatch(rule, QUALIFIED, 'MyName', 'my.name', '123-abc');
  const parts = value.split('/');
  if (parts.length > 2) {
    return [`a valid label key ${pattern} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`];
  }
  const name = parts.at(-1) ?? '';
  const errors: string[] = [];
  if (parts.length === 2) {
    const prefix = parts[0] ?? '';
    if (prefix === '') errors.push('prefix part must be non-empty');
    else errors.push(...dnsSubdomain(prefix).map((m) => `prefix part ${m}`));
  }
  if (name === '') errors.push('name part must be non-empty');
  else errors.push(...longerThan(name, 63, 'bytes').map((m) => `name part ${m}`));
  if (!qualifiedPattern.test(name)) errors.push(`name part ${pattern}`);
  return errors;
}

/** A label's value. */
export function labelValue(value: string): string[] {
  const errors = longerThan(value, 63, 'bytes');
  if (labelValuePattern.test(value)) return errors;
  const rule =
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";
  return [...errors, mustMatch(rule, LABEL_VALUE, 'MyValue', 'my_value', '12345')];
}

/** A key of a ConfigMap or Secret: it becomes a file name. */
export function configKey(value: string): string[] {
  const errors = longerThan(value, 253, 'characters');
  if (!configKeyPattern.test(value)) {
    const rule = "a valid config key must consist of alphanumeric characters, '-', '_' or '.'";
    errors.push(mustMatch(rule, CONFIG_KEY, 'key.name', 'KEY_NAME', 'key-name'));
  }
  if (value === '.') errors.push("must not be '.'");
  else if (value === '..') errors.push("must not be '..'");
  else if (value.startsWith('..')) errors.push("must not start with '..'");
  return errors;
}

/** An environment variable's name, by the relaxed rule (KEP-4369): printable ASCII without `=`. */
export function envName(value: string): string[] {
  if (value === '') return ['environment variable name must be non-empty'];
  return /^[\x20-\x3c\x3e-\x7e]+$/.test(value)
    ? []
    : ["a valid environment variable name must consist only of printable ASCII characters other than '='"];
}

/** A port's number. */
export function portNumber(value: number): string[] {
  return Number.isInteger(value) && value >= 1 && value <= 65535 ? [] : ['must be between 1 and 65535, inclusive'];
}

/** A port's name (RFC 6335 service name, lower case). */
export function portName(value: string): string[] {
  const errors = longerThan(value, 15, 'characters');
  if (!/^[-a-z0-9]+$/.test(value)) {
    errors.push('must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)');
  }
  if (!/[a-z]/.test(value)) errors.push('must contain at least one letter (a-z)');
  if (value.includes('--')) errors.push('must not contain consecutive hyphens');
  if (value.startsWith('-') || value.endsWith('-')) errors.push('must not begin or end with a hyphen');
  return errors;
}

/** `25%`. */
export function percent(value: string): string[] {
  if (percentPattern.test(value)) return [];
  const rule = "a valid percent string must be a numeric string followed by an ending '%'";
  return [mustMatch(rule, PERCENT, '1%', '93%')];
}

/** The name of an HTTP header in a probe. */
export function headerName(value: string): string[] {
  if (headerPattern.test(value)) return [];
  return [mustMatch("a valid HTTP header must consist of alphanumeric characters or '-'", HEADER, 'X-Header-Name')];
}

/** Checks a name; with `prefix` it is a generateName, where a dash may stand at the end. */
export type NameRule = (name: string, prefix: boolean) => string[];

const masked = (name: string, prefix: boolean): string =>
  prefix && name.length > 1 && name.endsWith('-') ? `${name.slice(0, -2)}a` : name;

export const nameIsSubdomain: NameRule = (name, prefix) => dnsSubdomain(masked(name, prefix));
export const nameIsLabel: NameRule = (name, prefix) => dnsLabel(masked(name, prefix));

/** A name that only has to fit one segment of a path: roles and bindings have colons and capitals in theirs. */
export function pathSegment(value: string): string[] {
  if (value === '.' || value === '..') return [`may not be '${value}'`];
  return ['/', '%'].filter((sign) => value.includes(sign)).map((sign) => `may not contain '${sign}'`);
}

export const nameIsPathSegment: NameRule = (name) => pathSegment(name);
