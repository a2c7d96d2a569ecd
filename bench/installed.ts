/** Which programs of others are here: nginx receives and wrk publishes where they are, else the parts of this folder. */
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Also where the shell of an ordinary user does not look. */
const FURTHER_FOLDERS = ['/usr/sbin', '/usr/local/sbin', '/opt/homebrew/bin'];

/** The program's path, or `null`. */
export function findProgram(name: string): string | null {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), ...FURTHER_FOLDERS];
  return folders.map((folder) => join(folder, name)).find((path) => isExecutable(path)) ?? null;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
