/** A certificate of our own for the simulated server, like the one that a Proxmox VE node makes for itself. */
import { X509Certificate } from 'node:crypto';
import { generate } from 'selfsigned';

export interface ServerCertificate {
  readonly keyPem: string;
  readonly certificatePem: string;
  /** SHA-256 of the certificate, `AA:BB:…`. */
  readonly fingerprint: string;
}

/**
 * Makes a key and a self-signed certificate for the loopback names.
 *
 * @param nodeName - common name, as the node's own certificate has it.
 */
export async function makeCertificate(nodeName: string): Promise<ServerCertificate> {
  const pems = await generate([{ name: 'commonName', value: nodeName }], {
    algorithm: 'sha256',
    keyType: 'ec',
    curve: 'P-256',
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      {
        name: 'subjectAltName',
        altNames: [
          { type: 2, value: 'localhost' },
          { type: 2, value: nodeName },
          { type: 7, ip: '127.0.0.1' },
          { type: 7, ip: '::1' },
        ],
      },
    ],
  });
  const fingerprint = new X509Certificate(pems.cert).fingerprint256;
  return { keyPem: pems.private, certificatePem: pems.cert, fingerprint };
}
