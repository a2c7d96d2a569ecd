/**
 * A message between threads as three blocks: numbers, one text, bytes. Two of them change hands without a copy, and the
 * third is one string. Lists of objects would be spelled out value by value with their property names, and each small
 * array of bytes would drag along the whole buffer that it was cut from.
 */

export interface Flat {
  readonly numbers: Float64Array<ArrayBuffer>;
  readonly text: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** The buffers that go over to the other thread. */
export function transferOf({ numbers, bytes }: Flat): ArrayBuffer[] {
  return [numbers.buffer, bytes.buffer];
}

/** `null` among the numbers; no number that is written is it. */
const NULL = NaN;

/** Numbers of a small message; it doubles where they are more. */
const FIRST_NUMBERS = 256;

export class FlatWriter {
  #numbers = new Float64Array(FIRST_NUMBERS);
  #count = 0;
  readonly #texts: string[] = [];
  readonly #parts: Uint8Array[] = [];
  #byteCount = 0;

  number(value: number | null): void {
    if (this.#count === this.#numbers.length) this.#grow();
    this.#numbers[this.#count++] = value ?? NULL;
  }

  flag(value: boolean): void {
    this.number(value ? 1 : 0);
  }

  text(value: string | null): void {
    this.number(value === null ? null : value.length);
    if (value !== null) this.#texts.push(value);
  }

  bytes(value: Uint8Array): void {
    this.number(value.length);
    this.#parts.push(value);
    this.#byteCount += value.length;
  }

  finish(): Flat {
    const bytes = new Uint8Array(this.#byteCount);
    let offset = 0;
    for (const part of this.#parts) {
      bytes.set(part, offset);
      offset += part.length;
    }
    return { numbers: this.#numbers.slice(0, this.#count), text: this.#texts.join(''), bytes };
  }

  #grow(): void {
    const grown = new Float64Array(this.#count * 2);
    grown.set(this.#numbers);
    this.#numbers = grown;
  }
}

/** Takes out what was written, in the same order. */
export class FlatReader {
  readonly #flat: Flat;
  #index = 0;
  #textOffset = 0;
  #byteOffset = 0;

  constructor(flat: Flat) {
    this.#flat = flat;
  }

  number(): number {
    const value = this.#next();
    if (Number.isNaN(value))
      throw new TypeError('a flat message holds null where a number was expected');
    return value;
  }

  numberOrNull(): number | null {
    const value = this.#next();
    return Number.isNaN(value) ? null : value;
  }

  flag(): boolean {
    return this.#next() === 1;
  }

  text(): string {
    return this.#text(this.number());
  }

  textOrNull(): string | null {
    const length = this.numberOrNull();
    return length === null ? null : this.#text(length);
  }

  /** A view of the message's bytes. */
  bytes(): Uint8Array {
    const start = this.#byteOffset;
    this.#byteOffset += this.number();
    return this.#flat.bytes.subarray(start, this.#byteOffset);
  }

  #text(length: number): string {
    const start = this.#textOffset;
    this.#textOffset += length;
    return this.#flat.text.slice(start, this.#textOffset);
  }

  #next(): number {
    const value = this.#flat.numbers[this.#index++];
    if (value === undefined) throw new RangeError('a flat message is shorter than expected');
    return value;
  }
}
