const TIMEOUT_MS = 10_000;

/** What is at a URL that the command's user names. Rejects where that is not to be had. */
export async function readUrl(url: string): Promise<Uint8Array> {
  const response = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS) });
  if (!response.ok) throw new Error(`the answer has status ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}
