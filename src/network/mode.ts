/** How pods of other nodes are reached. In a file of its own, for the command line to name before it loads anything else. */

/** `auto`: by routes to nodes on one's own segment, by VXLAN to the others. `vxlan`: by that to all. */
export type PodNetworkMode = (typeof podNetworkModes)[number];
export const podNetworkModes = ['auto', 'routes', 'vxlan'] as const;

/** Of IANA (RFC 7348); Linux' own default is an older one. */
export const defaultVxlanPort = 4789;
