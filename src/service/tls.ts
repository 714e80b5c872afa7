import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { ServerCredentials } from '@grpc/grpc-js';

import { LonghaulError } from '../connector/errors';

/** PEM files. */
export interface TlsFiles {
  /** The server's certificate, followed by those between it and its root. */
  readonly certFile: string;
  readonly keyFile: string;
  /** Given, every caller must show a certificate that one of these has signed. */
  readonly clientCaFile?: string;
}

/** @throws CONFIG naming the file that is missing, is not what it should be, or does not fit the other. */
export async function readTlsCredentials({
  certFile,
  keyFile,
  clientCaFile,
}: TlsFiles): Promise<ServerCredentials> {
  const cert = await readPem(certFile, 'certificate');
  const key = await readPem(keyFile, 'private key');
  const clientCa = clientCaFile === undefined ? null : await readPem(clientCaFile, 'client CA');
  const certificate = parse({ file: certFile, what: 'PEM certificate' }, () => new X509Certificate(cert));
  const privateKey: KeyObject = parse({ file: keyFile, what: 'PEM private key without a passphrase' }, () =>
    createPrivateKey(key),
  );
  if (clientCaFile !== undefined && clientCa !== null) {
    parse({ file: clientCaFile, what: 'PEM certificate' }, () => new X509Certificate(clientCa));
  }
  if (!certificate.checkPrivateKey(privateKey)) {
    throw new LonghaulError('CONFIG', `The private key ${keyFile} is not that of ${certFile}.`);
  }
  return ServerCredentials.createSsl(clientCa, [{ cert_chain: cert, private_key: key }], clientCa !== null);
}

async function readPem(file: string, what: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new LonghaulError('CONFIG', `Cannot read the ${what} ${file}: ${reason}`, { cause });
  }
}

function parse<T>({ file, what }: { file: string; what: string }, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw new LonghaulError('CONFIG', `${file} is no ${what}.`, { cause });
  }
}
