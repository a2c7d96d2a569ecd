/**
 * The Apaches of this machine: the one that is installed, and an older one beside it, as 2.4.71 dropped what a test needs.
 * `.ci/run` unpacks it; by hand: `apt-get download apache2-bin=VERSION`, then `dpkg -x apache2-bin_*.deb FOLDER`.
 */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { refusalOf } from './real-server.ts';

export interface Apache {
  readonly command: string;
  /** The folder of its modules. */
  readonly modules: string;
}

const FOLDER = '.cache/apache-with-qop-none';
const unpacked = fileURLToPath(new URL(`../../${FOLDER}`, import.meta.url));

export const INSTALLED: Apache = { command: 'apache2', modules: '/usr/lib/apache2/modules' };
const OLDER: Apache = {
  command: `${unpacked}/usr/sbin/apache2`,
  modules: `${unpacked}/usr/lib/apache2/modules`,
};

export const NO_QOP_NONE = `this Apache is without AuthDigestQop none: unpack an apache2-bin before 2.4.71 into ${FOLDER} (.ci/run does)`;

/** One that knows `AuthDigestQop none`, for the form without qop; `null`: there is none. */
export function apacheWithQopNone(): Apache | null {
  if (takesQopNone(INSTALLED)) return INSTALLED;
  return existsSync(OLDER.command) ? OLDER : null;
}

/** Lines that load what the tests use of it. */
export function loadModules({ modules }: Apache): string {
  return ['mpm_event', 'authn_core', 'authn_file', 'authz_core', 'authz_user']
    .concat(['auth_digest', 'proxy', 'proxy_http'])
    .map((name) => `LoadModule ${name}_module ${modules}/mod_${name}.so`)
    .join('\n');
}

/** Refused for another reason, it is not the qop: whoever starts it will see. */
function takesQopNone(apache: Apache): boolean {
  const refusal = refusalOf(
    apache.command,
    (file) => ['-t', '-f', file],
    `${loadModules(apache)}\n<Location />\nAuthDigestQop none\n</Location>\n`,
  );
  return refusal?.includes('AuthDigestQop') !== true;
}
