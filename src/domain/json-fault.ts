/** Where a text stops being JSON (RFC 8259). `JSON.parse` tells that only of some mistakes. */

/**
 * Index of the first character that no JSON text has after what stands before it; the length of the text where it ends
 * too early, or where nothing is wrong.
 */
export function jsonFault(text: string): number {
  return new Scan(text).run();
}

/** Of an index: both from 1; columns are UTF-16 units. */
export function lineAndColumn(text: string, index: number): { line: number; column: number } {
  let line = 1;
  let start = 0;
  for (let end = text.indexOf('\n'); end !== -1 && end < index; end = text.indexOf('\n', start)) {
    line++;
    start = end + 1;
  }
  return { line, column: index - start + 1 };
}

const LITERALS = new Map([
  ['t', 'true'],
  ['f', 'false'],
  ['n', 'null'],
]);
const ESCAPES = '"\\/bfnrt';

/** What may stand next; `first` stands for a value or a name, or for the end of what is empty. */
type Next = 'value' | 'first_value' | 'name' | 'first_name' | 'colon' | 'after_value';

class Scan {
  readonly #text: string;
  /** Brackets and braces that are open. A stack of its own: a text may nest deeper than calls can. */
  readonly #open: ('[' | '{')[] = [];
  #at = 0;
  #next: Next = 'value';

  constructor(text: string) {
    this.#text = text;
  }

  run(): number {
    do this.#skip(/[ \t\n\r]*/y);
    while (this.#step());
    return this.#at;
  }

  /** One token; `false`: there is none that may stand here. */
  #step(): boolean {
    switch (this.#next) {
      case 'first_value':
        return this.#closes(']') || this.#value();
      case 'value':
        return this.#value();
      case 'first_name':
        return this.#closes('}') || this.#name();
      case 'name':
        return this.#name();
      case 'colon':
        this.#next = 'value';
        return this.#takes(':');
      case 'after_value': {
        const open = this.#open.at(-1);
        if (open === undefined) return false;
        if (this.#closes(open === '[' ? ']' : '}')) return true;
        this.#next = open === '[' ? 'value' : 'name';
        return this.#takes(',');
      }
    }
  }

  #closes(end: ']' | '}'): boolean {
    if (!this.#takes(end)) return false;
    this.#open.pop();
    this.#next = 'after_value';
    return true;
  }

  #name(): boolean {
    this.#next = 'colon';
    return this.#string();
  }

  #value(): boolean {
    const character = this.#text[this.#at] ?? '';
    if (character === '[' || character === '{') {
      this.#at++;
      this.#open.push(character);
      this.#next = character === '[' ? 'first_value' : 'first_name';
      return true;
    }
    this.#next = 'after_value';
    if (character === '"') return this.#string();
    const literal = LITERALS.get(character);
    return literal === undefined ? this.#number() : this.#literal(literal);
  }

  #literal(literal: string): boolean {
    for (const character of literal) if (!this.#takes(character)) return false;
    return true;
  }

  #number(): boolean {
    this.#takes('-');
    if (!this.#takes('0') && !this.#digits()) return false;
    if (this.#takes('.') && !this.#digits()) return false;
    if (!this.#takes('e') && !this.#takes('E')) return true;
    if (!this.#takes('+')) this.#takes('-');
    return this.#digits();
  }

  #digits(): boolean {
    return this.#skip(/[0-9]*/y) > 0;
  }

  #string(): boolean {
    if (!this.#takes('"')) return false;
    for (;;) {
      // oxlint-disable-next-line no-control-regex -- JSON takes none unescaped
      this.#skip(/[^"\\\u0000-\u001f]*/y);
      if (this.#takes('"')) return true;
      if (!this.#takes('\\')) return false;
      if (this.#takes('u')) {
        for (let left = 4; left > 0; left--) if (this.#skip(/[0-9a-fA-F]?/y) === 0) return false;
      } else if (!ESCAPES.includes(this.#text[this.#at] ?? ' ')) return false;
      else this.#at++;
    }
  }

  #takes(character: string): boolean {
    if (this.#text[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  /** How many characters it passed over. */
  #skip(pattern: RegExp): number {
    pattern.lastIndex = this.#at;
    const length = pattern.exec(this.#text)?.[0].length ?? 0;
    this.#at += length;
    return length;
  }
}
