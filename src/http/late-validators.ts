/**
 * How bodies and paths are held against their schemas: by ajv, which compiles each schema with the first request that it
 * is for. There are more than a hundred of them, and most servers are asked for few: compiled at the start, they and ajv
 * would take their time and memory from every start.
 */
import { createRequire } from 'node:module';
import type { AjvCompiler, BuildCompilerFromPool } from '@fastify/ajv-compiler';
import type { FastifySchemaCompiler } from 'fastify';

type Compile = FastifySchemaCompiler<object>;
type Validate = ReturnType<Compile>;

const require = createRequire(import.meta.url);

/** Queries are read and checked by `Query`, whatever their schema. */
export function lateValidators(): BuildCompilerFromPool {
  let made: BuildCompilerFromPool | undefined;
  return (schemas, options) => {
    let compile: Compile | undefined;
    const compileNow: Compile = (part) => {
      made ??= (require('@fastify/ajv-compiler') as typeof AjvCompiler)();
      compile ??= made(schemas, options) as Compile;
      return compile(part);
    };
    const late: Compile = (part) =>
      part.httpPart === 'querystring' ? () => true : onFirstUse(() => compileNow(part));
    // Fastify calls it so; the type is that of ajv's own function.
    return late as unknown as ReturnType<BuildCompilerFromPool>;
  };
}

function onFirstUse(make: () => Validate): Validate {
  let validate: Validate | undefined;
  const check: Validate = (data) => {
    validate ??= make();
    const isValid = validate(data);
    // Fastify looks for them on the function that it was given.
    check.errors = validate.errors ?? null;
    return isValid;
  };
  return check;
}
