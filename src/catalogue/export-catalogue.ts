/** The catalogue in the formats of others. */
import { asyncapiDocument } from './export-asyncapi.ts';
import type { ExportInput } from './export-input.ts';
import { jsonSchemaDocument } from './export-json-schema.ts';
import { openapiDocument } from './export-openapi.ts';
import { typescriptText } from './export-typescript.ts';

export const EXPORT_FORMATS = ['json-schema', 'openapi', 'asyncapi', 'typescript'] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

/** A document of two blanks, or TypeScript; it ends in a newline. */
export function exportText(format: ExportFormat, input: ExportInput): string {
  switch (format) {
    case 'json-schema':
      return documentText(jsonSchemaDocument(input));
    case 'openapi':
      return documentText(openapiDocument(input));
    case 'asyncapi':
      return documentText(asyncapiDocument(input));
    case 'typescript':
      return typescriptText(input.topics);
  }
}

function documentText(document: object): string {
  return `${JSON.stringify(document, null, 2)}\n`;
}
