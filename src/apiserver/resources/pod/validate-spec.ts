/** A pod's spec, in pods and in templates. */
import type { PodDNSConfig, PodSecurityContext, PodSpec } from '../../../api/types.gen.ts';
import type { FieldError } from '../../resource.ts';
import { validateIP } from '../../validation/addresses.ts';
import { duplicate, forbidden, invalid, invalidEach, oneOf, required } from '../../validation/field-error.ts';
import { validateLabels } from '../../validation/metadata.ts';
import { dnsLabel, dnsSubdomain, qualifiedName } from '../../validation/names.ts';
import { validateContainers, validateId, validateInitContainers } from './validate-containers.ts';
import { validateAffinity, validateSpread, validateTolerations } from './validate-scheduling.ts';
import { validateSysctls } from './validate-sysctls.ts';
import { validateVolumes } from './validate-volumes.ts';

function validateDns(config: PodDNSConfig | undefined, policy: string | undefined, path: string): FieldError[] {
  if (policy === 'None' && config === undefined) {
    return [required(path, 'must provide `dnsConfig` when `dnsPolicy` is None')];
  }
  if (policy === 'None' && !config?.nameservers?.length) {
    return [required(`${path}.nameservers`, 'must provide at least one DNS nameserver when `dnsPolicy` is None')];
  }
  const { nameservers = [], searches = [], options = [] } = config ?? {};
  const errors: FieldError[] = [];
  if (nameservers.length > 3) {
    errors.push(invalid(`${path}.nameservers`, nameservers, 'must not have more than 3 nameservers'));
  }
  nameservers.forEach((address, i) => errors.push(...validateIP(`${path}.nameservers[${i}]`, address)));
  if (searches.length > 32)
    errors.push(invalid(`${path}.searches`, searches, 'must not have more than 32 search paths'));
  if (searches.join(' ').length > 2048) {
    const detail = 'must not have more than 2048 characters (including spaces) in the search list';
    errors.push(invalid(`${path}.searches`, searches, detail));
  }
  searches.forEach((search, i) => {
    const name = search === '.' ? 'root' : search.replace(/\.$/, '');
    // Underscores are allowed here, and only here.
    errors.push(...invalidEach(`${path}.searches[${i}]`, name, dnsSubdomain(name.replaceAll('_', 'x'))));
  });
  options.forEach((option, i) => {
    if (!option.name) errors.push(required(`${path}.options[${i}]`, 'must not be empty'));
  });
  return errors;
}

function validateHostNetwork(spec: PodSpec, isPod: boolean, path: string): FieldError[] {
  if (spec.hostNetwork !== true) return [];
  return spec.containers.flatMap((container, c) =>
    (container.ports ?? []).flatMap((port, p) => {
      const host = port.hostPort ?? 0;
      if ((!isPod && host === 0) || host === port.containerPort) return [];
      const detail = 'must match `containerPort` when `hostNetwork` is true';
      return [invalid(`${path}.containers[${c}].ports[${p}].hostPort`, host, detail)];
    }),
  );
}

function validateSecurity(context: PodSecurityContext | undefined, spec: PodSpec, path: string): FieldError[] {
  const errors = [
    ...validateId(`${path}.fsGroup`, context?.fsGroup),
    ...validateId(`${path}.runAsUser`, context?.runAsUser),
    ...validateId(`${path}.runAsGroup`, context?.runAsGroup),
    ...(context?.supplementalGroups ?? []).flatMap((id, i) => validateId(`${path}.supplementalGroups[${i}]`, id)),
  ];
  if (spec.shareProcessNamespace === true && spec.hostPID === true) {
    const detail = 'ShareProcessNamespace and HostPID cannot both be enabled';
    errors.push(invalid(`${path}.shareProcessNamespace`, true, detail));
  }
  return errors;
}

/** Fields that hold a name, and the rule each follows. */
const named: readonly { readonly field: keyof PodSpec; readonly rule: (value: string) => string[] }[] = [
  { field: 'serviceAccountName', rule: dnsSubdomain },
  { field: 'nodeName', rule: dnsSubdomain },
  { field: 'hostname', rule: dnsLabel },
  { field: 'subdomain', rule: dnsLabel },
  { field: 'priorityClassName', rule: dnsSubdomain },
  { field: 'runtimeClassName', rule: dnsSubdomain },
];

function validateNames(spec: PodSpec, path: string): FieldError[] {
  return named.flatMap(({ field, rule }) => {
    const value = spec[field];
    return typeof value === 'string' && value !== '' ? invalidEach(`${path}.${field}`, value, rule(value)) : [];
  });
}

function validateGates(spec: PodSpec, path: string): FieldError[] {
  const seen = new Set<string>();
  const gates = (spec.schedulingGates ?? []).flatMap(({ name }, i) => {
    const errors = invalidEach(`${path}.schedulingGates[${i}]`, name, qualifiedName(name));
    if (seen.has(name)) errors.push(duplicate(`${path}.schedulingGates[${i}]`, name));
    seen.add(name);
    return errors;
  });
  const readiness = (spec.readinessGates ?? []).flatMap(({ conditionType }, i) =>
    invalidEach(`${path}.readinessGates[${i}].conditionType`, conditionType, qualifiedName(conditionType)),
  );
  return [...readiness, ...gates];
}

function validateDeadline(seconds: number | undefined, path: string): FieldError[] {
  return seconds !== undefined && (seconds < 1 || seconds > 0x7fffffff)
    ? [invalid(path, seconds, 'must be between 1 and 2147483647, inclusive')]
    : [];
}

function validateHostAliases(spec: PodSpec, path: string): FieldError[] {
  return (spec.hostAliases ?? []).flatMap((alias, i) => [
    ...validateIP(`${path}[${i}].ip`, alias.ip),
    ...(alias.hostnames ?? []).flatMap((name, j) =>
      invalidEach(`${path}[${i}].hostnames[${j}]`, name, dnsSubdomain(name)),
    ),
  ]);
}

/** `isPod` is false in a template, where some values are filled in only when the pod is made. */
export function validatePodSpec(spec: PodSpec, path: string, isPod: boolean): FieldError[] {
  const volumes = validateVolumes(spec.volumes, `${path}.volumes`);
  return [
    ...volumes.errors,
    ...validateContainers(spec, volumes.names, `${path}.containers`),
    ...validateInitContainers(spec, volumes.names, `${path}.initContainers`),
    ...validateHostNetwork(spec, isPod, path),
    ...oneOf(`${path}.restartPolicy`, spec.restartPolicy, ['Always', 'OnFailure', 'Never']),
    ...oneOf(`${path}.dnsPolicy`, spec.dnsPolicy, ['ClusterFirstWithHostNet', 'ClusterFirst', 'Default', 'None']),
    ...validateLabels(spec.nodeSelector, `${path}.nodeSelector`),
    ...validateSecurity(spec.securityContext, spec, `${path}.securityContext`),
    ...validateSysctls(spec, `${path}.securityContext.sysctls`),
    ...validateAffinity(spec.affinity, `${path}.affinity`),
    ...validateDns(spec.dnsConfig, spec.dnsPolicy, `${path}.dnsConfig`),
    ...validateGates(spec, path),
    ...validateSpread(spec.topologySpreadConstraints, `${path}.topologySpreadConstraints`),
    ...validateNames(spec, path),
    ...validateDeadline(spec.activeDeadlineSeconds, `${path}.activeDeadlineSeconds`),
    ...validateTolerations(spec.tolerations, `${path}.tolerations`),
    ...validateHostAliases(spec, `${path}.hostAliases`),
    ...(spec.preemptionPolicy === undefined
      ? []
      : oneOf(`${path}.preemptionPolicy`, spec.preemptionPolicy, ['PreemptLowerPriority', 'Never'])),
    ...(spec.ephemeralContainers?.length && !isPod
      ? [forbidden(`${path}.ephemeralContainers`, 'ephemeral containers not allowed in pod template')]
      : []),
  ];
}
