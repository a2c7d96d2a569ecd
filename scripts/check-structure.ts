/**
 * The rules of structure that oxlint cannot express, because they need a file's name or where an import leads
 * to; the others are in .oxlintrc.json. Every message says what to do instead.
 *
 *     node scripts/check-structure.ts [folder of the repository]
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, posix, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseSync, Visitor } from 'oxc-parser';

const FOLDERS = ['src', 'sdk', 'portal', 'test', 'bench', 'examples', 'scripts'];
const SKIPPED_FOLDERS = new Set(['node_modules', 'dist', 'coverage']);
const SOURCE_FILE = /\.(?:ts|tsx|js|mjs)$/;
const MAX_LINES = 400;

const SAYS_NOTHING =
  /^(?:utils?|helpers?|common|misc|shared|types)$|[-_.](?:utils?|helpers?|misc)$/;
const CLOCK_READERS = new Set(['src/domain/clock.ts', 'src/domain/id.ts']);
const MAY_LOAD_LATE = /^src\/(?:(?:main|serve|optional-parts)\.ts$|cli\/)/;
const PACKAGE_ENTRY = /^sdk\/(?:src\/)?index\.ts$/;
const DRIVER = /^src\/(?:storage|destinations)\/[^/]+(?=\/)/;
const OWN_PACKAGE = /^angarium(?:\/|$)/;
const SDK_PACKAGE = /^@angarium\/sdk(?:\/|$)/;
const SDK_CORE = /^sdk\/src\/(?!fastify\.ts$)/;

interface SourceFile {
  /** From the root of the repository, with slashes. */
  path: string;
  lines: number;
  imports: Import[];
  /** Where the machine's time is read as `new Date()` or `Date()`. */
  datesOfNow: Position[];
  /** It declares nothing, it only exports what other files declare. */
  onlyReexports: boolean;
}

interface Import extends Position {
  specifier: string;
  /** The file that a relative specifier leads to, from the root; else null. */
  target: string | null;
  late: boolean;
}

interface Position {
  line: number;
}

type Report = (path: string, line: number, message: string) => void;

const root = resolve(process.argv[2] ?? fileURLToPath(new URL('../', import.meta.url)));
const problems: string[] = [];
const report: Report = (path, line, message) => problems.push(`${path}:${line}: ${message}`);

for (const path of FOLDERS.flatMap((folder) => walk(folder))) {
  checkNames(path, report);
  if (!SOURCE_FILE.test(path)) continue;
  const file = read(path);
  checkLength(file, report);
  checkBarrel(file, report);
  checkDates(file, report);
  for (const found of file.imports) checkImport(file, found, report);
}

for (const problem of problems) console.error(problem);
if (problems.length > 0) {
  console.error(`\n${problems.length} problem(s) of structure. ARCHITECTURE.md has the rules.`);
  process.exitCode = 1;
}

function checkNames(path: string, problem: Report): void {
  for (const part of path.split('/')) {
    const name = part.replace(/(?:\.test|\.d)?\.[^.]+$/, '');
    if (!SAYS_NOTHING.test(name)) continue;
    problem(
      path,
      1,
      `"${part}" says nothing about what is in it. Name it after the one thing that it is about, and put what is about something else where that lives.`,
    );
  }
}

function checkLength(file: SourceFile, problem: Report): void {
  if (!file.path.startsWith('src/') || file.lines <= MAX_LINES) return;
  problem(
    file.path,
    MAX_LINES,
    `${file.lines} lines, over ${MAX_LINES}. Files here are near 200: find the second idea in it and give that its own file.`,
  );
}

function checkBarrel(file: SourceFile, problem: Report): void {
  if (!file.onlyReexports || PACKAGE_ENTRY.test(file.path)) return;
  problem(
    file.path,
    1,
    'A barrel: it only exports what other files declare. Import from those files and remove this one.',
  );
}

function checkDates(file: SourceFile, problem: Report): void {
  if (!file.path.startsWith('src/') || CLOCK_READERS.has(file.path)) return;
  for (const { line } of file.datesOfNow) {
    problem(
      file.path,
      line,
      'This reads the machine’s clock. Take a Clock (src/domain/clock.ts) as a parameter and write new Date(clock.nowMs()).',
    );
  }
}

function checkImport(file: SourceFile, found: Import, problem: Report): void {
  const { path } = file;
  const { specifier, target, late, line } = found;
  const driver = DRIVER.exec(path)?.[0];
  const targetDriver = target === null ? undefined : DRIVER.exec(target)?.[0];

  if (driver !== undefined && targetDriver !== undefined && driver !== targetDriver) {
    problem(
      path,
      line,
      `One driver may not import another (${targetDriver}). Move what both need beside the port, or to src/domain.`,
    );
  }
  if (late && target !== null && path.startsWith('src/') && !MAY_LOAD_LATE.test(path)) {
    problem(
      path,
      line,
      'import() hides a dependency from the rules. Import at the top, or have src/serve.ts hand it over.',
    );
  }
  if (path.startsWith('sdk/') && leaves(found, ['sdk'])) {
    problem(
      path,
      line,
      `The SDK is published alone: it may not import ${specifier}. Write here what it needs; a test may compare it with the server's.`,
    );
  }
  if (SDK_CORE.test(path) && target === null && !OWN_PACKAGE.test(specifier)) {
    problem(
      path,
      line,
      `The SDK runs wherever there is WebCrypto, and depends on nothing: it may not import ${specifier}. Use what browsers and workers have too, and type frameworks by shape.`,
    );
  }
  if (path.startsWith('src/') && (target?.startsWith('sdk/') ?? SDK_PACKAGE.test(specifier))) {
    if (!path.startsWith('src/cli/') || target !== null) {
      problem(
        path,
        line,
        'The server does not use the SDK, so that each can be held against the other. Only a command (src/cli/) may import @angarium/sdk, by that name.',
      );
    }
  }
  if (path.startsWith('portal/') && leaves(found, ['portal', 'sdk'])) {
    problem(
      path,
      line,
      `The portal knows the server only by its API: it may not import ${specifier}. Of this repository it may import the SDK.`,
    );
  }
}

function leaves({ specifier, target }: Import, folders: readonly string[]): boolean {
  if (target === null) return OWN_PACKAGE.test(specifier);
  return !folders.some((folder) => target === folder || target.startsWith(`${folder}/`));
}

function walk(folder: string): string[] {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (!entry.isDirectory()) return [path];
    return SKIPPED_FOLDERS.has(entry.name) || entry.name.startsWith('.') ? [] : walk(path);
  });
}

function read(path: string): SourceFile {
  const text = readFileSync(join(root, path), 'utf8');
  const { program } = parseSync(path, text);
  const imports: Import[] = [];
  const datesOfNow: Position[] = [];

  const lineOf = (offset: number): number => text.slice(0, offset).split('\n').length;
  const add = (node: { start: number }, source: unknown, late: boolean): void => {
    const specifier = literalOf(source);
    if (specifier === null) return;
    const relative = /^\.{1,2}\//.test(specifier);
    const target = relative ? posix.join(posix.dirname(path), specifier) : null;
    imports.push({ specifier, target, late, line: lineOf(node.start) });
  };

  new Visitor({
    ImportDeclaration: (node) => add(node, node.source, false),
    ExportNamedDeclaration: (node) => add(node, node.source, false),
    ExportAllDeclaration: (node) => add(node, node.source, false),
    TSImportType: (node) => add(node, node.source, false),
    ImportExpression: (node) => add(node, node.source, true),
    NewExpression: (node) => {
      if (node.callee.type !== 'Identifier') return;
      // new Worker(new URL('./name.ts', import.meta.url)) is an import too.
      if (node.callee.name === 'URL' && SOURCE_FILE.test(literalOf(node.arguments[0]) ?? '')) {
        add(node, node.arguments[0], false);
      }
      if (node.callee.name === 'Date' && node.arguments.length === 0) {
        datesOfNow.push({ line: lineOf(node.start) });
      }
    },
    CallExpression: (node) => {
      if (node.callee.type === 'Identifier' && node.callee.name === 'Date') {
        datesOfNow.push({ line: lineOf(node.start) });
      }
    },
  }).visit(program);

  const reexports = program.body.filter(
    (node) =>
      node.type === 'ExportAllDeclaration' ||
      (node.type === 'ExportNamedDeclaration' && node.declaration === null),
  );
  const others = program.body.filter((node) => node.type !== 'ImportDeclaration');
  return {
    path,
    lines: text.replace(/\n$/, '').split('\n').length,
    imports,
    datesOfNow,
    onlyReexports: reexports.length > 0 && reexports.length === others.length,
  };
}

function literalOf(node: unknown): string | null {
  if (typeof node !== 'object' || node === null || !('value' in node)) return null;
  return typeof node.value === 'string' ? node.value : null;
}
