import assert from 'node:assert/strict';
import { test } from 'node:test';
import yargs from 'yargs';
import { exitCodeOf, explain, typedWrong, UsageError } from './errors.ts';
import { parseDuration } from './seconds.ts';

const wrong = [
  {
    name: 'a flag that its own reader refuses',
    args: ['--wait', 'abc'],
    says: /^abc: a time is wanted, such as 30s.* \(podwire --help/,
  },
  { name: 'a flag that there is not', args: ['--bogus'], says: /^Unknown argument: bogus \(podwire --help/ },
];
for (const { name, args, says } of wrong)
  test(`typed wrong: ${name}: one line, no stack, exit code 2`, async () => {
    const cli = yargs([...args])
      .command(
        '$0',
        'all',
        (of) => of.options({ wait: { type: 'string', coerce: parseDuration } }),
        () => undefined,
      )
      .strict()
      .locale('en')
      .fail((message, error) => {
        throw typedWrong(message, error);
      });
    await assert.rejects(
      async () => cli.parseAsync(),
      (error) => {
        assert.ok(error instanceof UsageError);
        assert.match(explain(error), says);
        assert.doesNotMatch(explain(error), /\n\s+at /);
        assert.equal(exitCodeOf(error), 2);
        return true;
      },
    );
  });

test('what a command itself throws stays what it is', () => {
  const error = new Error('a fault of ours');
  assert.equal(typedWrong('', error), error);
});
