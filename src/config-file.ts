/** The configuration file: YAML 1.2, one mapping of options by their names. */
import type * as Yaml from 'yaml';
import type { Given, GivenText } from './config-given.ts';
import { configNode } from './config-node.ts';
import type { ConfigNode } from './config-node.ts';
import { declarationOf, fileName, OPTION_KEYS, OUTBOX, PROFILES } from './config-options.ts';
import type { OptionKey } from './config-options.ts';
import { suggestion } from './config-suggestion.ts';
import { shown } from './config-values.ts';

export interface GivenFile extends Given {
  /** The profiles that it defines; nobody has looked at them yet. */
  readonly profiles?: GivenNode;
  /** The outboxes that it names; likewise. */
  readonly outbox?: GivenNode;
}

export interface GivenNode {
  readonly file: string;
  readonly node: ConfigNode;
}

type Text =
  | { readonly ok: true; readonly text: string }
  /** What is wrong and what is right. */
  | { readonly ok: false; readonly error: string };

const EXPLANATIONS: Partial<Record<Yaml.ErrorCode, string>> = {
  BAD_DIRECTIVE: 'a line that begins with % has no meaning here: take it out',
  BAD_DQ_ESCAPE: 'an unknown escape after \\ in double quotes: write single quotes',
  MULTIPLE_DOCS: 'there are several documents, separated by ---: leave one',
  TAG_RESOLVE_FAILED: 'a value that begins with ! is a tag: put it in quotes',
  UNEXPECTED_TOKEN: 'something does not belong here: put values with special characters in quotes',
};

const KEY_OF_NAME = new Map(OPTION_KEYS.map((key) => [fileName(key), key]));

/**
 * Reads the texts of the options; `path` names the file in problems. A file that is no YAML gives only the problems of
 * that, because its keys cannot be relied on. Problems show no value, as it may be a secret.
 */
export async function parseConfigFile(content: string, path: string): Promise<GivenFile> {
  // Only who has a file pays for loading the parser.
  const yaml = await import('yaml');
  const lines = new yaml.LineCounter();
  const document = yaml.parseDocument(content, { lineCounter: lines, prettyErrors: false });
  const lineAt = (offset: number) => lines.linePos(offset).line;
  const at = (offset: number) => `${path}:${lineAt(offset)}`;

  const syntax = [...document.errors, ...document.warnings].map(
    (error) => `${at(error.pos[0])}: this is no valid YAML: ${explain(error)}`,
  );
  if (syntax.length > 0) return { options: new Map(), problems: syntax };
  const root = document.contents;
  if (root === null) return { options: new Map(), problems: [] };
  if (!yaml.isMap(root)) {
    const place = at(root.range?.[0] ?? 0);
    return { options: new Map(), problems: [`${place}: write options as NAME: VALUE, one a line`] };
  }

  const options = new Map<OptionKey, GivenText>();
  const problems: string[] = [];
  const nodes: Partial<Record<'profiles' | 'outbox', GivenNode>> = {};
  for (const { key: keyNode, value } of root.items) {
    const offset = (yaml.isNode(keyNode) ? keyNode.range?.[0] : undefined) ?? 0;
    const place = at(offset);
    const name = yaml.isScalar(keyNode) ? String(keyNode.value) : '?';
    if (name === PROFILES.name || name === OUTBOX.name) {
      const node = configNode(value, document, yaml, lineAt, lineAt(offset));
      nodes[name] = { file: path, node };
      continue;
    }
    const key = KEY_OF_NAME.get(name);
    if (key === undefined) {
      const advice = suggestion(
        withoutPrefix(name),
        [...KEY_OF_NAME.keys(), PROFILES.name, OUTBOX.name],
        'take it out; angarium serve --help lists the options',
      );
      problems.push(`${place}: ${shown(name)}: there is no such option: ${advice}`);
      continue;
    }
    const spelling = `${place}: ${name}`;
    const read = textOf(value, declarationOf(key).list === true, document, yaml);
    if (read.ok) options.set(key, { text: read.text, source: { from: 'file', spelling } });
    else problems.push(`${spelling}: ${read.error}`);
  }
  return { options, problems, ...nodes };
}

/** As the operator wrote it: `0x10` stays that, so that a file and a variable mean the same by the same letters. */
function textOf(
  written: unknown,
  mayBeList: boolean,
  document: Yaml.Document,
  yaml: typeof Yaml,
): Text {
  const node = yaml.isAlias(written) ? written.resolve(document) : written;
  if (yaml.isScalar(node) && node.value !== null) {
    return { ok: true, text: scalarText(node) };
  }
  if (yaml.isSeq(node) && mayBeList) {
    const items = node.items.map((item) => textOf(item, false, document, yaml));
    const texts = items.flatMap((item) => (item.ok ? [item.text] : []));
    if (texts.length === items.length) return { ok: true, text: texts.join(',') };
    return { ok: false, error: 'an entry of the list is not one value: write a list of values' };
  }
  if (yaml.isCollection(node)) {
    const advice = mayBeList ? 'write one value or a list of values' : 'write one value';
    return { ok: false, error: `it is a ${yaml.isSeq(node) ? 'list' : 'mapping'}: ${advice}` };
  }
  return {
    ok: false,
    error: 'it has no value: write one (in quotes where it begins with * & or #), or take it out',
  };
}

function scalarText({ value, source }: Yaml.Scalar): string {
  return typeof value === 'string' ? value : (source ?? String(value));
}

/** The parser's own words, unless they could hold a piece of the file or speak to a programmer. */
function explain({ code, message }: Yaml.YAMLError): string {
  return EXPLANATIONS[code] ?? message;
}

/** In the file, options go without the prefix of the variables. */
function withoutPrefix(name: string): string {
  return name.replace(/^angarium[_-]/i, '');
}
