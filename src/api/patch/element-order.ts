/** In which order the elements of a merged list stand. */

/** What makes an element itself: its merge key's value, or the element of a list of primitives. */
export type Identity = (element: unknown) => unknown;

/** Where each identity stands first. */
export function placesOf(elements: readonly unknown[], identity: Identity): Map<unknown, number> {
  const places = new Map<unknown, number>();
  for (const [place, element] of elements.entries()) {
    const id = identity(element);
    if (!places.has(id)) places.set(id, place);
  }
  return places;
}

/**
 * `wanted` tells the order of what the client knows of; `live` is the list as it was. What only the server has keeps its
 * place among its neighbours as well as can be: it goes before the first wanted element that stood after it.
 */
export function orderElements(
  merged: readonly unknown[],
  wanted: readonly unknown[],
  live: readonly unknown[],
  identity: Identity,
): unknown[] {
  const wantedPlaces = placesOf(wanted, identity);
  const livePlaces = placesOf(live, identity);
  const place = (places: Map<unknown, number>, element: unknown): number => places.get(identity(element)) ?? -1;
  const sorted = (elements: unknown[], places: Map<unknown, number>): unknown[] =>
    elements.sort((a, b) => place(places, a) - place(places, b));

  const known = sorted(
    merged.filter((element) => wantedPlaces.has(identity(element))),
    wantedPlaces,
  );
  const serverOnly = sorted(
    merged.filter((element) => !wantedPlaces.has(identity(element))),
    livePlaces,
  );
  const result: unknown[] = [];
  let next = 0;
  for (const element of known) {
    const limit = place(livePlaces, element);
    while (next < serverOnly.length && place(livePlaces, serverOnly[next]) < limit) result.push(serverOnly[next++]);
    result.push(element);
  }
  return [...result, ...serverOnly.slice(next)];
}
