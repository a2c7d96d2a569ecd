/** The end of a run in some lines. */
import type { ChaosReport } from './chaos.ts';

const MAX_SHOWN = 40;

export function linesOf(report: ChaosReport): string[] {
  const { repeats, faults, violations, folder } = report;
  const counts = (of: ReadonlyMap<string, number>) =>
    [...of].map(([name, count]) => `${count} ${name}`).join(', ') || 'none';
  const seconds = (index: 0 | 1 | 2) => report.lagsS[index].toFixed(2);
  return [
    `faults: ${counts(faults)}; nodes were started ${report.starts} times`,
    `events: ${report.published} published, ${report.accepted} accepted (${report.knownBefore} of them known from a try ` +
      `before), ${report.refusals} times 503, ${report.unanswered} times no answer`,
    `requests: ${report.arrivals} came, ${report.acceptedArrivals} were accepted, ${report.attempts} attempts are recorded`,
    `repeats: ${repeats.count}; near ${counts(repeats.explained)}`,
    `from 202 to 200: half within ${seconds(0)} s, 99 % within ${seconds(1)} s, all within ${seconds(2)} s`,
    `longest time without any request: ${report.longestSilenceS.toFixed(1)} s; nothing was owed ` +
      `${report.drainedAfterS.toFixed(1)} s after all was healed`,
    ...violations.slice(0, MAX_SHOWN).map((violation) => `!! ${violation}`),
    ...(violations.length > MAX_SHOWN ? [`!! and ${violations.length - MAX_SHOWN} more`] : []),
    ...(folder === null ? [] : [`what was seen, and the logs of all: ${folder}`]),
    violations.length === 0 ? 'nothing wrong' : `${violations.length} violations`,
  ];
}
