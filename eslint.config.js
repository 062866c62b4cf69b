import tseslint from 'typescript-eslint';

/** Names that may stand only in one place, and where to go instead; in `import(…)` as well. */
const restrict = (message, ...names) => ({
  'no-restricted-imports': ['error', { paths: names.map((name) => ({ name, message })) }],
  'no-restricted-syntax': [
    'error',
    ...names.map((name) => ({ selector: `ImportExpression[source.value="${name}"]`, message })),
  ],
});
const starters = ['node:child_process', 'child_process', 'execa'];
const terminals = ['@lydell/node-pty'];
const instead = 'Only src/kernel starts programs: take an Exec (src/kernel/exec.ts) as an argument.';

export default tseslint.config(
  { ignores: ['node_modules', 'dist', 'coverage', 'src/api/types.gen.ts', '**/*.cjs', 'eslint.config.js'] },
  ...tseslint.configs.recommendedTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true } },
    rules: {
      '@typescript-eslint/no-floating-promises': [
        'error',
        {
          allowForKnownSafeCalls: [
            { from: 'package', name: ['test', 'it', 'describe', 'suite'], package: 'node:test' },
          ],
        },
      ],
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/explicit-module-boundary-types': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/require-await': 'off',
      ...restrict(instead, ...starters, ...terminals),
      'max-lines': ['error', { max: 350, skipBlankLines: true, skipComments: true }],
      'max-lines-per-function': ['error', { max: 60, skipBlankLines: true, skipComments: true }],
      complexity: ['error', 15],
      eqeqeq: 'error',
      'no-console': 'error',
    },
  },
  { files: ['src/kernel/start-process.ts'], rules: restrict(instead, ...starters) },
  {
    files: ['src/kernel/run-process.ts', 'src/kernel/runner*.ts', 'scripts/**', 'test/**', 'test-e2e/**', 'bench/**'],
    rules: { 'no-restricted-imports': 'off', 'no-restricted-syntax': 'off' },
  },
  { files: ['src/cli/**', 'scripts/**', 'test-e2e/**', 'bench/**'], rules: { 'no-console': 'off' } },
  {
    files: ['**/*.test.ts', 'test/**', 'test-e2e/**'],
    rules: { 'max-lines-per-function': 'off', '@typescript-eslint/no-floating-promises': 'off' },
  },
);
