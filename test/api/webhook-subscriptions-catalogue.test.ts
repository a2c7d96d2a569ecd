/** Subjects and events of webhook subscriptions, while there is a topic catalogue. */
import { beforeAll, expect, it } from 'vitest';
import { makeClient, subscriptionBody } from '../support/api-clients.ts';
import type { IssuedClientView, SubscriptionView } from '../support/api-clients.ts';
import { useApi } from '../support/api-server.ts';
import type { ErrorView } from '../support/api-views.ts';

const api = useApi();
let client: IssuedClientView;

beforeAll(async () => {
  client = await makeClient(api(), await api().tenant());
  for (const topic of [
    'room.create',
    'message_thread.update',
    'message.thread.create',
    'room.lock',
  ])
    await api().put(`/v1/catalogue/${topic}`, { description: topic });
});

const create = <Body>(subject: string, event: string) =>
  api().post<Body>('/v1/webhooksubscriptions', subscriptionBody(api(), client, { subject, event }));
const destinationsOf = async (topic: string) =>
  (await api().publish({ tenant_id: client.tenant_id, topic, data: {} })).body.destination_ids;

it('the subjects are those of its topics that end in create, update or delete', async () => {
  const { body } = await api().request('GET', '/v1/webhooksubscriptions/subjects', {
    key: client.token,
  });
  expect(body).toEqual({
    models: [
      { subject: 'MESSAGE_THREAD', events: ['CREATE', 'UPDATE', 'ALL'] },
      { subject: 'ROOM', events: ['CREATE', 'ALL'] },
    ],
  });
});

it('others are refused, and the message names the right ones', async () => {
  const subject = await create<ErrorView>('HOUSE', 'CREATE');
  expect(subject.body.errors).toMatchObject([{ pointer: '/subject', code: 'enum' }]);
  expect(subject.body.errors[0]?.message).toContain('MESSAGE_THREAD, ROOM');
  const event = await create<ErrorView>('ROOM', 'DELETE');
  expect(event.body.errors).toMatchObject([{ pointer: '/event', code: 'enum' }]);
  expect(event.body.errors[0]?.message).toContain('CREATE, ALL');
});

it('a subject is all topics that spell it, those that come later too', async () => {
  const { body } = await create<SubscriptionView>('MESSAGE_THREAD', 'ALL');
  for (const topic of ['message_thread.update', 'message.thread.create', 'message.thread.delete'])
    expect(await destinationsOf(topic)).toEqual([body.urn]);
  const one = await create<SubscriptionView>('MESSAGE_THREAD', 'UPDATE');
  expect(await destinationsOf('message_thread.update')).toContain(one.body.urn);
  expect(await destinationsOf('message.thread.create')).not.toContain(one.body.urn);
});
