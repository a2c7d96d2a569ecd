/**
 * How bodies and paths are held against their schemas: by ajv, which compiles each schema with the first request that it
 * is for. There are more than a hundred of them, and most servers are asked for few: compiled at the start, they and ajv
 * would take their time and memory from every start.
 */
import { createRequire } from 'node:module';
import type { Ajv } from 'ajv';
import type * as AjvPackage from 'ajv';
import type { FormatsPlugin } from 'ajv-formats';
import type { FastifySchemaCompiler, FastifyServerOptions } from 'fastify';

type Compile = FastifySchemaCompiler<object>;
type Validate = ReturnType<Compile>;
type Compilers = NonNullable<FastifyServerOptions['schemaController']>['compilersFactory'];
type BuildValidator = NonNullable<NonNullable<Compilers>['buildValidator']>;

const require = createRequire(import.meta.url);

/** Queries are read and checked by `Query`, whatever their schema. */
export function lateValidators(): BuildValidator {
  let ajv: Ajv | undefined;
  const compile: Compile = ({ schema, httpPart }) => {
    if (httpPart === 'querystring') return () => true;
    return onFirstUse(() => {
      ajv ??= makeAjv();
      return ajv.compile(schema);
    });
  };
  // Fastify calls it so; the type is that of its own use of ajv.
  return (() => compile) as unknown as BuildValidator;
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

/** Nothing is changed to fit: what is sent is right, or every place where it is not is told. */
function makeAjv(): Ajv {
  const { Ajv: Made } = require('ajv') as typeof AjvPackage;
  const ajv = new Made({
    allErrors: true,
    // The schemas are ours: the schema of schemas would only take memory.
    meta: false,
    validateSchema: false,
    addUsedSchema: false,
  });
  (require('ajv-formats') as { default: FormatsPlugin }).default(ajv);
  return ajv;
}
