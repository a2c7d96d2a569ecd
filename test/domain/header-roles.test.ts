/** What the headers of a message are for, as it follows from the profile. */
import { describe, expect, it } from 'vitest';

import { applyFormat } from '../../src/domain/format.ts';
import { headerRoles } from '../../src/domain/header-roles.ts';
import type { HeaderTemplate, Profile } from '../../src/domain/profile.ts';
import { baack } from '../../src/profiles/baack.ts';
import { balkanid } from '../../src/profiles/balkanid.ts';
import { basekit } from '../../src/profiles/basekit.ts';
import { baxcloud } from '../../src/profiles/baxcloud.ts';
import { standard } from '../../src/profiles/standard.ts';
import { exampleProfiles } from '../support/example-profiles.ts';

const FREE = { 'content-type': 'information', 'user-agent': 'information' };

const rolesOf = (profile: Profile) => Object.fromEntries(headerRoles(profile));

describe('the headers of a profile built in', () => {
  it.each<[Profile, Record<string, string>]>([
    [
      standard,
      {
        'webhook-id': 'signature',
        'webhook-timestamp': 'signature',
        'webhook-signature': 'signature',
      },
    ],
    [
      baack,
      {
        'idempotency-key': 'signature',
        'x-baack-timestamp': 'signature',
        'x-baack-nonce': 'repeats',
        'signed-headers': 'signature',
        'x-baack-signature': 'signature',
      },
    ],
    [basekit, { 'x-delivery-id': 'information', 'x-delivery-hmac-sha256': 'signature' }],
    [
      balkanid,
      {
        'x-outpost-event-id': 'information',
        'x-outpost-topic': 'information',
        'x-outpost-timestamp': 'information',
        'x-outpost-signature': 'signature',
      },
    ],
    [baxcloud, { 'x-baxcloud-signature': 'signature' }],
  ])('$name', (profile, expected) => {
    expect(rolesOf(profile)).toEqual({ ...FREE, ...expected });
  });
});

it.each<[string, Record<string, string>]>([
  [
    'github',
    {
      'x-github-event': 'information',
      'x-github-delivery': 'information',
      'x-hub-signature-256': 'signature',
    },
  ],
  ['stripe', { 'stripe-signature': 'signature' }],
  [
    'shopify',
    {
      'x-shopify-topic': 'information',
      'x-shopify-shop-domain': 'information',
      'x-shopify-api-version': 'information',
      'x-shopify-webhook-id': 'information',
      'x-shopify-event-id': 'information',
      'x-shopify-triggered-at': 'information',
      'x-shopify-hmac-sha256': 'signature',
    },
  ],
  ['slack', { 'x-slack-request-timestamp': 'signature', 'x-slack-signature': 'signature' }],
  [
    'svix',
    { 'svix-id': 'signature', 'svix-timestamp': 'signature', 'svix-signature': 'signature' },
  ],
])('the headers of an operator’s profile: %s', async (name, expected) => {
  const profile = (await exampleProfiles()).get(name);
  if (profile === undefined) throw new Error(`there is no example ${name}`);
  expect(rolesOf(profile)).toEqual({ ...FREE, ...expected });
});

describe('what the signature covers', () => {
  it.each<[string, string, HeaderTemplate]>([
    ['a variable that is signed', '{topic}.{body}', ['x-a', '{topic}']],
    ['such a one after the body', '{body}{topic}', ['x-a', '{topic}']],
    ['such a one beside text', '{topic}.{body}', ['x-a', 'kind={topic}; v=1']],
    ['a constant that stands in the signed text', 'acme:v7:{body}', ['x-a', 'v7']],
  ])('holds %s', (_what, signed, header) => {
    expect(rolesOf(signing(signed, [header]))).toMatchObject({ 'x-a': 'signature' });
  });

  it.each<[string, string, HeaderTemplate]>([
    ['another variable', '{topic}.{body}', ['x-a', '{event_id}']],
    ['a constant that does not stand there', 'acme:v7:{body}', ['x-a', 'v8']],
    ['a variable of which only the name stands there', 'topic.{body}', ['x-a', '{topic}']],
  ])('does not hold %s', (_what, signed, header) => {
    expect(rolesOf(signing(signed, [header]))).toMatchObject({ 'x-a': 'information' });
  });

  it('holds what a header lists, and the list', () => {
    const headers: HeaderTemplate[] = [
      ['X-Covered', 'host "X-Kind";content-type, user-agent'],
      ['x-kind', '{attempt}'],
      ['x-other', '{attempt}'],
    ];
    expect(rolesOf(signing('{body}', headers))).toEqual({
      'x-covered': 'signature',
      'x-kind': 'signature',
      'content-type': 'signature',
      'user-agent': 'signature',
      'x-other': 'information',
      'x-signature': 'signature',
    });
  });

  it('holds the content type, where that is signed as a text', () => {
    const profile = { ...signing('application/json\n{body}', []), contentType: 'application/json' };
    expect(rolesOf(profile)).toMatchObject({ 'content-type': 'signature' });
  });

  it('is nothing, where nothing is signed', () => {
    const headers: HeaderTemplate[] = [
      ['x-list', 'x-kind'],
      ['x-kind', '{topic}'],
    ];
    expect(rolesOf({ ...signing('{body}', headers), signature: null })).toEqual({
      ...FREE,
      'x-list': 'information',
      'x-kind': 'information',
    });
  });
});

it('what tells repeats is told by its variable, and an idempotency key also by its name', () => {
  const headers: HeaderTemplate[] = [
    ['x-once', 'n-{nonce}'],
    ['x-key', '{idempotency_key}'],
    ['Idempotency-Key', '{event_id}'],
    ['x-id', '{event_id}'],
  ];
  expect(rolesOf(signing('{body}', headers))).toMatchObject({
    'x-once': 'repeats',
    'x-key': 'repeats',
    'idempotency-key': 'repeats',
    'x-id': 'information',
  });
});

describe('CloudEvents', () => {
  it('in binary mode are the attributes and the content type', () => {
    expect(rolesOf(applyFormat(balkanid, { name: 'cloudevents-binary' }))).toMatchObject({
      'content-type': 'cloudevents',
      'ce-specversion': 'cloudevents',
      'ce-id': 'cloudevents',
      'ce-source': 'cloudevents',
      'ce-type': 'cloudevents',
      'ce-subject': 'cloudevents',
      'ce-time': 'cloudevents',
      'x-outpost-topic': 'information',
      'user-agent': 'information',
    });
  });

  it('in structured mode are the content type, also where the profile itself is so', () => {
    const formatted = applyFormat(balkanid, { name: 'cloudevents-structured' });
    const own: Profile = { ...balkanid, payload: 'cloudevents' };
    for (const profile of [formatted, own])
      expect(rolesOf(profile)).toMatchObject({
        'content-type': 'cloudevents',
        'x-outpost-topic': 'information',
      });
  });

  it('leave the content type of other formats alone', () => {
    for (const format of [{ name: 'thin' }, { name: 'jmespath', expression: '@' }] as const)
      expect(rolesOf(applyFormat(balkanid, format))).toMatchObject(FREE);
  });
});

function signing(signed: string, headers: readonly HeaderTemplate[]): Profile {
  const { signature } = basekit;
  if (signature === null) throw new Error('basekit signs');
  return { ...basekit, headers, signature: { ...signature, header: 'X-Signature', signed } };
}
