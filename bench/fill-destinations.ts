/**
 * Gives a tenant very many destinations, written into the database as copies of the one that it has: through the API
 * each would be read again with each that follows. The database belongs to no running server.
 */
import { DatabaseSync } from 'node:sqlite';
import { systemRandom } from '../src/domain/id.ts';
import { createSealedBoxes, credentialsPlace } from '../src/domain/sealed-box.ts';
import { MODEL, spreadFilter, spreadId } from './spread.ts';
import { partOptions, tell } from './part.ts';

export interface FillDestinationsOptions {
  readonly databasePath: string;
  readonly encryptionKey: string;
  readonly tenantId: string;
  readonly destinations: number;
  readonly isFiltered: boolean;
  /** Of the first destinations; the rest delivers where the model does. */
  readonly groups?: readonly UrlGroup[];
}

/** So many destinations that deliver to that URL. */
export interface UrlGroup {
  readonly url: string;
  readonly count: number;
}

const {
  databasePath,
  encryptionKey,
  tenantId,
  destinations,
  isFiltered,
  groups = [],
} = partOptions() as FillDestinationsOptions;
const urls = groups.flatMap(({ url, count }) => Array.from({ length: count }, () => url));
const boxes = createSealedBoxes([Buffer.from(encryptionKey, 'base64')], systemRandom);
const db = new DatabaseSync(databasePath);
const model = db.prepare('SELECT * FROM destinations WHERE id = ?').get(MODEL);
if (model === undefined) throw new Error(`there is no destination ${MODEL} to copy`);
const sealed = model['sealed_credentials'];
if (!(sealed instanceof Uint8Array)) throw new Error('its credentials are not sealed');
const credentials = boxes.open(sealed, credentialsPlace(tenantId, MODEL));
const definition = JSON.parse(String(model['definition'])) as { readonly config: object };

const columns = Object.keys(model).filter((name) => name !== 'no');
const insert = db.prepare(
  `INSERT INTO destinations (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`,
);
db.exec('BEGIN');
for (let index = 0; index < destinations; index++) {
  const id = spreadId(index);
  const url = urls[index];
  const config = url === undefined ? definition.config : { ...definition.config, url };
  const filter = isFiltered ? JSON.stringify(spreadFilter(index)) : null;
  const row: typeof model = {
    ...model,
    id,
    definition: JSON.stringify({ ...definition, config, filter }),
    sealed_credentials: Buffer.from(boxes.seal(credentials, credentialsPlace(tenantId, id))),
  };
  insert.run(...columns.map((name) => row[name] ?? null));
}
db.prepare('UPDATE destinations SET disabled_ms = created_ms WHERE id = ?').run(MODEL);
db.exec('COMMIT');
db.close();
tell({ filled: destinations });
