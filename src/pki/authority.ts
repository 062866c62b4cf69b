/** A certificate authority: ECDSA P-256 throughout, PEM in and out (RFC 5280 certificates, PKCS #8 keys). */
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const defaultDays = 3650;
const dayMs = 86_400_000;
/** Clocks of joining machines may lag a little behind ours. */
const skewMs = 5 * 60_000;

/** A certificate with its private key. */
export interface KeyPairPem {
  readonly certPem: string;
  readonly keyPem: string;
}

/** Whom a certificate is for. Kubernetes reads the user from `commonName` and the groups from `organizations`. */
export interface CertificateRequest {
  readonly commonName: string;
  readonly organizations?: readonly string[];
  readonly dnsNames?: readonly string[];
  readonly ipAddresses?: readonly string[];
  /** Days it is valid. Default 3,650. */
  readonly days?: number;
}

/** Signs certificates that serve as server and as client certificates. */
export interface Authority extends KeyPairPem {
  /** Makes a key and a certificate for it, never valid longer than the authority itself. */
  issue(request: CertificateRequest): Promise<KeyPairPem>;
}

/** Makes a new authority with a key of its own. */
export async function createAuthority(commonName: string): Promise<Authority> {
  const keys = await generateKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: [{ CN: [commonName] }],
    ...validity(defaultDays),
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
    const { notBefore, notAfter } = validity(request.days ?? defaultDays);
    const end = this.#certificate.notAfter;
    const certificate = await x509.X509CertificateGenerator.create({
      serialNumber: serialNumber(),
      subject: subjectOf(request),
      issuer: this.#certificate.subjectName,
      notBefore,
      notAfter: notAfter < end ? notAfter : end,
      signingAlgorithm: algorithm,
      publicKey: keys.publicKey,
      signingKey: this.#key,
      extensions: [...usages(), ...alternativeNames(request), await this.#issuerExtension()],
    });
    return { certPem: pemText(certificate.toString('pem')), keyPem: await privatePem(keys.privateKey) };
  }

  #issuerExtension(): Promise<x509.AuthorityKeyIdentifierExtension> {
    return x509.AuthorityKeyIdentifierExtension.create(this.#certificate.publicKey);
  }
}

function usages(): x509.Extension[] {
  return [
    new x509.BasicConstraintsExtension(false, undefined, true),
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
    new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth]),
  ];
}

function alternativeNames({ dnsNames = [], ipAddresses = [] }: CertificateRequest): x509.Extension[] {
  const names: x509.JsonGeneralNames = [
    ...dnsNames.map((value) => ({ type: 'dns' as const, value })),
    ...ipAddresses.map((value) => ({ type: 'ip' as const, value })),
  ];
  return names.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension(names)];
}

/** One attribute set per organization: Go's reader gathers them all, and so every group counts. */
function subjectOf({ commonName, organizations = [] }: CertificateRequest): x509.JsonName {
  return [...organizations.map((name) => ({ O: [name] })), { CN: [commonName] }];
}

function validity(days: number): { notBefore: Date; notAfter: Date } {
  const now = Date.now();
  return { notBefore: new Date(now - skewMs), notAfter: new Date(now + days * dayMs) };
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

async function privatePem(key: CryptoKey): Promise<string> {
  return pemText(x509.PemConverter.encode(await crypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY'));
}

function pemText(text: string): string {
  return text.endsWith('\n') ? text : `${text}\n`;
}
