/** Everybody who verifies Standard Webhooks here: the published libraries and the kit. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Webhook } from 'standardwebhooks';
import { Webhook as SvixWebhook } from 'svix';
import { verify } from '../../sdk/src/index.ts';

/** A message as it was received. */
export interface Captured {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  readonly secret: string;
}

export type Verdict = 'good' | 'refused';

/** By name: the verdicts on messages, in order. The time that counts is now. */
export type Verifier = (messages: readonly Captured[]) => Promise<readonly Verdict[]>;

export const VERIFIERS: Readonly<Record<string, Verifier>> = {
  '@angarium/sdk': (messages) =>
    Promise.all(
      messages.map(async ({ headers, body, secret }) => {
        const { ok } = await verify('standard', headers, body, secret);
        return ok ? 'good' : 'refused';
      }),
    ),

  'standardwebhooks (npm)': async (messages) =>
    messages.map(({ headers, body, secret }) =>
      verdictOf(() => new Webhook(secret).verify(body, { ...headers }, { jsonParse: false })),
    ),

  'svix (npm)': async (messages) =>
    messages.map(({ headers, body, secret }) =>
      verdictOf(() => new SvixWebhook(secret).verify(body, { ...headers })),
    ),
};

function verdictOf(verifies: () => unknown): Verdict {
  try {
    verifies();
    return 'good';
  } catch {
    return 'refused';
  }
}

const script = fileURLToPath(new URL('verify-messages.py', import.meta.url));

export function pythonVerifier(python: string): Verifier {
  return async (messages) => {
    const input = messages
      .map(({ headers, body, secret }) =>
        JSON.stringify({ headers, secret, body: body.toString('base64') }),
      )
      .join('\n');
    const { status, stdout, stderr } = spawnSync(python, [script], { input, encoding: 'utf8' });
    if (status !== 0) throw new Error(`the Python verifier ended with ${status}: ${stderr}`);
    return stdout
      .trim()
      .split('\n')
      .map((line) => (line === 'good' ? 'good' : 'refused'));
  };
}
