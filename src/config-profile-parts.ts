/** The parts of a profile in the configuration file: each reads its mapping over what the profile has by default. */
import {
  Members,
  choice,
  flag,
  listOf,
  numberOf,
  orNull,
  text,
  wholeNumberOf,
} from './config-node.ts';
import type { Place, Reader } from './config-node.ts';
import { isHeaderName } from './destinations/webhook/custom-headers.ts';
import { FAILURE_REASONS } from './domain/attempt.ts';
import { HMAC_ALGORITHMS } from './domain/profile.ts';
import type { RetryRule, SignatureScheme, SuccessRule } from './domain/profile.ts';
import { exponentialDelays } from './domain/retry-schedule.ts';
import type { RetrySchedule } from './domain/retry-schedule.ts';
import { DAY_OVERLAP_MS } from './domain/signing-secret.ts';
import type { SecretFormat } from './domain/signing-secret.ts';
import { parseTemplate, splitAt, TemplateError } from './domain/template.ts';

const DAY_S = 86_400;
const MAX_TEMPLATE = 1024;
const MAX_RETRIES = 100;
/** Headers that frame or describe the message: a profile sets none of them by hand. */
const FRAMING =
  /^(?:host|content-length|transfer-encoding|connection|keep-alive|proxy-connection|te|trailer|upgrade|expect|content-type|content-encoding|user-agent|accept-encoding)$/i;

/** A header that a profile may set. */
export function headerProblem(name: string): string | null {
  if (!isHeaderName(name))
    return 'it is no name that a header can have: write letters, digits and -';
  return FRAMING.test(name)
    ? 'the sender sets this header itself (content_type is a setting of the profile): take it out'
    : null;
}

/** The value of a header: visible ASCII, and variables. */
export function headerTemplateProblem(template: string): string | null {
  return templateProblem(template, () => void parseTemplate(template)) ?? visibleProblem(template);
}

/** `before`: what is left out is taken from there; `null`: the header has to be said. */
export function signatureOf(before: SignatureScheme | null): Reader<SignatureScheme> {
  return (node, place) => {
    const members = Members.of(node, place);
    if (members === undefined) return undefined;
    const base = before ?? { ...PLAIN_SIGNATURE, header: undefined };
    const header = members.read('header', text(headerProblem)) ?? base.header;
    if (header === undefined && !members.has('header'))
      place.wrong('header is missing: write the name of the header that the signature goes into');
    const scheme = {
      signed: members.read('signed', text(signedProblem)) ?? base.signed,
      algorithm: members.read('algorithm', choice(HMAC_ALGORITHMS)) ?? base.algorithm,
      encoding: members.read('encoding', choice(['hex', 'base64'])) ?? base.encoding,
      each: members.read('each', text(eachProblem)) ?? base.each,
      separator: members.read('separator', text(separatorProblem)) ?? base.separator,
      value: members.read('value', text(valueProblem)) ?? base.value,
      eachEd25519: given(members.read('each_ed25519', orNull(text(eachProblem))), base.eachEd25519),
    };
    members.done();
    return header === undefined ? undefined : { header, ...scheme };
  };
}

const PLAIN_SIGNATURE: Omit<SignatureScheme, 'header'> = {
  signed: '{body}',
  algorithm: 'sha256',
  encoding: 'hex',
  each: '{signature}',
  separator: ',',
  value: '{signatures}',
  eachEd25519: null,
};

export const PLAIN_SECRET: SecretFormat = {
  prefix: '',
  key: 'utf8',
  minBytes: 16,
  maxBytes: 255,
  generated: { bytes: 32, encoding: 'hex' },
  shown: 'value',
  scope: 'destination',
  ed25519: false,
  overlapMs: DAY_OVERLAP_MS,
};

export function secretOf(before: SecretFormat): Reader<SecretFormat> {
  return (node, place) => {
    const members = Members.of(node, place);
    if (members === undefined) return undefined;
    const overlapS = members.read('overlap_s', wholeNumberOf(0, 365 * DAY_S));
    const format: SecretFormat = {
      prefix: members.read('prefix', text(prefixProblem)) ?? before.prefix,
      key: members.read('key', choice(['base64', 'utf8'])) ?? before.key,
      minBytes: members.read('min_bytes', wholeNumberOf(1, 1024)) ?? before.minBytes,
      maxBytes: members.read('max_bytes', wholeNumberOf(1, 1024)) ?? before.maxBytes,
      generated: given(members.read('generated', orNull(generatedOf)), before.generated),
      shown: members.read('shown', choice(['value', 'sha256'])) ?? before.shown,
      scope: members.read('scope', choice(['destination', 'tenant'])) ?? before.scope,
      ed25519: members.read('ed25519', flag) ?? before.ed25519,
      overlapMs: overlapS === undefined ? before.overlapMs : overlapS * 1000,
    };
    members.done();
    return format;
  };
}

const generatedOf: Reader<SecretFormat['generated']> = (node, place) => {
  const members = Members.of(node, place);
  if (members === undefined) return undefined;
  const bytes = required(members, place, 'bytes', wholeNumberOf(16, 255));
  const encoding = required(members, place, 'encoding', choice(['base64', 'hex']));
  members.done();
  return bytes === undefined || encoding === undefined ? undefined : { bytes, encoding };
};

/** A range, or a list. */
export const successOf: Reader<SuccessRule> = (node, place) => {
  if (node.kind === 'list') {
    const only = listOf(status, 500)(node, place);
    if (only?.length === 0) return place.wrong('it is empty: no answer would be a success');
    return only === undefined ? undefined : { only };
  }
  const members = Members.of(node, place);
  if (members === undefined) return undefined;
  const fromStatus = required(members, place, 'from_status', status);
  const toStatus = required(members, place, 'to_status', status);
  members.done();
  if (fromStatus === undefined || toStatus === undefined) return undefined;
  if (fromStatus > toStatus) return place.wrong('from_status is above to_status: swap them');
  return { fromStatus, toStatus };
};

export function retriedOf(before: RetryRule): Reader<RetryRule> {
  return (node, place) => {
    const members = Members.of(node, place);
    if (members === undefined) return undefined;
    const statuses = members.read('statuses', statusesOf) ?? before.statuses;
    const reasons = given(
      members.read(
        'reasons',
        orNull(listOf(choice(FAILURE_REASONS.filter((reason) => reason !== 'http_status')), 20)),
      ),
      before.reasons,
    );
    members.done();
    return { statuses, reasons };
  };
}

const statusesOf: Reader<RetryRule['statuses']> = (node, place) => {
  const members = Members.of(node, place);
  if (members === undefined) return undefined;
  const only = members.read('only', listOf(status, 500));
  const allBut = members.read('all_but', listOf(status, 500));
  members.done();
  if (members.has('only') === members.has('all_but'))
    return place.wrong('write one of the two: only: [STATUS, ...] or all_but: [STATUS, ...]');
  if (only !== undefined) return { only };
  return allBut === undefined ? undefined : { allBut };
};

export function retryOf(before: RetrySchedule): Reader<RetrySchedule> {
  return (node, place) => {
    const members = Members.of(node, place);
    if (members === undefined) return undefined;
    const seconds = (min: number) => numberOf(min, 7 * DAY_S);
    const listed = members.read('delays_s', listOf(seconds(0), MAX_RETRIES));
    const grown = {
      base_s: members.read('base_s', seconds(0.001)),
      factor: members.read('factor', numberOf(1, 100)),
      cap_s: members.read('cap_s', seconds(0.001)),
      count: members.read('count', wholeNumberOf(0, MAX_RETRIES)),
    };
    const jitter = members.read('jitter', numberOf(0, 1)) ?? before.jitter;
    const windowS = members.read('window_s', orNull(numberOf(0.001, 30 * DAY_S)));
    members.done();
    const names = ['base_s', 'factor', 'cap_s', 'count'].filter((name) => members.has(name));
    if (names.length > 0 && members.has('delays_s'))
      return place.wrong(
        'it has delays that are listed and delays that grow: write delays_s, or base_s, factor, cap_s and count',
      );
    if (names.length > 0 && names.length < 4)
      return place.wrong('delays that grow want all four: base_s, factor, cap_s and count');
    return {
      delaysMs: listed?.map((delayS) => delayS * 1000) ?? grownMs(grown) ?? before.delaysMs,
      jitter,
      windowMs: windowS === undefined ? before.windowMs : windowS === null ? null : windowS * 1000,
    };
  };
}

function grownMs(
  grown: Readonly<Record<'base_s' | 'factor' | 'cap_s' | 'count', number | undefined>>,
) {
  const { base_s: baseS, factor, cap_s: capS, count } = grown;
  if (baseS === undefined || factor === undefined) return undefined;
  if (capS === undefined || count === undefined) return undefined;
  return exponentialDelays(baseS * 1000, factor, capS * 1000, count);
}

const status = wholeNumberOf(100, 599);

/** What has to be said. */
export function required<T>(members: Members, place: Place, name: string, reader: Reader<T>) {
  if (!members.has(name)) place.wrong(`${name} is missing`);
  return members.read(name, reader);
}

/** `null` was said and counts. */
export function given<T>(said: T | null | undefined, otherwise: T | null): T | null {
  return said === undefined ? otherwise : said;
}

function signedProblem(template: string): string | null {
  return templateProblem(template, () => void splitAt('body', template).map(parseTemplate));
}

function valueProblem(template: string): string | null {
  return (
    templateProblem(template, () => void splitAt('signatures', template).map(parseTemplate)) ??
    visibleProblem(template)
  );
}

function eachProblem(template: string): string | null {
  return (
    templateProblem(template, () => {
      if (/[{}]/.test(splitAt('signature', template).join('')))
        throw new TemplateError('only {signature} can stand in it: variables go into value');
    }) ?? visibleProblem(template)
  );
}

function separatorProblem(separator: string): string | null {
  return /^[\x20-\x7e]{1,16}$/.test(separator)
    ? null
    : 'it is not 1 to 16 visible characters: without one, several signatures could not be told apart';
}

function prefixProblem(prefix: string): string | null {
  return /^[\x21-\x7e]{0,32}$/.test(prefix) ? null : 'it is not up to 32 visible ASCII characters';
}

function visibleProblem(template: string): string | null {
  return /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(template)
    ? null
    : 'a header’s value is visible ASCII, without blanks around it: change it';
}

function templateProblem(template: string, parse: () => void): string | null {
  if (template.length > MAX_TEMPLATE) return `it is longer than ${MAX_TEMPLATE} characters`;
  try {
    parse();
    return null;
  } catch (error) {
    if (error instanceof TemplateError) return error.message;
    throw error;
  }
}
