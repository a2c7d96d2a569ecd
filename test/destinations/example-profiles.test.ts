/**
 * examples/profiles, from the file to the receiver: what a server with such a configuration delivers is verified by the
 * library that the vendor publishes for receivers.
 */
import '@shopify/shopify-api/adapters/node';
import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { verify as verifyGithub } from '@octokit/webhooks-methods';
import { ApiVersion, shopifyApi } from '@shopify/shopify-api';
import { isValidSlackRequest } from '@slack/bolt';
import Stripe from 'stripe';
import { Webhook } from 'svix';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ApiServer } from '../support/api-server.ts';
import type { Received } from '../support/api-receiver.ts';
import type { DestinationView } from '../support/api-views.ts';
import { exampleProfiles } from '../support/example-profiles.ts';

/** Whether the vendor's library takes the message for a good one. */
type Verify = (received: Received, secret: string) => boolean | Promise<boolean>;

const DATA = '{"b":1.0,"a":"ü","n":9007199254740993}';

const VERIFIERS: Readonly<Record<string, Verify>> = {
  github: ({ headers, body }, secret) =>
    verifyGithub(secret, body.toString(), String(headers['x-hub-signature-256'])),
  stripe: ({ headers, body }, secret) =>
    passes(() => Stripe.webhooks.constructEvent(body, String(headers['stripe-signature']), secret)),
  shopify: async ({ headers, body }, secret) => {
    const shopify = shopifyApi({
      apiKey: 'key',
      apiSecretKey: secret,
      apiVersion: ApiVersion.January26,
      isEmbeddedApp: false,
      hostName: 'app.example.com',
      logger: { level: 0 },
    });
    const rawRequest = new IncomingMessage(new Socket());
    rawRequest.headers = headers;
    const rawResponse = new ServerResponse(rawRequest);
    const rawBody = body.toString();
    return (await shopify.webhooks.validate({ rawBody, rawRequest, rawResponse })).valid;
  },
  slack: ({ headers, body }, secret) =>
    isValidSlackRequest({
      signingSecret: secret,
      body: body.toString(),
      headers: {
        'x-slack-signature': String(headers['x-slack-signature']),
        'x-slack-request-timestamp': Number(headers['x-slack-request-timestamp']),
      },
    }),
  svix: ({ headers, body }, secret) =>
    passes(() => new Webhook(secret).verify(body, headers as Record<string, string>)),
};

let api: ApiServer;
beforeAll(async () => {
  api = await ApiServer.start({ profiles: [...(await exampleProfiles()).values()] });
});
afterAll(() => api.stop());

it('there is a verifier for each file, and a file for each verifier', async () => {
  const profiles = await exampleProfiles();
  expect([...profiles.keys()].sort()).toEqual(Object.keys(VERIFIERS).sort());
  for (const [file, { name }] of profiles) expect(name).toBe(file);
});

describe.each(Object.entries(VERIFIERS))('%s', (name, verify) => {
  it('verifies with the vendor’s library, and not once a byte was changed', async () => {
    const { received, secret } = await deliver(name);
    expect(await verify(received, secret)).toBe(true);
    const changed = Buffer.from(received.body);
    changed[changed.length - 2] = 0x39;
    expect(await verify({ ...received, body: changed }, secret)).toBe(false);
    expect(await verify(received, otherSecret(secret))).toBe(false);
  });

  it('verifies with a secret that was rotated as the profile does by itself, or without an overlap', async () => {
    for (const rotation of [{}, { overlap_s: 0 }]) {
      const { received, secret, before } = await deliver(name, rotation);
      expect(before).not.toBe(secret);
      expect(await verify(received, secret)).toBe(true);
    }
  });
});

it.each(['stripe', 'svix'])(
  '%s knows several signatures: both secrets verify during the overlap',
  async (name) => {
    const { received, secret, before } = await deliver(name, { overlap_s: 60 });
    expect(before).not.toBe(secret);
    expect(await VERIFIERS[name]?.(received, secret)).toBe(true);
    expect(await VERIFIERS[name]?.(received, before)).toBe(true);
  },
);

it('sends the headers of the vendor', async () => {
  const { received: github } = await deliver('github');
  expect(github.headers).toMatchObject({
    'content-type': 'application/json',
    'x-github-event': 'orders/create',
    'x-github-delivery': expect.stringMatching(/^dlv_/) as string,
    'x-hub-signature-256': expect.stringMatching(/^sha256=[0-9a-f]{64}$/) as string,
  });
  expect(github.body.toString()).toBe(DATA);

  const { received: stripe, event } = await deliver('stripe');
  expect(stripe.headers['content-type']).toBe('application/json; charset=utf-8');
  expect(stripe.headers['stripe-signature']).toMatch(/^t=\d{10},v1=[0-9a-f]{64}$/);
  expect(stripe.body.toString()).toMatch(`{"id":"${event}","type":"orders/create","created":`);
  expect(stripe.body.toString().endsWith(`"data":{"object":${DATA}}}`)).toBe(true);

  const { received: shopify, tenant } = await deliver('shopify');
  expect(shopify.headers['x-shopify-shop-domain']).toBe(tenant);
  expect(shopify.headers['x-shopify-hmac-sha256']).toMatch(/^[A-Za-z0-9+/]{43}=$/);

  const { received: slack } = await deliver('slack');
  expect(slack.headers['x-slack-signature']).toMatch(/^v0=[0-9a-f]{64}$/);

  const { received: svix, event: svixEvent } = await deliver('svix');
  expect(svix.headers['svix-id']).toBe(svixEvent);
  expect(svix.headers['webhook-id']).toBeUndefined();
});

/** Publishes one event to a new destination of the profile; `rotation`: after its secret was rotated so. */
async function deliver(profile: string, rotation: object | null = null) {
  const tenant = await api.tenant();
  const path = `/${profile}-${tenant}`;
  const config = { url: api.receiver.url(path) };
  const made = await api.destination(tenant, { profile, config });
  const before = String(made.credentials['secret']);
  let secret = before;
  if (rotation !== null) {
    const { body } = await api.post<DestinationView>(
      `/v1/tenants/${tenant}/destinations/${made.id}/rotate-secret`,
      rotation,
    );
    secret = String(body.credentials['secret']);
  }
  const body = `{"tenant_id":"${tenant}","topic":"orders/create","data":${DATA}}`;
  const { body: published } = await api.publish(body);
  const [received] = await api.receiver.wait(path, 1);
  if (received === undefined) throw new Error('nothing came');
  return { received, secret, before, tenant, event: published.id };
}

function otherSecret(secret: string): string {
  const at = secret.length - 8;
  return `${secret.slice(0, at)}${secret[at] === 'a' ? 'b' : 'a'}${secret.slice(at + 1)}`;
}

function passes(verify: () => unknown): boolean {
  try {
    verify();
    return true;
  } catch {
    return false;
  }
}
