/** The HTTP server, put together; it listens when it is told to. */
import Fastify from 'fastify';
import type { FastifyInstance } from 'fastify';
import { docsPage } from './docs-page.ts';
import { answerBadUrl, answerErrors } from './plugins/answer-errors.ts';
import { clientErrors } from './plugins/answer-client-errors.ts';
import { authorize } from './plugins/authorize.ts';
import { parseJsonBodies } from './plugins/parse-json.ts';
import { refuseParameters } from './plugins/refuse-parameters.ts';
import { apiClientRoutes } from './routes/api-clients.ts';
import { attemptRoutes } from './routes/attempts.ts';
import { auditRoutes } from './routes/audit.ts';
import { catalogueTransferRoutes } from './routes/catalogue-transfer.ts';
import { catalogueRoutes } from './routes/catalogue.ts';
import { deletionRoutes } from './routes/deletions.ts';
import { deliveryRoutes } from './routes/deliveries.ts';
import { destinationTypeRoutes } from './routes/destination-types.ts';
import { destinationRoutes } from './routes/destinations.ts';
import { eventRoutes } from './routes/events.ts';
import { filterRoutes } from './routes/filters.ts';
import { exportRoutes } from './routes/exports.ts';
import { healthRoutes } from './routes/health.ts';
import { keyRoutes } from './routes/keys.ts';
import { metricsRoutes } from './routes/metrics.ts';
import { processMetricsRoutes } from './routes/process-metrics.ts';
import { profileRoutes } from './routes/profiles.ts';
import { mailLinkRoutes } from './routes/mail-links.ts';
import { publishRoutes } from './routes/publish.ts';
import { reencryptRoutes } from './routes/reencrypt.ts';
import { replayRoutes } from './routes/replays.ts';
import { retryRoutes } from './routes/retry.ts';
import { tenantAccessRoutes } from './routes/tenant-access.ts';
import { testEventRoutes } from './routes/test-events.ts';
import { tenantRoutes } from './routes/tenants.ts';
import { usageRoutes } from './routes/usage.ts';
import { wellKnownRoutes } from './routes/well-known.ts';
import { environmentRoutes } from './routes/environment.ts';
import { hookRoutes } from './routes/hooks.ts';
import { webhookSubscriptionRoutes } from './routes/webhook-subscriptions.ts';
import { lateValidators } from './late-validators.ts';
import type { ServerParts } from './server-parts.ts';

/** Of the bodies that configure; those that publish have limits of their own. */
const MAX_BODY_BYTES = 1024 * 1024;
const REQUEST_TIMEOUT_MS = 60_000;
/** An id of 255 characters, each of which may be written as three. */
const MAX_PATH_PARAMETER = 3 * 255;

/** `watch` is there before the routes are: whoever makes a document of them sees each as it is added. */
export async function buildServer(
  parts: ServerParts,
  watch: (server: FastifyInstance) => Promise<void> = async () => {},
): Promise<FastifyInstance> {
  const nextRequestId = requestIds();
  const server = Fastify({
    logger: false,
    bodyLimit: MAX_BODY_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    // A request on a kept connection is answered as ever; the connection ends after it.
    return503OnClosing: false,
    // Open connections without a request do not hold up the end.
    forceCloseConnections: 'idle',
    trustProxy: parts.trustProxy.length === 0 ? false : [...parts.trustProxy],
    genReqId: nextRequestId,
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: MAX_PATH_PARAMETER },
    // With a serializer of its own Fastify does not load the one that compiles schemas: those of answers are for the document.
    schemaController: {
      compilersFactory: {
        buildValidator: lateValidators(),
        buildSerializer: () => () => (value) => JSON.stringify(value),
      },
    },
    frameworkErrors: answerBadUrl,
    clientErrorHandler: clientErrors(nextRequestId),
  });
  server.addHook('onSend', (request, reply, _payload, done) => {
    void reply.header('x-request-id', request.id);
    done();
  });
  answerErrors(server, parts.log);
  authorize(server, parts);
  parseJsonBodies(server);
  await watch(server);
  docsPage(server, parts);
  healthRoutes(server, parts);
  wellKnownRoutes(server, parts);
  if (parts.answersApi !== false) await apiRoutes(server, parts);
  await server.register((scope, _options, done) => {
    refuseParameters(scope);
    processMetricsRoutes(scope, parts);
    done();
  });
  return server;
}

async function apiRoutes(server: FastifyInstance, parts: ServerParts): Promise<void> {
  mailLinkRoutes(server, parts);
  await server.register(
    (api, _options, done) => {
      refuseParameters(api);
      publishRoutes(api, parts);
      tenantRoutes(api, parts);
      destinationRoutes(api, parts);
      filterRoutes(api, parts);
      destinationTypeRoutes(api, parts);
      testEventRoutes(api, parts);
      catalogueRoutes(api, parts);
      catalogueTransferRoutes(api, parts);
      eventRoutes(api, parts);
      deliveryRoutes(api, parts);
      attemptRoutes(api, parts);
      retryRoutes(api, parts);
      replayRoutes(api, parts);
      deletionRoutes(api, parts);
      tenantAccessRoutes(api, parts);
      apiClientRoutes(api, parts);
      webhookSubscriptionRoutes(api, parts);
      hookRoutes(api, parts);
      environmentRoutes(api, parts);
      keyRoutes(api, parts);
      auditRoutes(api, parts);
      metricsRoutes(api, parts);
      usageRoutes(api, parts);
      exportRoutes(api, parts);
      profileRoutes(api, parts);
      reencryptRoutes(api, parts);
      done();
    },
    { prefix: '/api/v1' },
  );
}

/** Short, and different for each start: they are searched for in logs. */
function requestIds(): () => string {
  const start = Math.floor(performance.timeOrigin).toString(36);
  let count = 0;
  return () => `req_${start}_${(++count).toString(36)}`;
}
