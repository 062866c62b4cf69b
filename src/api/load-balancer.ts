/** What the control plane and the agents tell each other about addresses of load balancers. */

/** On a Service: the node that answers for the addresses in its status. */
export const answeredByAnnotation = 'podwire.dev/answered-by';
