/** The operator's file of authorities. */
import { readFileSync } from 'node:fs';
import { certificatesPem, parseCertificates } from '../destinations/certificates.ts';

/** The file cannot be read, or is not one of certificates; the message says so, and what to do. */
export class CaFileError extends Error {
  override readonly name = 'CaFileError';
}

/** Certificates in PEM, one each. */
export function readCaFile(path: string): string[] {
  let text;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CaFileError(
      `the file of authorities cannot be read (${reason}): set ANGARIUM_CA_FILE`,
    );
  }
  const certificates = parseCertificates(text);
  if (certificates === undefined) {
    throw new CaFileError(
      `${path} holds no certificates in PEM, or one that is broken: write -----BEGIN CERTIFICATE----- blocks alone`,
    );
  }
  return certificates.map((certificate) => certificatesPem([certificate]));
}
