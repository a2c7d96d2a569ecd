/** A mail server on loopback that keeps what it takes: SMTP in the clear, with STARTTLS, or with TLS from the start. */
import type { AddressInfo } from 'node:net';
import PostalMime from 'postal-mime';
import type { Email } from 'postal-mime';
import { SMTPServer } from 'smtp-server';
import type { SMTPServerOptions, SMTPServerSession } from 'smtp-server';
import type { TestCertificate } from './certificate.ts';

export interface MailServer {
  readonly port: number;
  /** What it has taken, in order. */
  readonly taken: readonly TakenMail[];
  /** SMTP codes that the next mails are answered with; those after them are taken. */
  refuse(...codes: readonly number[]): void;
  close(): Promise<void>;
}

export interface TakenMail {
  readonly mail: Email;
  readonly isEncrypted: boolean;
  /** Who signed in; `null`: nobody did. */
  readonly user: string | null;
}

export interface MailServerOptions {
  readonly tls?: TestCertificate & { readonly begins: 'at once' | 'when asked' };
  /** Who alone may send; by default anybody. */
  readonly user?: { readonly name: string; readonly password: string };
}

export async function startMailServer({
  tls,
  user: known,
}: MailServerOptions = {}): Promise<MailServer> {
  const taken: TakenMail[] = [];
  const refusals: number[] = [];
  async function take(
    bytes: Uint8Array,
    { secure, user }: Pick<SMTPServerSession, 'secure' | 'user'>,
    callback: () => void,
  ): Promise<void> {
    const mail = await PostalMime.parse(bytes);
    taken.push({ mail, isEncrypted: secure, user: user === undefined ? null : String(user) });
    callback();
  }
  const security: SMTPServerOptions =
    tls === undefined
      ? { disabledCommands: ['STARTTLS'] }
      : { cert: tls.cert, key: tls.key, secure: tls.begins === 'at once' };
  const server = new SMTPServer({
    ...security,
    authOptional: known === undefined,
    onAuth({ username, password }, _session, callback) {
      if (username === known?.name && password === known?.password)
        callback(null, { user: username });
      else callback(new Error('Invalid username or password'));
    },
    onData(stream, { secure, user }, callback) {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        const code = refusals.shift();
        if (code !== undefined) {
          callback(Object.assign(new Error('not now'), { responseCode: code }));
          return;
        }
        void take(Buffer.concat(chunks), { secure, user }, callback);
      });
    },
  });
  // A client that does not trust it hangs up, which is no fault of the server.
  server.on('error', () => {});
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.server.address() as AddressInfo;
  return {
    port,
    taken,
    refuse: (...codes) => void refusals.push(...codes),
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
      }),
  };
}
