/**
 * What a destination that was made as a subscription keeps beside its topics: whose it is, and Baack's words. Of it the
 * engine uses the API client's credentials and the resource; the rest is for the doors that show it.
 */
import type { SubjectEvent } from './subject.ts';

/** With which of its API client's credentials a destination authenticates, beside the signature. */
export const CLIENT_AUTHS = ['none', 'basic', 'digest', 'bearer', 'mtls'] as const;
export type ClientAuth = (typeof CLIENT_AUTHS)[number];

export interface Subscription {
  /** urn of the API client that it belongs to; `null`: to none. */
  readonly apiClient: string | null;
  readonly auth: ClientAuth;
  /** What its topics were made of; `null`: they were given as such. */
  readonly words: { readonly subject: string; readonly event: SubjectEvent } | null;
  /** Only events about that resource (`resource.urn`); `null`: all. */
  readonly resource: string | null;
}
