/** Everything that is known of the API's kinds: the one door to the schema table. */
export { checkObject, pruneUnknown } from './check.ts';
export { definitionForKind, definitions, fieldOf, type FieldSchema, type GroupVersionKind } from './definitions.ts';
