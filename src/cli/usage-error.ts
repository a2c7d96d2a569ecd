/** A command was typed in a way that it cannot be done. */
export class CommandUsageError extends Error {
  override readonly name = 'CommandUsageError';
}

/** What `parseArgs` of Node throws, as such an error. */
export function usageErrors<Parsed>(parse: () => Parsed): Parsed {
  try {
    return parse();
  } catch (error) {
    if (error instanceof TypeError && 'code' in error)
      throw new CommandUsageError(error.message, { cause: error });
    throw error;
  }
}
