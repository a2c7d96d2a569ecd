import { describe, expect, it } from 'vitest';
import { useApi } from '../support/api-server.ts';
import type { ErrorView } from '../support/api-views.ts';

interface Field {
  readonly key: string;
  readonly required: boolean;
  readonly sensitive?: boolean;
  readonly pattern?: string;
}

interface TypeView {
  readonly type: string;
  readonly label: string;
  readonly icon: string;
  readonly instructions: string;
  readonly config_fields: readonly Field[];
  readonly credential_fields: readonly Field[];
}

const api = useApi();

describe('GET /destination-types', () => {
  it('has every type, each as it is by itself', async () => {
    const { status, body } = await api().get<TypeView[]>('/v1/destination-types');
    expect(status).toBe(200);
    expect(body.map(({ type }) => type)).toEqual([...api().engine.targets.types.keys()]);
    for (const type of body)
      expect((await api().get(`/v1/destination-types/${type.type}`)).body).toEqual(type);
  });

  it('has for each type an icon that loads nothing, and words for people', async () => {
    const { body } = await api().get<TypeView[]>('/v1/destination-types');
    for (const { icon, label, instructions } of body) {
      expect(icon).toMatch(/^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg"[^]*<\/svg>$/);
      expect(icon).not.toMatch(/<script|href|url\(|\son\w+=/i);
      expect(label).toMatch(/^[A-Z]/);
      expect(instructions.length).toBeGreaterThan(40);
    }
  });

  it('404 for one that there is not', async () => {
    const { body } = await api().get<ErrorView>('/v1/destination-types/nothing');
    expect(body).toMatchObject({ status: 404, code: 'destination_type_not_found' });
  });
});

describe('the fields of webhook', () => {
  it('are those that a destination takes', async () => {
    const { body } = await api().get<TypeView>('/v1/destination-types/webhook');
    const tenantId = await api().tenant();
    const path = `/v1/tenants/${tenantId}/destinations`;
    const create = (config: object, credentials: object) =>
      api().post<ErrorView>(path, { type: 'webhook', topics: '*', config, credentials });
    const refused = await create({ x: 1 }, { x: 1 });
    const known = refused.body.errors
      .filter(({ code }) => code === 'unknown_field')
      .map(({ message }) => /it has (.*)\.$/.exec(message)?.[1]);
    const [config, credentials] = known.map((names) => names?.split(', '));
    expect(body.config_fields.map(({ key }) => key)).toEqual(config);
    // That one is no field but a wish.
    expect(body.credential_fields.map(({ key }) => key)).toEqual(
      credentials?.filter((name) => name !== 'rotate_secret'),
    );
    expect(body.config_fields.find(({ key }) => key === 'url')?.required).toBe(true);
    expect(body.credential_fields.filter(({ sensitive }) => sensitive === true)).toHaveLength(2);
    const [url] = body.config_fields;
    expect(`^(?:${url?.pattern ?? ''})$`).toBe('^(?:https?://.+)$');
  });
});
