/** The objects that the stories create. */

const IMAGE = 'busybox';

/** Serves its own host name over HTTP on 8080 and logs each client's address. */
export function webDeployment(name: string, replicas: number): object {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, labels: { app: name } },
    spec: {
      replicas,
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: {
          terminationGracePeriodSeconds: 1,
          containers: [
            {
              name: 'web',
              image: IMAGE,
              command: ['sh', '-c', 'mkdir -p /www && hostname > /www/index.html && exec httpd -f -v -p 8080 -h /www'],
              ports: [{ containerPort: 8080 }],
            },
          ],
        },
      },
    },
  };
}

/** As above, but its servers are gone, socket and all, the moment they are told to stop; ready when they answer. */
export function abruptWebDeployment(name: string, replicas: number): object {
  const serve = 'mkdir -p /www && hostname > /www/index.html; httpd -f -p 8080 -h /www & trap "exit 0" TERM; wait';
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, labels: { app: name } },
    spec: {
      replicas,
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: {
          terminationGracePeriodSeconds: 10,
          containers: [
            {
              name: 'web',
              image: IMAGE,
              command: ['sh', '-c', serve],
              ports: [{ containerPort: 8080 }],
              readinessProbe: { httpGet: { path: '/', port: 8080 }, periodSeconds: 1 },
            },
          ],
        },
      },
    },
  };
}

export function service(name: string, app: string, spec: object = {}): object {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name },
    spec: { selector: { app }, ports: [{ port: 80, targetPort: 8080 }], ...spec },
  };
}

/** A pod that waits for `kubectl exec`. */
export function sleeper(name: string, extra: object = {}): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, labels: { app: name } },
    spec: {
      terminationGracePeriodSeconds: 0,
      containers: [{ name: 'main', image: IMAGE, command: ['sleep', '1000000'] }],
      ...extra,
    },
  };
}
