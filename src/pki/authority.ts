/** A certificate authority: ECDSA P-256 throughout, PEM in and out (RFC 5280 certificates, PKCS #8 keys). */
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';

/** Of every key that is made here. */
export const keyAlgorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const algorithm = keyAlgorithm;
const defaultDays = 3650;
const dayMs = 86_400_000;
/** Clocks of joining machines may lag a little behind ours; of a short life it is a tenth, or renewal would begin with the first moment. */
const skewMs = 5 * 60_000;

/** A certificate with its private key. */
export interface KeyPairPem {
  readonly certPem: string;
  readonly keyPem: string;
}

/** Whom a certificate is for. Kubernetes reads the user from `commonName` and the groups from `organizations`. */
export interface CertificateSubject {
  readonly commonName: string;
  readonly organizations?: readonly string[];
  readonly dnsNames?: readonly string[];
  readonly ipAddresses?: readonly string[];
}

/** A certificate that this side makes the key of. */
export interface CertificateRequest extends CertificateSubject {
  /** Days it is valid. Default 3,650. */
  readonly days?: number;
}

/** Signs certificates that serve as server and as client certificates. */
export interface Authority extends KeyPairPem {
  /** Makes a key and a certificate for it, never valid longer than the authority itself. */
  issue(request: CertificateRequest): Promise<KeyPairPem>;
  /** Signs somebody else's key (SubjectPublicKeyInfo, DER), for these uses alone; PEM text. Rejects when it is no key that can be read. */
  sign(subject: CertificateSubject, key: Uint8Array<ArrayBuffer>, terms: Terms): Promise<string>;
}

/** What a certificate is good for, and how long; never longer than the authority itself. */
export interface Terms {
  readonly uses: readonly ('server auth' | 'client auth')[];
  readonly seconds: number;
}

/** Makes a new authority with a key of its own. */
export async function createAuthority(commonName: string): Promise<Authority> {
  const keys = await generateKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: [{ CN: [commonName] }],
    ...validity((defaultDays * dayMs) / 1000),
    signingAlgorithm: algorithm,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(
        x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign | x509.KeyUsageFlags.digitalSignature,
        true,
      ),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return new LocalAuthority(certificate, keys.privateKey, await privatePem(keys.privateKey));
}

/** The authority that `createAuthority` made earlier. Rejects when the texts are no certificate or no P-256 key. */
export async function loadAuthority(pair: KeyPairPem): Promise<Authority> {
  const der = x509.PemConverter.decodeFirst(pair.keyPem);
  const key = await crypto.subtle.importKey('pkcs8', der, algorithm, true, ['sign']);
  return new LocalAuthority(new x509.X509Certificate(pair.certPem), key, pair.keyPem);
}

class LocalAuthority implements Authority {
  readonly certPem: string;
  readonly keyPem: string;
  readonly #certificate: x509.X509Certificate;
  readonly #key: CryptoKey;

  constructor(certificate: x509.X509Certificate, key: CryptoKey, keyPem: string) {
    this.#certificate = certificate;
    this.#key = key;
    this.certPem = pemText(certificate.toString('pem'));
    this.keyPem = keyPem;
  }

  async issue(request: CertificateRequest): Promise<KeyPairPem> {
    const keys = await generateKeys();
    const terms = { uses: bothUses, seconds: ((request.days ?? defaultDays) * dayMs) / 1000 };
    const certPem = await this.#sign(request, keys.publicKey, terms);
    return { certPem, keyPem: await privatePem(keys.privateKey) };
  }

  sign(subject: CertificateSubject, key: Uint8Array<ArrayBuffer>, terms: Terms): Promise<string> {
    return this.#sign(subject, new x509.PublicKey(key), terms);
  }

  async #sign(subject: CertificateSubject, publicKey: CryptoKey | x509.PublicKey, terms: Terms): Promise<string> {
    const { notBefore, notAfter } = validity(terms.seconds);
    const end = this.#certificate.notAfter;
    const certificate = await x509.X509CertificateGenerator.create({
      serialNumber: serialNumber(),
      subject: subjectOf(subject),
      issuer: this.#certificate.subjectName,
      notBefore,
      notAfter: notAfter < end ? notAfter : end,
      signingAlgorithm: algorithm,
      publicKey,
      signingKey: this.#key,
      extensions: [...usages(terms.uses), ...alternativeNames(subject), await this.#issuerExtension()],
    });
    return pemText(certificate.toString('pem'));
  }

  #issuerExtension(): Promise<x509.AuthorityKeyIdentifierExtension> {
    return x509.AuthorityKeyIdentifierExtension.create(this.#certificate.publicKey);
  }
}

const bothUses = ['server auth', 'client auth'] as const;

function usages(uses: Terms['uses']): x509.Extension[] {
  const { serverAuth, clientAuth } = x509.ExtendedKeyUsage;
  const extended = bothUses.filter((use) => uses.includes(use));
  return [
    new x509.BasicConstraintsExtension(false, undefined, true),
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
    new x509.ExtendedKeyUsageExtension(extended.map((use) => (use === 'server auth' ? serverAuth : clientAuth))),
  ];
}

function alternativeNames({ dnsNames = [], ipAddresses = [] }: CertificateSubject): x509.Extension[] {
  const names: x509.JsonGeneralNames = [
    ...dnsNames.map((value) => ({ type: 'dns' as const, value })),
    ...ipAddresses.map((value) => ({ type: 'ip' as const, value })),
  ];
  return names.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension(names)];
}

/** One attribute set per organization: Go's reader gathers them all, and so every group counts. */
export function subjectOf({ commonName, organizations = [] }: CertificateSubject): x509.JsonName {
  return [...organizations.map((name) => ({ O: [name] })), { CN: [commonName] }];
}

function validity(seconds: number): { notBefore: Date; notAfter: Date } {
  const now = Date.now();
  const skew = Math.min(skewMs, seconds * 100);
  return { notBefore: new Date(now - skew), notAfter: new Date(now + seconds * 1000) };
}

/** 127 random bits; the first byte is kept positive and not zero (RFC 5280, 4.1.2.2). */
function serialNumber(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return Buffer.from(bytes).toString('hex');
}

function generateKeys(): Promise<{ publicKey: CryptoKey; privateKey: CryptoKey }> {
  return crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
}

/** PKCS #8. */
export async function privatePem(key: CryptoKey): Promise<string> {
  return pemText(x509.PemConverter.encode(await crypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY'));
}

/** Ends with a line feed, so that texts can be put behind one another. */
export function pemText(text: string): string {
  return text.endsWith('\n') ? text : `${text}\n`;
}
