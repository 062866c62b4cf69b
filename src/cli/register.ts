import type { Argv, CommandModule } from 'yargs';

/** A command with whatever arguments it has. */
export interface Command {
  readonly command?: string | readonly string[] | undefined;
}

/** Adds commands to a parser; the types of yargs know no list of commands with arguments that differ. */
export function register(cli: Argv, commands: readonly Command[]): Argv {
  for (const command of commands) cli.command(command as CommandModule);
  return cli;
}
