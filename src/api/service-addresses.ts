/** The marks of IPAddress objects that stand for the addresses of Services (KEP-1880). */

export const managedByLabel = 'ipaddress.kubernetes.io/managed-by';
export const familyLabel = 'ipaddress.kubernetes.io/ip-family';
/** Who writes them: upstream's name, so that both write the same. */
export const serviceAddressManager = 'ipallocator.k8s.io';
