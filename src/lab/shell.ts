/** Text for /bin/sh, made so that no value can ever be read as more than one word. */

/** One word. */
export function quote(word: string): string {
  return /^[\w./:@%+=,-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** A command line of these words. */
export function words(...argv: readonly string[]): string {
  return argv.map(quote).join(' ');
}

/** `command` with these lines as its standard input. */
export function withInput(command: string, lines: readonly string[]): string {
  return `${command} <<'END'\n${lines.join('\n')}\nEND`;
}
