/** What every export is made of. */
import type { TopicEntry } from '../domain/topic-catalogue.ts';
import type { Envelope } from './envelope.ts';

export interface ExportInput {
  /** By name. */
  readonly topics: readonly TopicEntry[];
  /** Of the profile whose bodies are described; JSON Schema and TypeScript are of the data alone. */
  readonly envelope: Envelope;
  /** Of the document: that of the program. */
  readonly version: string;
}
