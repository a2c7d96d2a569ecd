/**
 * The thread that evaluates JMESPath expressions: what an expression does to it, it does to nobody else. It may be ended
 * at any moment.
 */
import { parentPort } from 'node:worker_threads';
import { compile, TreeInterpreter } from '@jmespath-community/jmespath';
import type { JSONValue } from '@jmespath-community/jmespath';
import { boundedJson } from './json-text.ts';
import type { Evaluated, Evaluation } from './jmespath.ts';

const MAX_COMPILED = 500;

/** The two that the library calls; expressions must find no more than the members that an object has itself. */
const KEPT = new Set(['hasOwnProperty', 'toString']);
for (const name of Object.getOwnPropertyNames(Object.prototype))
  if (!KEPT.has(name)) Reflect.deleteProperty(Object.prototype, name);

type Compiled = ReturnType<typeof compile>;

const compiled = new Map<string, Compiled>();
const decoder = new TextDecoder();

parentPort?.on('message', (evaluation: Evaluation) => {
  parentPort?.postMessage(evaluate(evaluation));
});
parentPort?.postMessage('ready');

function evaluate({ expression, input, maxBytes }: Evaluation): Evaluated {
  try {
    const data = JSON.parse(decoder.decode(input)) as JSONValue;
    const text = boundedJson(TreeInterpreter.search(compiledOnce(expression), data), maxBytes);
    const body = text === null ? null : Buffer.from(text);
    if (body === null || body.length > maxBytes) return { problem: 'too_large', message: '' };
    return { problem: null, body };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return { problem: error instanceof RangeError ? 'too_much' : 'failed', message };
  }
}

/** The one that was compiled longest ago goes when there are too many. */
function compiledOnce(expression: string): Compiled {
  let found = compiled.get(expression);
  if (found === undefined) {
    found = compile(expression);
    compiled.set(expression, found);
    for (const oldest of compiled.keys()) {
      if (compiled.size <= MAX_COMPILED) break;
      compiled.delete(oldest);
    }
  }
  return found;
}
