/** What is imported, and what is found in it. */
import type { Enforcement, JsonObject, JsonProblem } from '../domain/topic-catalogue.ts';

export interface ImportDocument {
  /** The topic of a JSON Schema that is that of one topic; else it means nothing. */
  readonly name: string | null;
  readonly document: JsonObject;
}

export interface ImportOptions {
  /** Where in a webhook's body the data are, as a JSON pointer, where the document itself does not say; `''`: the body. */
  readonly dataPointer: string;
  /** Of what is imported; `null`: as it is, `off` for new topics. A catalogue says it itself. */
  readonly enforcement: Enforcement | null;
}

/** A topic as a document has it; not yet looked at. */
export interface FoundTopic {
  readonly name: string;
  /** Where in the document. */
  readonly pointer: string;
  readonly entry: unknown;
}

export interface Found {
  readonly topics: readonly FoundTopic[];
  /** Pointers are into the document. */
  readonly problems: readonly JsonProblem[];
}
