/** The operator's templates: read and judged as a whole, so that what is wrong is said at the start, and all at once. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import Mustache from 'mustache';
import { MailTemplateError } from './mail-template-error.ts';

const EXTENSION = '.mustache';

/** The texts of the folder by name, without the extension. Throws `MailTemplateError`. */
export function readTemplateFiles(
  folder: string,
  names: readonly string[],
): ReadonlyMap<string, string> {
  const problems: string[] = [];
  const texts = new Map<string, string>();
  for (const file of templatesIn(folder)) {
    const path = join(folder, file);
    const name = file.slice(0, -EXTENSION.length);
    if (!names.includes(name)) {
      problems.push(`${path}: there is no such template; there are ${names.join(', ')}`);
      continue;
    }
    try {
      const text = readFileSync(path, 'utf8');
      problems.push(...problemsOf(text).map(({ line, says }) => `${path}:${line}: ${says}`));
      texts.set(name, text);
    } catch (error) {
      problems.push(`${path} cannot be read (${reasonOf(error)})`);
    }
  }
  if (problems.length > 0)
    throw new MailTemplateError(`the mail templates are wrong:\n  ${problems.join('\n  ')}`);
  return texts;
}

function templatesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((file) => file.endsWith(EXTENSION))
      .toSorted();
  } catch (error) {
    throw new MailTemplateError(
      `ANGARIUM_MAIL_TEMPLATES: ${folder} cannot be read (${reasonOf(error)}): name a folder`,
      { cause: error },
    );
  }
}

interface TemplateProblem {
  /** From 1. */
  readonly line: number;
  readonly says: string;
}

function problemsOf(text: string): TemplateProblem[] {
  try {
    return partialsOf(Mustache.parse(text)).map(({ name, at }) => ({
      line: lineAt(text, at),
      says: `{{> ${name}}}: a template cannot take in another one`,
    }));
  } catch (error) {
    // The library tells the place in its message alone.
    const [, says = reasonOf(error), at = '0'] = /^(.*) at (\d+)$/.exec(reasonOf(error)) ?? [];
    const offset = Number(at) < text.length ? Number(at) : lastOpenTag(text);
    return [{ line: lineAt(text, offset), says: `${says}, in Mustache (mustache(5))` }];
  }
}

/** They would be empty in every mail. */
function partialsOf(tokens: readonly unknown[]): { name: string; at: number }[] {
  return tokens.flatMap((token) => {
    const [kind, name, at, , inner] = partsOf(token);
    if (kind === '>') return [{ name: String(name), at: Number(at) }];
    return partialsOf(partsOf(inner));
  });
}

/** Of a tag that is never closed the library says that it ends with the text. */
function lastOpenTag(text: string): number {
  const at = text.indexOf('{{', text.lastIndexOf('}}') + 1);
  return at === -1 ? text.length : at;
}

function partsOf(token: unknown): readonly unknown[] {
  return Array.isArray(token) ? (token as readonly unknown[]) : [];
}

function lineAt(text: string, offset: number): number {
  return text.slice(0, offset).split('\n').length;
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
