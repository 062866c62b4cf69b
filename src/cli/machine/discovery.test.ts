import assert from 'node:assert/strict';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { createAuthority, publicKeyPin, type Authority } from '../../pki/index.ts';
import { discover, parseEndpoint } from './discovery.ts';

describe('an endpoint', () => {
  const cases: readonly (readonly [string, ReturnType<typeof parseEndpoint>])[] = [
    ['10.0.0.1:6443', { host: '10.0.0.1', port: 6443 }],
    ['[fd00::1]:6443', { host: 'fd00::1', port: 6443 }],
    ['cp.example:443', { host: 'cp.example', port: 443 }],
    ...['10.0.0.1', 'fd00::1:6443', 'https://a:1', 'a:0', 'a:65536', ':1', 'a/b:1', ''].map(
      (text) => [text, undefined] as const,
    ),
  ];
  for (const [text, expected] of cases) it(JSON.stringify(text), () => assert.deepEqual(parseEndpoint(text), expected));
});

describe('a machine that knows an address and a pin', () => {
  let authority: Authority;
  let server: ReturnType<typeof createServer>;
  let body = '';
  let seen: (string | undefined)[] = [];
  before(async () => {
    authority = await createAuthority('a');
    const { certPem: cert, keyPem: key } = await authority.issue({ commonName: 'x' });
    server = createServer({ cert, key }, (request, response) => {
      seen.push(request.headers.authorization);
      response.end(body);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  after(() => server.close());

  const ask = (pin: string) => discover({ host: '127.0.0.1', port: (server.address() as AddressInfo).port }, pin);
  const publish = (...pems: string[]): void => {
    const cluster = { 'certificate-authority-data': Buffer.from(pems.join('')).toString('base64') };
    body = JSON.stringify({ data: { kubeconfig: JSON.stringify({ clusters: [{ name: '', cluster }] }) } });
  };

  it('believes the one CA of a bundle that has the pin, and learns its own address', async () => {
    publish((await createAuthority('other')).certPem, authority.certPem);
    const { ca, localAddress } = await ask(publicKeyPin(authority.certPem));
    assert.equal(ca.trim(), authority.certPem.trim());
    assert.equal(localAddress, '127.0.0.1');
  });

  it('refuses another CA, and has sent nothing secret', async () => {
    seen = [];
    publish(authority.certPem);
    await assert.rejects(ask(`sha256:${'0'.repeat(64)}`), /shows the CA sha256:.*The token was not sent/);
    assert.deepEqual(seen, [undefined]);
  });

  it('says so when there is no cluster, whatever the answer is', async () => {
    for (const text of [
      '',
      'hello',
      '{}',
      '{"data":{"kubeconfig":"&a [*a, *a]"}}',
      '{"data":{"kubeconfig":"clusters: 1"}}',
    ]) {
      body = text;
      await assert.rejects(ask(publicKeyPin(authority.certPem)), /publishes no cluster/, text);
    }
    body = 'x'.repeat(2 * 1024 * 1024);
    await assert.rejects(ask(publicKeyPin(authority.certPem)), /larger than 1 MiB/);
  });
});
