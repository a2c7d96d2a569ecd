/** What servers that others have written make of it. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { expect, it } from 'vitest';

import { apacheWithQopNone, INSTALLED, loadModules, NO_QOP_NONE } from '../../support/apache.ts';
import { createCertificate } from '../../support/certificate.ts';
import { describeWith, startRealServer } from '../../support/real-server.ts';
import { OK, startRawReceiver, type RawReceiver } from '../../support/raw-receiver.ts';
import {
  createLoopbackType,
  createMessage,
  expectDelivered,
  expectFailure,
  openWebhook,
} from '../../support/receiver-sender.ts';

const REALM = 'Receivers of events';
const USER = { username: 'angarium', password: 'Circle of Life' };
const DIGEST = { method: 'digest', ...USER };
const WRONG = { ...DIGEST, password: 'wrong' };

const CHERRYPY = '/usr/lib/python3/dist-packages/cherrypy';

describeWith('apache2', 'Apache’s mod_auth_digest', () => {
  it('accepts our digest, and only the first message goes out twice', async () => {
    const behind = await startRawReceiver(({ socket }) => socket.write(OK));
    const { port } = await startApache(behind);
    const type = createLoopbackType();
    const sender = openWebhook(type, `http://127.0.0.1:${port}/hook?a=1&b=c`, { auth: DIGEST });
    const bodies: string[] = [];
    for (let count = 0; count < 5; count++) {
      const message = createMessage();
      bodies.push(Buffer.from(message.body).toString());
      expectDelivered(await sender.send(message));
    }
    expect(behind.requests.map(({ body }) => body.toString())).toEqual(bodies);
    expect(authorizationOf(behind, 0)).toContain('nc=00000001');
    expect(authorizationOf(behind, 4)).toContain('nc=00000005');
  });

  it('accepts the form without qop', async ({ skip }) => {
    const apache = apacheWithQopNone();
    if (apache === null) return skip(NO_QOP_NONE);
    const behind = await startRawReceiver(({ socket }) => socket.write(OK));
    const { port } = await startApache(behind, 'none', apache);
    const url = `http://127.0.0.1:${port}/hook?a=1&b=c`;
    const sender = openWebhook(createLoopbackType(), url, { auth: DIGEST });
    for (let count = 0; count < 3; count++) expectDelivered(await sender.send(createMessage()));
    expect(behind.requests).toHaveLength(3);
    expect(authorizationOf(behind, 2)).toMatch(/^Digest (?!.*(?:qop|nc|cnonce)=)/);
    const wrong = openWebhook(createLoopbackType(), url, { auth: WRONG });
    expectFailure(await wrong.send(createMessage()), 'http_status');
  });

  it('refuses another password', async () => {
    const behind = await startRawReceiver(({ socket }) => socket.write(OK));
    const { port } = await startApache(behind);
    const sender = openWebhook(createLoopbackType(), `http://127.0.0.1:${port}/`, { auth: WRONG });
    const { response } = expectFailure(await sender.send(createMessage()), 'http_status');
    expect(response?.status).toBe(401);
    expect(behind.requests).toEqual([]);
  });
});

describeWith('lighttpd', 'lighttpd’s mod_auth', () => {
  it.each(['MD5', 'SHA-256'])('accepts our digest with %s', async (algorithm) => {
    const behind = await startRawReceiver(({ socket }) => socket.write(OK));
    const { port } = await startLighttpd(behind, algorithm);
    const sender = openWebhook(createLoopbackType(), `http://127.0.0.1:${port}/hook?a=1`, {
      auth: DIGEST,
    });
    await Promise.all(
      Array.from({ length: 20 }, async () => expectDelivered(await sender.send(createMessage()))),
    );
    expect(behind.requests).toHaveLength(20);
    expect(authorizationOf(behind, 0)).toContain(`algorithm=${algorithm}`);
  });
});

describeWith(CHERRYPY, 'CherryPy’s auth_digest', () => {
  it.each([
    ['MD5', 'none'],
    ['MD5', 'auth-int'],
    ['MD5-sess', 'auth'],
    ['MD5-sess', 'auth-int'],
  ])('accepts our digest with %s and qop %s', async (algorithm, qop) => {
    const { port, output } = await startRealServer({
      command: '/usr/bin/python3',
      files: () => ({}),
      args: (_folder, free) => [
        join(import.meta.dirname, '../../support/cherrypy-digest.py'),
        String(free),
        algorithm,
        qop,
        USER.username,
        USER.password,
      ],
    });
    const sender = openWebhook(createLoopbackType(), `http://127.0.0.1:${port}/a?b=c`, {
      auth: DIGEST,
    });
    for (let count = 0; count < 3; count++) {
      const { outcome } = await sender.send(createMessage());
      expect(outcome, output()).toMatchObject({ kind: 'delivered', response: { status: 200 } });
    }
    const wrong = openWebhook(createLoopbackType(), `http://127.0.0.1:${port}/a?b=c`, {
      auth: WRONG,
    });
    expectFailure(await wrong.send(createMessage()), 'http_status');
  });
});

describeWith('nginx', 'nginx with ssl_verify_client on', () => {
  const authority = createCertificate(['authority.test']);
  const client = createCertificate(['client.test'], { issuer: authority });
  const stranger = createCertificate(['client.test']);

  it('accepts our client certificate, and no other', async () => {
    const { port } = await startNginx();
    const type = createLoopbackType();
    const send = (auth: unknown) =>
      openWebhook(type, `https://127.0.0.1:${port}/`, { auth, ca: authority.cert }).send(
        createMessage(),
      );
    const mtls = { method: 'mtls', certificate: client.cert, key: client.key };
    const { response } = expectDelivered(await send(mtls));
    expect(response?.body.toString()).toBe('SUCCESS CN=Angarium test receiver');
    expect(expectFailure(await send(null), 'http_status').response?.status).toBe(400);
    const other = { method: 'mtls', certificate: stranger.cert, key: stranger.key };
    expect(expectFailure(await send(other), 'http_status').response?.status).toBe(400);
    expectDelivered(await send(mtls));
  });

  function startNginx() {
    const server = createCertificate(['127.0.0.1'], { issuer: authority });
    return startRealServer({
      command: 'nginx',
      args: (folder) => ['-p', folder, '-e', 'stderr', '-c', join(folder, 'nginx.conf')],
      files: (port, folder) => ({
        'ca.pem': authority.cert,
        'server.pem': server.cert,
        'server.key': server.key,
        'nginx.conf': `
${process.getuid?.() === 0 ? 'user root;' : ''}
daemon off;
pid ${folder}/nginx.pid;
error_log stderr;
events {}
http {
  access_log off;
  ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((each) => `${each}_temp_path ${folder};`).join('\n')}
  server {
    listen 127.0.0.1:${port} ssl;
    ssl_certificate server.pem;
    ssl_certificate_key server.key;
    ssl_client_certificate ca.pem;
    ssl_verify_client on;
    location / { return 200 "$ssl_client_verify $ssl_client_s_dn"; }
  }
}`,
      }),
    });
  }
});

function startApache(behind: RawReceiver, qop = 'auth', apache = INSTALLED) {
  return startRealServer({
    command: apache.command,
    args: (folder) => ['-D', 'FOREGROUND', '-d', folder, '-f', join(folder, 'httpd.conf')],
    files: (port, folder) => ({
      users: htdigest('md5'),
      'httpd.conf': `
${loadModules(apache)}
${process.getuid?.() === 0 ? 'User www-data' : ''}
ServerName 127.0.0.1
Listen 127.0.0.1:${port}
PidFile ${folder}/pid
DefaultRuntimeDir ${folder}
ErrorLog ${folder}/errors
ProxyPass / http://127.0.0.1:${behind.port}/ disablereuse=On
<Location />
  AuthType Digest
  AuthName "${REALM}"
  AuthDigestProvider file
  AuthUserFile ${folder}/users
  AuthDigestQop ${qop}
  Require valid-user
</Location>`,
    }),
  });
}

function startLighttpd(behind: RawReceiver, algorithm: string) {
  return startRealServer({
    command: 'lighttpd',
    args: (folder) => ['-D', '-f', join(folder, 'lighttpd.conf')],
    files: (port, folder) => ({
      users: htdigest(algorithm === 'MD5' ? 'md5' : 'sha256'),
      'lighttpd.conf': `
server.modules = ("mod_auth", "mod_authn_file", "mod_proxy")
server.document-root = "${folder}"
server.bind = "127.0.0.1"
server.port = ${port}
auth.backend = "htdigest"
auth.backend.htdigest.userfile = "${folder}/users"
auth.require = ("" => (
  "method" => "digest", "realm" => "${REALM}",
  "algorithm" => "${algorithm}", "require" => "valid-user"
))
proxy.server = ("" => (("host" => "127.0.0.1", "port" => ${behind.port})))`,
    }),
  });
}

function htdigest(hash: string): string {
  const { username, password } = USER;
  const key = createHash(hash).update(`${username}:${REALM}:${password}`).digest('hex');
  return `${username}:${REALM}:${key}\n`;
}

function authorizationOf({ requests }: RawReceiver, index: number): string {
  const headers = new Map(
    requests[index]?.headers.map(([name, value]) => [name.toLowerCase(), value]),
  );
  return headers.get('authorization') ?? '';
}
