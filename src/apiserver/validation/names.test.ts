import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  configKey,
  dnsLabel,
  dnsSubdomain,
  envName,
  labelValue,
  nameIsSubdomain,
  percent,
  portName,
  portNumber,
  qualifiedName,
} from './names.ts';

const LABEL_RULE =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name', or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const SUBDOMAIN_RULE =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const LABEL_VALUE_RULE =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue', or 'my_value', or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
const KEY_RULE =
  "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName', or 'my.name', or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";

interface Case {
  readonly what: string;
  readonly check: (value: string) => string[];
  readonly value: string;
  readonly says: readonly string[];
}

const cases: readonly Case[] = [
  { what: 'a label of 63 characters is fine', check: dnsLabel, value: 'a'.repeat(63), says: [] },
  {
    what: 'a label of 64 characters is too long',
    check: dnsLabel,
    value: 'a'.repeat(64),
    says: ['must be no more than 63 characters'],
  },
  { what: 'a label with dots is told so', check: dnsLabel, value: 'a.b', says: ['must not contain dots'] },
  { what: 'a label with capitals gets the rule', check: dnsLabel, value: 'Web', says: [LABEL_RULE] },
  { what: 'a label ending in a dash gets the rule', check: dnsLabel, value: 'web-', says: [LABEL_RULE] },
  { what: 'a label may start with a digit', check: dnsLabel, value: '1web', says: [] },
  { what: 'a line break does not slip through', check: dnsLabel, value: 'web\n', says: [LABEL_RULE] },
  { what: 'a subdomain may have dots', check: dnsSubdomain, value: 'a.b-c.d', says: [] },
  { what: 'a subdomain with an underscore gets the rule', check: dnsSubdomain, value: 'a_b', says: [SUBDOMAIN_RULE] },
  { what: 'a subdomain with an empty part gets the rule', check: dnsSubdomain, value: 'a..b', says: [SUBDOMAIN_RULE] },
  { what: 'a label value may be empty', check: labelValue, value: '', says: [] },
  { what: 'a label value may not start with a dash', check: labelValue, value: '-x', says: [LABEL_VALUE_RULE] },
  { what: 'a key with a DNS prefix is fine', check: qualifiedName, value: 'example.com/Name_1.x', says: [] },
  {
    what: 'a key with an empty prefix',
    check: qualifiedName,
    value: '/name',
    says: ['prefix part must be non-empty'],
  },
  {
    what: 'a key with two slashes',
    check: qualifiedName,
    value: 'a/b/c',
    says: [`a valid label key ${KEY_RULE} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`],
  },
  {
    what: 'an empty key',
    check: qualifiedName,
    value: '',
    says: ['name part must be non-empty', `name part ${KEY_RULE}`],
  },
  { what: 'a config key may hold dots and capitals', check: configKey, value: 'My.conf_1-x', says: [] },
  { what: 'a config key may not climb', check: configKey, value: '..', says: ["must not be '..'"] },
  {
    what: 'a config key may not look hidden by dots',
    check: configKey,
    value: '..x',
    says: ["must not start with '..'"],
  },
  { what: 'an environment name may hold nearly anything', check: envName, value: 'a b:c', says: [] },
  {
    what: 'an environment name may not hold an equals sign',
    check: envName,
    value: 'a=b',
    says: ["a valid environment variable name must consist only of printable ASCII characters other than '='"],
  },
  { what: 'a port name is fine', check: portName, value: 'http-alt', says: [] },
  {
    what: 'a port name of 16 characters',
    check: portName,
    value: 'abcdefghijklmnop',
    says: ['must be no more than 15 characters'],
  },
  {
    what: 'a port name without a letter',
    check: portName,
    value: '8080',
    says: ['must contain at least one letter (a-z)'],
  },
  {
    what: 'a port name with two dashes in a row',
    check: portName,
    value: 'a--b',
    says: ['must not contain consecutive hyphens'],
  },
  {
    what: 'a percentage needs its sign',
    check: percent,
    value: '25',
    says: [
      "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%', or '93%', regex used for validation is '[0-9]+%')",
    ],
  },
];

describe('names are checked by the rule of their field, in the known words', () => {
  for (const { what, check, value, says } of cases) {
    it(what, () => {
      assert.deepEqual(check(value), says);
    });
  }

  it('port numbers run from 1 to 65535', () => {
    assert.deepEqual([1, 65_535].flatMap(portNumber), []);
    for (const port of [0, -1, 65_536, 1.5]) {
      assert.deepEqual(portNumber(port), ['must be between 1 and 65535, inclusive'], String(port));
    }
  });

  it('a generateName may end in a dash, a name may not', () => {
    assert.deepEqual(nameIsSubdomain('web-', true), []);
    assert.deepEqual(nameIsSubdomain('web-', false), [SUBDOMAIN_RULE]);
  });
});
