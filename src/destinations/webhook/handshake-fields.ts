/**
 * The fields of a webhook destination that ask for the handshake of CloudEvents' webhooks: `webhook_handshake`, and
 * `webhook_request_rate`, the requests a minute that it asks for.
 */
import type { Config, FieldProblem } from '../destination-type.ts';

export const HANDSHAKE_FIELDS = ['webhook_handshake', 'webhook_request_rate'] as const;

const MAX_RATE = 1_000_000;

/** The fields as they are stored: those that say nothing are left out. */
export function checkHandshake(
  { webhook_handshake: asked, webhook_request_rate: given }: Readonly<Record<string, unknown>>,
  problems: FieldProblem[],
): Config {
  const isOff = asked === undefined || asked === '' || asked === 'false' || asked === false;
  const isOn = asked === 'true' || asked === true;
  if (!isOff && !isOn) {
    problems.push({
      pointer: '/config/webhook_handshake',
      code: 'type',
      message: 'Whether the receiver is asked before the first delivery: true or false.',
    });
  }
  const hasRate = given !== undefined && given !== '';
  const rate = typeof given === 'string' && /^\d{1,7}$/.test(given) ? Number(given) : given;
  if (hasRate && !isRate(rate)) {
    problems.push({
      pointer: '/config/webhook_request_rate',
      code: 'range',
      message: `The rate to ask for is a whole number of requests a minute, from 1 to ${MAX_RATE}.`,
    });
  } else if (hasRate && isOff) {
    problems.push({
      pointer: '/config/webhook_request_rate',
      code: 'conflict',
      message: 'A rate is asked for in the handshake: set `webhook_handshake` too.',
    });
  }
  if (!isOn) return {};
  return {
    webhook_handshake: 'true',
    ...(isRate(rate) ? { webhook_request_rate: String(rate) } : {}),
  };
}

function isRate(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= MAX_RATE;
}
