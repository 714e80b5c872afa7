import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface CertificateFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

/** A certificate authority of its own, made by openssl in `folder`. */
export interface Authority extends CertificateFiles {
  /** A certificate for localhost, signed by this authority. */
  issue(name: string): Promise<CertificateFiles>;
}

export async function createAuthority(folder: string, name: string): Promise<Authority> {
  const ca = filesOf(folder, name);
  await openssl(['req', '-x509', ...newKey(ca), '-subj', `/CN=${name}`, '-days', '2', '-out', ca.certFile]);
  const issue = async (issued: string): Promise<CertificateFiles> => {
    const files = filesOf(folder, issued);
    const request = `${files.certFile}.csr`;
    const names = `${files.certFile}.ext`;
    await writeFile(names, 'subjectAltName = DNS:localhost, IP:127.0.0.1\n');
    await openssl(['req', ...newKey(files), '-subj', `/CN=${issued}`, '-out', request]);
    const by = ['-CA', ca.certFile, '-CAkey', ca.keyFile, '-CAcreateserial', '-days', '2'];
    await openssl(['x509', '-req', '-in', request, ...by, '-extfile', names, '-out', files.certFile]);
    return files;
  };
  return { ...ca, issue };
}

export async function readPair({
  certFile,
  keyFile,
}: CertificateFiles): Promise<{ cert: Buffer; key: Buffer }> {
  return { cert: await readFile(certFile), key: await readFile(keyFile) };
}

function filesOf(folder: string, name: string): CertificateFiles {
  return { certFile: join(folder, `${name}.pem`), keyFile: join(folder, `${name}.key`) };
}

function newKey({ keyFile }: CertificateFiles): string[] {
  return ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', keyFile];
}

async function openssl(args: readonly string[]): Promise<void> {
  await run('openssl', args);
}
