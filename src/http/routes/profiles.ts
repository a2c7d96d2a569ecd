/** The profiles that destinations may have. */
import type { FastifyInstance } from 'fastify';
import { errorResponses } from '../schemas/error.ts';
import { arrayOf, object, ref } from '../schemas/json-schema.ts';
import { profileJson } from '../schemas/profile.ts';
import type { ServerParts } from '../server-parts.ts';

export function profileRoutes(server: FastifyInstance, { engine }: ServerParts): void {
  server.get(
    '/profiles',
    {
      config: { operation: 'profiles.list' },
      schema: {
        tags: ['profiles'],
        summary: 'List profiles',
        description: 'Those built in, and those that the configuration file defines.',
        response: { 200: object({ models: arrayOf(ref('Profile')) }), ...errorResponses(422) },
      },
    },
    () => {
      const { profiles, defaultProfile } = engine.targets;
      const models = [...profiles.values()].map((each) =>
        profileJson(each, each.name === defaultProfile.name),
      );
      return { models };
    },
  );
}
