/** The API reference as a page, and the document that it shows: files of this server alone, read when they are asked for. */
import { readFile } from 'node:fs/promises';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { nothingAt } from './errors.ts';
import { openapiDocument } from './openapi-document.ts';

/** The page asks nobody but this server; its files have no scripts or styles in them that would need an exception. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'self'",
  "img-src 'self' data:",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
  "object-src 'none'",
].join('; ');

/** The package's plugin is not loaded: it would take 10 MiB, for a page that few servers are ever asked for. */
const PACKAGE_FILES = new URL('static/', import.meta.resolve('@fastify/swagger-ui/package.json'));
const CSS = 'text/css; charset=utf-8';
const JAVASCRIPT = 'text/javascript; charset=utf-8';
const CONTENT_TYPES: Readonly<Record<string, string>> = {
  'swagger-ui.css': CSS,
  'index.css': CSS,
  'swagger-ui-bundle.js': JAVASCRIPT,
  'favicon-16x16.png': 'image/png',
  'favicon-32x32.png': 'image/png',
};

/**
 * It finds the document from where it was loaded itself, whatever path a proxy puts before it, and tries requests there
 * too: a browser that came by another name than the public one may ask nobody else.
 */
const INITIALIZER = `const here = new URL('../..', document.currentScript.src).href.replace(/\\/$/, '');
const askHere = () => ({
  statePlugins: {
    spec: {
      wrapActions: {
        updateJsonSpec: (update) => (document) => update({ ...document, servers: [{ url: here }] }),
      },
    },
  },
});
window.addEventListener('load', () => {
  window.ui = SwaggerUIBundle({
    dom_id: '#swagger-ui',
    url: here + '/openapi.json',
    presets: [SwaggerUIBundle.presets.apis],
    plugins: [askHere],
    deepLinking: true,
    docExpansion: 'list',
    tryItOutEnabled: true,
    validatorUrl: null,
  });
});
`;

interface DocsParts {
  readonly version: string;
  readonly publicUrl: string;
}

export function docsPage(server: FastifyInstance, parts: DocsParts): void {
  const schema = { hide: true };
  server.get('/openapi.json', { schema }, async (_request, reply) =>
    reply.type('application/json; charset=utf-8').send(await openapiDocument(parts)),
  );
  server.get('/docs', { schema }, (request, reply) => {
    const isFolder = request.url.split('?')[0]?.endsWith('/') ?? false;
    return guarded(reply, 'text/html; charset=utf-8').send(page(isFolder ? '.' : './docs'));
  });
  server.get<{ Params: { file: string } }>(
    '/docs/static/:file',
    { schema },
    async (request, reply) => {
      const { file } = request.params;
      if (file === 'initializer.js') return guarded(reply, JAVASCRIPT).send(INITIALIZER);
      const type = Object.hasOwn(CONTENT_TYPES, file) ? CONTENT_TYPES[file] : undefined;
      if (type === undefined) throw nothingAt(request);
      return guarded(reply, type).send(await readFile(new URL(file, PACKAGE_FILES)));
    },
  );
}

function guarded(reply: FastifyReply, type: string): FastifyReply {
  return reply
    .type(type)
    .header('content-security-policy', CONTENT_SECURITY_POLICY)
    .header('x-content-type-options', 'nosniff');
}

/** `folder`: where `static/` is, seen from the page. */
function page(folder: string): string {
  return `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <title>Angarium API</title>
    <link rel="stylesheet" href="${folder}/static/swagger-ui.css" />
    <link rel="stylesheet" href="${folder}/static/index.css" />
    <link rel="icon" type="image/png" href="${folder}/static/favicon-32x32.png" sizes="32x32" />
    <link rel="icon" type="image/png" href="${folder}/static/favicon-16x16.png" sizes="16x16" />
  </head>
  <body>
    <div id="swagger-ui"></div>
    <script src="${folder}/static/swagger-ui-bundle.js"></script>
    <script src="${folder}/static/initializer.js"></script>
  </body>
</html>
`;
}
