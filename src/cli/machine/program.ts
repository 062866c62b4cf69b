/** This program, to be started again. */

/** The interpreter and the bundle (or the source) that runs now. */
export function thisProgram(): readonly [node: string, script: string] {
  return [process.execPath, process.argv[1] ?? ''];
}

/** How this command line is called, to be typed as it stands. */
export function commandPrefix(): string {
  const { SUDO_USER: sudoer, PODWIRE_COMMAND: command = 'podwire' } = process.env;
  return sudoer === undefined ? command : `sudo ${command}`;
}
