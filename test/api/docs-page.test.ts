import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { useApi } from '../support/api-server.ts';

const api = useApi();

const THIRD_PARTY = /(?:https?:)?\/\/(?!127\.0\.0\.1)[a-z0-9.-]+\.[a-z]{2,}/i;

async function page(path: string) {
  const response = await fetch(`${api().url}${path}`);
  return {
    status: response.status,
    type: response.headers.get('content-type') ?? '',
    policy: response.headers.get('content-security-policy') ?? '',
    text: await response.text(),
  };
}

/** What the page loads: the values of `src` and `href`. */
function loadedBy(html: string): string[] {
  return [...html.matchAll(/(?:src|href)="([^"]*)"/g)].map(([, url]) => url ?? '');
}

describe.each(['/docs', '/docs/'])('GET %s', (path) => {
  it('is a page that loads only what this server has', async () => {
    const { status, type, text } = await page(path);
    expect({ status, type }).toEqual({ status: 200, type: 'text/html; charset=utf-8' });
    const loaded = loadedBy(text);
    expect(loaded.length).toBeGreaterThanOrEqual(5);
    for (const url of loaded) {
      expect(url).not.toMatch(THIRD_PARTY);
      const at = new URL(url, `${api().url}${path}`);
      expect(at.origin).toBe(api().url);
      const file = await page(at.pathname);
      expect({ url, status: file.status }).toEqual({ url, status: 200 });
    }
    expect(text.replaceAll(/(?:src|href)="[^"]*"/g, '')).not.toMatch(THIRD_PARTY);
  });

  it('has a policy by which a browser asks nobody else', async () => {
    const { policy } = await page(path);
    const directives = new Map(
      policy
        .split(';')
        .map((directive) => directive.trim().split(/ +/))
        .filter(([name]) => name !== '')
        .map(([name, ...sources]) => [name, sources]),
    );
    expect(directives.get('default-src')).toEqual(["'self'"]);
    for (const [name, sources] of directives)
      for (const source of sources) expect(["'self'", "'none'", 'data:'], name).toContain(source);
    // Where http is all there is, nothing is asked for by https.
    expect(policy).not.toContain('upgrade-insecure-requests');
  });

  it('has no scripts, styles or handlers in itself, which the policy would not run', async () => {
    const { text } = await page(path);
    expect(text).not.toMatch(/<script(?![^>]* src=)/);
    expect(text).not.toMatch(/<style|\bstyle=|\bon[a-z]+=/);
  });
});

describe('the page', () => {
  it('reads the document from this server and shows no badge of a third party', async () => {
    const { text } = await page('/docs/static/initializer.js');
    const shown: { url: string; validatorUrl: unknown }[] = [];
    const SwaggerUIBundle = Object.assign(
      (options: { url: string; validatorUrl: unknown }) => shown.push(options),
      {
        presets: { apis: [] },
      },
    );
    // As a browser runs it, behind a proxy that puts a path before.
    runInNewContext(text, {
      URL,
      SwaggerUIBundle,
      document: { currentScript: { src: 'https://proxy.test/hooks/docs/static/initializer.js' } },
      window: { addEventListener: (_event: string, loaded: () => void) => loaded() },
    });
    expect(shown).toMatchObject([
      { url: 'https://proxy.test/hooks/openapi.json', validatorUrl: null },
    ]);
    const document = await page('/openapi.json');
    expect(document.type).toBe('application/json; charset=utf-8');
    expect(JSON.parse(document.text)).toEqual(api().document());
  });

  it('says 404 in the shape of all errors for a file that it does not have', async () => {
    const { status, text } = await page('/docs/static/nothing.js');
    expect(status).toBe(404);
    expect(JSON.parse(text)).toMatchObject({ status: 404, code: 'not_found' });
  });

  it.each([
    '/docs/static/../../package.json',
    '/docs/static/%2e%2e/%2e%2e/package.json',
    '/docs/static/..%2f..%2fpackage.json',
  ])('gives no file of the machine: %s', async (path) => {
    const { status, body } = await api().get<object>(path, { key: null });
    expect([400, 401, 403, 404]).toContain(status);
    expect(JSON.stringify(body)).not.toContain('dependencies');
  });
});
