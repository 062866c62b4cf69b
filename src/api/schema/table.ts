/** Everything that is known of the API's kinds: the one door to the schema table. */
export { checkObject, pruneUnknown, type Findings } from './check.ts';
export {
  definitionForKind,
  definitions,
  fieldOf,
  type Definition,
  type FieldSchema,
  type GroupVersionKind,
  type Scalar,
} from './definitions.ts';
