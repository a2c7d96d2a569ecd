/** The OpenAPI document that this server gives: the committed one (`npm run generate`), with its own address and version. */
import { readFile } from 'node:fs/promises';

/** Beside `src/` in the checkout, beside `dist/` in the package. */
const COMMITTED = new URL('../../openapi.json', import.meta.url);

interface Described {
  readonly info: object;
}

/** As text; read at each call, for it is asked for seldom. */
export async function openapiDocument({
  version,
  publicUrl,
}: {
  readonly version: string;
  readonly publicUrl: string;
}): Promise<string> {
  // Our own file.
  const document = JSON.parse(await readFile(COMMITTED, 'utf8')) as Described;
  const info = { ...document.info, version };
  return JSON.stringify({ ...document, info, servers: [{ url: publicUrl }] });
}
