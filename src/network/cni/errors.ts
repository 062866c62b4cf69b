/** What a CNI plugin says when it cannot: a code of the specification (1.1, "Error"), from 100 on our own. */

export const cniCodes = {
  incompatibleVersion: 1,
  unknownContainer: 3,
  invalidEnvironment: 4,
  decodingFailure: 6,
  invalidConfig: 7,
  /** Not in the text of the specification, but in its library: what CNI_NETNS names is none, or the node's own. */
  invalidNamespace: 8,
  tryAgainLater: 11,
  notAvailable: 50,
  /** And what stands may reach nobody. */
  limitedConnectivity: 51,
  /** Ours: the kernel refused, or no address is left. */
  failed: 100,
  /** Ours: what CHECK looked for is not as it was made. */
  checkFailed: 101,
} as const;

export class CniError extends Error {
  override readonly name = 'CniError';
  readonly code: number;
  readonly details: string;

  constructor(code: number, message: string, details = '') {
    super(message);
    this.code = code;
    this.details = details;
  }
}

/** As it goes to standard output; exit code 1 goes with it. */
export function errorText(error: unknown, cniVersion: string): string {
  const { code, message, details } =
    error instanceof CniError ? error : { code: cniCodes.failed, message: String(error), details: '' };
  return JSON.stringify({ cniVersion, code, msg: message, ...(details === '' ? {} : { details }) });
}
