/** The link address of a machine: the same at every start, since others remember it for half a minute, and would speak to a machine that is no more. */
export function linkAddress(address: string): string {
  const bytes = address.split('.').map((byte) => Number(byte).toString(16).padStart(2, '0'));
  return ['02', '70', ...bytes].join(':');
}
