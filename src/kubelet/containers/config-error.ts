/** A container that cannot be made as its spec stands; `reason` is what its status shows. */
export class ContainerError extends Error {
  override readonly name = 'ContainerError';
  readonly reason: string;

  constructor(reason: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}

/** Something that the spec names is missing or wrong; it is tried again. */
export function configError(message: string): ContainerError {
  return new ContainerError('CreateContainerConfigError', message);
}
