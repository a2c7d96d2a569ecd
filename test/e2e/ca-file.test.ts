/** The operator's file of authorities: trusted beside the public ones. Budget: 10 s. */
import { writeFileSync } from 'node:fs';
import { rootCertificates } from 'node:tls';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { createCertificate } from '../support/certificate.ts';
import { temporaryFolder } from '../support/e2e-folder.ts';
import { runAngarium } from '../support/e2e-process.ts';
import { serverEnv, startServer } from '../support/e2e-server.ts';
import { OK, startRawReceiver } from '../support/raw-receiver.ts';

const authority = createCertificate(['authority.test']);

describe('ANGARIUM_CA_FILE', () => {
  it('verifies receivers of its authorities', async () => {
    const cwd = temporaryFolder();
    const file = join(cwd, 'authorities.pem');
    writeFileSync(file, `# ours\n${authority.cert}\n# another\n${rootCertificates[0]}\n`);
    const receiver = await startRawReceiver(({ socket }) => socket.write(OK), {
      tls: createCertificate(['127.0.0.1'], { issuer: authority }),
    });
    const server = await startServer({ cwd, env: { ANGARIUM_CA_FILE: './authorities.pem' } });
    await server.api.tenant('acme');
    await server.api.destination('acme', { id: 'hook', url: receiver.url });
    await server.api.publish({ tenant_id: 'acme', data: {} });
    await receiver.received(1);
    await server.stop();
  });

  it.each([
    [
      'is not there',
      null,
      /^angarium: the file of authorities cannot be read .*ANGARIUM_CA_FILE\n$/,
    ],
    ['holds none', 'These are my notes.', /^angarium: .*holds no certificates in PEM.*\n$/],
    ['holds a key', authority.cert + authority.key, /^angarium: .*holds no certificates.*\n$/],
  ])('that %s keeps the server from starting', async (_what, text, says) => {
    const cwd = temporaryFolder();
    const file = join(cwd, 'authorities.pem');
    if (text !== null) writeFileSync(file, text);
    const env = serverEnv({ ANGARIUM_CA_FILE: file });
    const refused = await runAngarium(['serve'], { cwd, env });
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(says);
  });
});
