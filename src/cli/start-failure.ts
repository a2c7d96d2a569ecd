/** What keeps a server from starting, in a line for the one who started it. */
import { StorageOpenError } from '../storage/storage.ts';
import { MailTemplateError } from '../notifications/mail-template-error.ts';
import { EXIT_FAILED, EXIT_USAGE } from './arguments.ts';
import { CaFileError } from './ca-file.ts';
import { KeyFileError } from './key-file.ts';
import { TopicsFileError } from './topics-file.ts';

export interface StartFailure {
  readonly message: string;
  readonly exitCode: number;
}

/** `null`: nothing that is known. */
export function startFailure(error: unknown): StartFailure | null {
  if (error instanceof StorageOpenError) {
    // SQLite has several lines to say of damage.
    const message = error.message.replaceAll(/\s*\n\s*/g, ' ');
    return { message, exitCode: error.kind === 'held' ? EXIT_USAGE : EXIT_FAILED };
  }
  if (error instanceof TopicsFileError || error instanceof MailTemplateError)
    return { message: error.message, exitCode: EXIT_USAGE };
  if (error instanceof KeyFileError || error instanceof CaFileError)
    return { message: error.message, exitCode: EXIT_FAILED };
  if (!isAddressError(error)) return null;
  return {
    message: `cannot listen on ${error.address}:${error.port} (${error.code}): ${adviceOn(error.code)}`,
    exitCode: EXIT_FAILED,
  };
}

interface AddressError extends Error {
  readonly code: string;
  readonly address: string;
  readonly port: number;
}

function isAddressError(error: unknown): error is AddressError {
  return (
    error instanceof Error &&
    'syscall' in error &&
    (error.syscall === 'listen' || error.syscall === 'getaddrinfo')
  );
}

function adviceOn(code: string): string {
  switch (code) {
    case 'EADDRINUSE':
      return 'the port is taken: stop what uses it, or choose another with ANGARIUM_PORT';
    case 'EACCES':
      return 'ports below 1024 need privileges: choose another with ANGARIUM_PORT';
    default:
      return 'choose an address of this machine with ANGARIUM_HOST';
  }
}
