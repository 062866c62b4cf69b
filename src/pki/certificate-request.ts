/** Requests for certificates (PKCS #10, RFC 2986): made by who wants one, read by who signs it. */
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import { keyAlgorithm, pemText, privatePem, subjectOf } from './authority.ts';
import type { CertificateSubject } from './authority.ts';

/** What a request asks for, and whether its sender has the key that it names. */
export interface CertificateWish extends Required<CertificateSubject> {
  /** Alternative names of other kinds (mail addresses, URIs, …), or parts of a subject beyond CN and O: nobody of ours asks for such. */
  readonly others: readonly string[];
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKey: Uint8Array<ArrayBuffer>;
}

/** Makes a key and the request that it signs, as PEM texts. */
export async function createCertificateRequest(
  subject: CertificateSubject,
): Promise<{ readonly requestPem: string; readonly keyPem: string }> {
  const keys = await crypto.subtle.generateKey(keyAlgorithm, true, ['sign', 'verify']);
  const { dnsNames = [], ipAddresses = [] } = subject;
  const names: x509.JsonGeneralNames = [
    ...dnsNames.map((value) => ({ type: 'dns' as const, value })),
    ...ipAddresses.map((value) => ({ type: 'ip' as const, value })),
  ];
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name: subjectOf(subject),
    keys,
    signingAlgorithm: keyAlgorithm,
    extensions: names.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension(names)],
  });
  return { requestPem: pemText(request.toString('pem')), keyPem: await privatePem(keys.privateKey) };
}

/** Reads a request of whatever size the caller allows. Rejects, saying why, when it is malformed or its signature is not its key's. */
export async function readCertificateRequest(pem: string): Promise<CertificateWish> {
  const request = new x509.Pkcs10CertificateRequest(onlyBlock(pem));
  if (!(await request.verify())) throw new Error('the signature of the request is not that of its key');
  const subject = request.subjectName.toJSON();
  const values = (field: string): string[] => subject.flatMap((part) => part[field] ?? []);
  const names = [...request.extensions].flatMap((each) =>
    each instanceof x509.SubjectAlternativeNameExtension ? [...each.names.items] : [],
  );
  const [commonName = '', ...moreNames] = values('CN');
  return {
    commonName,
    organizations: values('O'),
    dnsNames: names.filter(({ type }) => type === 'dns').map(({ value }) => value),
    ipAddresses: names.filter(({ type }) => type === 'ip').map(({ value }) => value),
    others: [
      ...names.filter(({ type }) => type !== 'dns' && type !== 'ip').map(({ type, value }) => `${type}:${value}`),
      ...moreNames.map((name) => `CN=${name}`),
      ...subject.flatMap((part) => Object.keys(part).filter((field) => field !== 'CN' && field !== 'O')),
    ],
    publicKey: new Uint8Array(request.publicKey.rawData),
  };
}

/** A second block would be somebody else's reading of the same text. */
function onlyBlock(pem: string): ArrayBuffer {
  const blocks = x509.PemConverter.decodeWithHeaders(pem);
  const [block] = blocks;
  if (block === undefined || blocks.length > 1 || block.type !== 'CERTIFICATE REQUEST')
    throw new Error('not one PEM block of type CERTIFICATE REQUEST');
  return block.rawData;
}
