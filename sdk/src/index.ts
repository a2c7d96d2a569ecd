/** Receives webhooks: verification, guards against duplicates and disorder. For every runtime with WebCrypto. */
export { verify } from './verify.ts';
export type { VerifyOptions } from './verify.ts';
export type {
  Refused,
  RefusalReason,
  ResourceVersion,
  Verification,
  Verified,
} from './verification.ts';
export type { HeadersInput } from './header-fields.ts';
export type { BodyInput } from './message-body.ts';
export type { Secrets } from './keys.ts';
export { isProfileName, PROFILES } from './profiles.ts';
export type { ProfileName } from './profiles.ts';
export type {
  KeyForm,
  Scheme,
  SignatureField,
  SignatureForm,
  SignedPart,
  Source,
  TimeSource,
} from './scheme.ts';
export { verifyHttpSignature } from './http-signature.ts';
export type {
  HttpSignatureOptions,
  KeySet,
  SignedRequest,
  VerifiedRequest,
} from './http-signature.ts';
export type { VerificationJwk, VerificationJwks } from './json-web-key.ts';
export { createMemoryStore } from './key-store.ts';
export type { KeyStore, MemoryStoreOptions } from './key-store.ts';
export { createReplayGuard } from './replay-guard.ts';
export type { Claim, ClaimResult, Once, ReplayGuard, ReplayGuardOptions } from './replay-guard.ts';
export { createOrderGuard } from './order-guard.ts';
export type { Ordered, OrderGuard, OrderGuardOptions } from './order-guard.ts';
export { compareClocks, mergeClocks, parseVectorClock } from './vector-clock.ts';
export type { ClockRelation, VectorClock } from './vector-clock.ts';
export { createReceiver } from './receiver.ts';
export type { Answer, Decision, Receiver, ReceiverOptions } from './receiver.ts';
