import { readFileSync } from 'node:fs';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { API_KEY, useApi } from '../support/api-server.ts';
import { findBrowser, startBrowser } from '../support/browser.ts';

const program = findBrowser();

describe.skipIf(program === null)('/docs in a browser', () => {
  const api = useApi();
  let browser: Browser;
  let page: Page;
  const asked: string[] = [];
  const complaints: string[] = [];

  beforeAll(async () => {
    browser = await startBrowser(program ?? '');
    page = await browser.newPage();
    page.on('request', (request) => asked.push(request.url()));
    page.on('console', (message) => {
      if (message.type() === 'error') complaints.push(message.text());
    });
    page.on('pageerror', (error) => complaints.push(String(error)));
    await page.goto(`${api().url}/docs`);
    await page.locator('.opblock').first().waitFor();
  });
  afterAll(async () => {
    await browser?.close();
  });

  it('shows every operation of the document', async () => {
    const { paths } = JSON.parse(readFileSync('openapi.json', 'utf8')) as {
      paths: Record<string, Record<string, unknown>>;
    };
    const documented = Object.entries(paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    const shown = await page
      .locator('.opblock-summary')
      .evaluateAll((rows) =>
        rows.map((row) =>
          ['.opblock-summary-method', '.opblock-summary-path']
            .map((part) => row.querySelector(part)?.textContent?.replaceAll('\u200b', '').trim())
            .join(' '),
        ),
      );
    expect(documented.length).toBeGreaterThan(80);
    expect(shown.toSorted()).toEqual(documented.toSorted());
  });

  it('tries a request with the key that was entered', async () => {
    await page.getByRole('button', { name: 'Authorize' }).click();
    await page.locator('.auth-container input').first().fill(API_KEY);
    await page
      .locator('.auth-container')
      .getByRole('button', { name: 'Apply credentials' })
      .first()
      .click();
    await page.getByRole('button', { name: 'Close' }).first().click();
    const list = page.locator('.opblock', { hasText: 'List tenants' }).first();
    await list.locator('.opblock-summary-control').click();
    await list.getByRole('button', { name: 'Execute' }).click();
    await expect
      .poll(
        async () =>
          await list
            .locator('.live-responses-table tbody .response-col_status')
            .first()
            .textContent(),
      )
      .toContain('200');
  });

  it('asks nobody but this server, and has nothing to complain of', () => {
    expect(asked.length).toBeGreaterThan(3);
    for (const url of asked)
      expect(url).toMatch(/^(?:data|blob):/.test(url) ? /./ : /^http:\/\/127\.0\.0\.1:/);
    expect(complaints).toEqual([]);
  });
});
