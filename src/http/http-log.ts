/** What the HTTP side has to say to the operator; the wording is in telemetry/. */
export interface HttpLog {
  requestFailed(requestId: string, method: string, route: string, error: unknown): void;
  /** More wrong keys came from there than are borne in a minute; said once a minute. */
  signInsRefused(address: string): void;
}
