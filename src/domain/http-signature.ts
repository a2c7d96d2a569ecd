/** What a destination may ask of HTTP message signatures (RFC 9421). */

/** By names of the registry "HTTP Signature Algorithms". */
export const HTTP_SIGNATURE_ALGORITHMS = ['hmac-sha256', 'ed25519'] as const;
export type HttpSignatureAlgorithm = (typeof HTTP_SIGNATURE_ALGORITHMS)[number];

/** What can be covered: of the request line (RFC 9421, 2.2), and the digest of the body (RFC 9530). */
export const HTTP_SIGNATURE_COMPONENTS = [
  '@method',
  '@authority',
  '@path',
  '@query',
  'content-digest',
] as const;
export type HttpSignatureComponent = (typeof HTTP_SIGNATURE_COMPONENTS)[number];

export interface HttpSignature {
  /** `hmac-sha256`: by the destination's signing secrets; `ed25519`: by the instance's key. */
  readonly algorithm: HttpSignatureAlgorithm;
  /** What is covered, in order. */
  readonly components: readonly HttpSignatureComponent[];
}
