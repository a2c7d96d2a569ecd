/** The results as people read them. */
import { isMet } from './bench.ts';
import type { Row, ScenarioResult, Target } from './bench.ts';

export interface Finished {
  readonly name: string;
  readonly seconds: number;
  readonly result: ScenarioResult;
}

const HEAD = ['scenario', 'measured', 'bare loop', 'ratio', 'target', ''];

export function table(finished: readonly Finished[]): string {
  const lines = finished.flatMap(({ name, result }) =>
    result.rows.length === 0
      ? [[`${name}: no figures, see its faults`]]
      : result.rows.map((row) => cells(name, row)),
  );
  const all = [HEAD, ...lines];
  const widths = HEAD.map((_, column) =>
    Math.max(...all.map((line) => (line[column] ?? '').length)),
  );
  return all
    .map((line) =>
      line
        .map((cell, column) =>
          column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
        )
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

export function resultJson({ name, seconds, result }: Finished) {
  return {
    name,
    seconds,
    rows: result.rows.map((row) => ({ ...row, ratio: ratioOf(row), met: isMet(row) })),
    notes: result.notes,
    faults: result.faults,
  };
}

function cells(name: string, row: Row): string[] {
  const ratio = ratioOf(row);
  return [
    `${name}: ${row.metric}`,
    `${digits(row.measured)} ${row.unit}`,
    row.bare === null ? '' : `${digits(row.bare)} ${row.unit}`,
    ratio === null ? '' : ratio.toFixed(3),
    row.target === null ? '' : describeTarget(row.target, row),
    { true: 'met', false: 'MISSED', null: '' }[String(isMet(row)) as 'true' | 'false' | 'null'],
  ];
}

function ratioOf({ measured, bare }: Row): number | null {
  return bare === null ? null : measured / bare;
}

function describeTarget({ atLeast, atMost }: Target, { bare, unit }: Row): string {
  const of = bare === null ? ` ${unit}` : '';
  if (atLeast !== undefined) return `>= ${atLeast}${of}`;
  return atMost === undefined ? '' : `<= ${atMost}${of}`;
}

function digits(value: number): string {
  if (value >= 1000) return value.toFixed(0).replaceAll(/\B(?=(?:\d{3})+$)/g, ',');
  return value >= 100 ? value.toFixed(0) : value.toFixed(2);
}
