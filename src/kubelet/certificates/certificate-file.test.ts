import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { createAuthority } from '../../pki/index.ts';
import { readPair, writePair } from './certificate-file.ts';
import { goodPair } from './keep-certificate.ts';
import { clientPurpose, servingPurpose } from './request-certificate.ts';

describe('the file of a certificate', () => {
  let folder = '';
  before(async () => (folder = await mkdtemp(join(tmpdir(), 'podwire-certificate-'))));
  after(() => rm(folder, { recursive: true }));

  const issue = async (subject: object) => {
    const authority = await createAuthority('a');
    const { certPem: cert, keyPem: key } = await authority.issue({ commonName: 'system:node:n1', ...subject });
    return { cert, key };
  };

  it('is for its owner alone, and comes back as it was', async () => {
    const [path, pair] = [join(folder, 'pki', 'a.pem'), await issue({})];
    await writePair(path, pair);
    assert.equal((await stat(path)).mode & 0o777, 0o600);
    assert.equal((await stat(join(folder, 'pki'))).mode & 0o777, 0o700);
    assert.deepEqual(await readdir(join(folder, 'pki')), ['a.pem']);
    assert.deepEqual(readPair(path), pair);
  });

  it('is none when it is missing, cut, or has another one’s key', async () => {
    const [path, pair, other] = [join(folder, 'b.pem'), await issue({}), await issue({})];
    assert.equal(readPair(path), undefined);
    for (const text of ['', pair.cert, `${pair.cert}${pair.key.slice(0, 80)}`, `${pair.cert}${other.key}`]) {
      await writeFile(path, text);
      assert.equal(readPair(path), undefined);
    }
  });

  it('is good for the name and the addresses that it has, until it runs out', async () => {
    const [path, now] = [join(folder, 'c.pem'), Date.now()];
    await writePair(path, await issue({ dnsNames: ['n1'], ipAddresses: ['10.0.0.1', 'fd00::1'], days: 1 }));
    const isGood = (purpose: Parameters<typeof goodPair>[1], atMs = now): boolean =>
      goodPair(path, purpose, atMs) !== undefined;
    assert.equal(isGood(clientPurpose('n1')), true);
    assert.equal(isGood(clientPurpose('n2')), false);
    assert.equal(isGood(servingPurpose('n1', ['10.0.0.1', 'fd00:0:0::1'])), true);
    assert.equal(isGood(servingPurpose('n1', ['10.0.0.2'])), false);
    assert.equal(isGood(clientPurpose('n1'), now + 2 * 86_400_000), false);
  });
});
