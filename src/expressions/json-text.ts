/**
 * A value as JSON, in a bounded size. What an expression gives can be far larger as text than in memory, as its parts
 * may be shared: `[@, @] | [@, @] | ...` doubles with each step. So the text is given up as soon as it is too long.
 */

/** The text, or `null` where it would have more than `maxLength` characters. What JSON has no word for is `null` in it. */
export function boundedJson(value: unknown, maxLength: number): string | null {
  let text = '';

  return write(value) ? text : null;

  function write(each: unknown): boolean {
    if (Array.isArray(each)) return writeArray(each);
    if (typeof each === 'object' && each !== null) return writeObject(each);
    return add(typeof each === 'function' ? 'null' : (JSON.stringify(each) ?? 'null'));
  }

  function writeArray(items: readonly unknown[]): boolean {
    if (!add('[')) return false;
    for (let index = 0; index < items.length; index++)
      if ((index > 0 && !add(',')) || !write(items[index])) return false;
    return add(']');
  }

  function writeObject(object: object): boolean {
    let separator = '{';
    for (const [name, member] of Object.entries(object)) {
      if (!add(`${separator}${JSON.stringify(name)}:`) || !write(member)) return false;
      separator = ',';
    }
    return add(separator === '{' ? '{}' : '}');
  }

  function add(part: string): boolean {
    if (text.length + part.length > maxLength) return false;
    text += part;
    return true;
  }
}
