/** Entity tags of destinations (RFC 9110, 8.8.3 and 13.1.1): so that nobody overwrites a change that he has not seen. */
import type { FastifyRequest } from 'fastify';

const STRONG_TAG = /^"(\d{1,15})"$/;

export function etagOf(revision: number): string {
  return `"${revision}"`;
}

/** The revisions that `If-Match` names; `null` where it is not given or takes any. Weak tags match nothing. */
export function ifMatch({ headers }: FastifyRequest): readonly number[] | null {
  const header = headers['if-match']?.trim();
  if (header === undefined || header === '*') return null;
  return header.split(',').flatMap((tag) => {
    const [, digits] = STRONG_TAG.exec(tag.trim()) ?? [];
    return digits === undefined ? [] : [Number(digits)];
  });
}
