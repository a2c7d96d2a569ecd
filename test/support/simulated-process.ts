/** One start of Angarium in a simulated world: its clock, its way to the storage, its engine. */
import { createSchemaCompiler } from '../../src/catalogue/schema-compiler.ts';
import { ENCRYPTION_KEY_BYTES, createSealedBoxes } from '../../src/domain/sealed-box.ts';
import type { DispatcherLimits } from '../../src/engine/dispatcher-parts.ts';
import type { EngineLog } from '../../src/engine/engine-log.ts';
import { createEngine } from '../../src/engine/engine.ts';
import type { Engine } from '../../src/engine/engine.ts';
import { baack } from '../../src/profiles/baack.ts';
import { balkanid } from '../../src/profiles/balkanid.ts';
import { basekit } from '../../src/profiles/basekit.ts';
import { baxcloud } from '../../src/profiles/baxcloud.ts';
import { standard } from '../../src/profiles/standard.ts';
import { openInlineStorage } from '../../src/storage/sqlite/inline.ts';
import type { OpenDatabase } from '../../src/storage/sqlite/open.ts';
import { ProcessClock } from './simulated-clock.ts';
import type { SimulatedClock } from './simulated-clock.ts';
import type { SeededRandom } from './simulated-random.ts';
import { SIMULATED_TYPE } from './simulated-receivers.ts';
import type { SimulatedReceivers } from './simulated-receivers.ts';
import { SimulatedConnection } from './simulated-storage.ts';
import type { Operation, SimulatedMedium } from './simulated-storage.ts';
import { noExpressions } from './no-expressions.ts';

const PROFILES = new Map(
  [standard, baack, balkanid, basekit, baxcloud].map((profile) => [profile.name, profile]),
);

/** What outlives a process. */
export interface ProcessSurroundings {
  readonly clock: SimulatedClock;
  readonly random: SeededRandom;
  readonly database: OpenDatabase;
  readonly medium: SimulatedMedium;
  readonly receivers: SimulatedReceivers;
  readonly log: EngineLog;
  readonly limits: Partial<DispatcherLimits>;
  readonly retentionDays: number;
  readonly utilization: () => number;
  readonly onWritten: (process: SimulatedProcess, operation: Operation, query: unknown) => void;
  readonly onRead: (process: SimulatedProcess, operation: Operation, query: unknown) => () => void;
}

export class SimulatedProcess {
  /** Numbers the starts of a world, from 1: the incarnation that the storage writes into claims. */
  readonly no: number;
  readonly clock: ProcessClock;
  readonly connection: SimulatedConnection;
  readonly engine: Engine;
  readonly #receivers: SimulatedReceivers;

  /** It opens the database at once; then `engine.load` and `engine.start`. */
  constructor(no: number, around: ProcessSurroundings) {
    const { database, receivers, medium, log } = around;
    const random = around.random.fork();
    this.no = no;
    const clock = new ProcessClock(around.clock);
    this.clock = clock;
    this.#receivers = receivers;
    this.connection = new SimulatedConnection({
      inner: openInlineStorage(database, clock, random),
      medium,
      clock,
      onWritten: (operation, query) => around.onWritten(this, operation, query),
      onRead: (operation, query) => around.onRead(this, operation, query),
    });
    this.engine = createEngine({
      expressions: noExpressions,
      storage: this.connection.storage,
      targets: {
        types: new Map([[SIMULATED_TYPE, receivers.type(clock, this.no)]]),
        profiles: PROFILES,
        defaultProfile: standard,
        boxes: createSealedBoxes([new Uint8Array(ENCRYPTION_KEY_BYTES)], random),
      },
      clock,
      random,
      log,
      schemas: createSchemaCompiler(),
      retentionDays: around.retentionDays,
      limits: around.limits,
      utilization: around.utilization,
    });
  }

  /** As `kill -9` does: what it was doing is never finished. */
  kill(): void {
    this.clock.kill();
    this.#receivers.cut(this.no);
  }
}
