/** The port of methods that make the `authorization` of each request by themselves: digest, OAuth 2.0. */
import type { AttemptResponse } from '../../../domain/attempt.ts';
import type { Failure } from '../failure.ts';

export interface Authenticator {
  /** Never rejects, and ends before `leftMs` are over. */
  authorize(request: AuthorizedRequest, leftMs: number): Authorization | Promise<Authorization>;
}

export interface AuthorizedRequest {
  readonly method: string;
  /** With the query. */
  readonly path: string;
  readonly body: Uint8Array;
}

export type Authorization =
  | {
      readonly kind: 'ready';
      /** Value of the header `authorization`; `null`: none yet. */
      readonly value: string | null;
      /**
       * Told what came of a request with it. True: this answer asks for another authorization, and there is one; the
       * request is worth sending again at once.
       */
      answered(response: AttemptResponse): boolean;
    }
  | { readonly kind: 'failed'; readonly failure: Failure };
