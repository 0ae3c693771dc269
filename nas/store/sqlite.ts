import { readdir, rename } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync, type SQLOutputValue } from "node:sqlite";
import type { Architecture } from "../../engine/architecture.ts";
import { ConfigError, DataError } from "../../engine/errors.ts";
import { makeFolder } from "../../engine/io-node/make-folder.ts";
import { runRecord } from "../../engine/io-node/run-record.ts";
import type { Costs } from "../costs.ts";
import { canonicalJson, type Json } from "../json.ts";
import type { OpenStore, RetrainedModel, RunStatus, RunStore, Settings, Trial, TrialProposal } from "../run-store.ts";
import type { Evaluation } from "../runner.ts";
import { migrate } from "./migrations.ts";
import { lockRun } from "./run-lock.ts";

const storeFile = "search.sqlite";

export interface SqliteStoreOptions {
  /** Moves what the folder holds aside, to `FOLDER.old-1` and so on, and starts anew. Default false. */
  readonly fresh?: boolean;
  /** Fails instead of starting a new run. Default false. */
  readonly mustExist?: boolean;
  /** Recorded in run.json. */
  readonly command?: readonly string[];
}

/**
 * A run folder: `search.sqlite` (write-ahead log, synced at every commit), `run.json` and `models/`. A process that is
 * killed at any instant loses at most the candidates in flight.
 *
 * @throws ConfigError when another process works on the folder, or it holds something else; DataError when it cannot
 * be read or written
 */
export function sqliteStore(folder: string, options: SqliteStoreOptions = {}): OpenStore {
  let { fresh = false } = options;
  return async () => {
    const entries = await readdir(folder).catch(() => undefined);
    const begun = entries?.includes(storeFile) ?? false;
    if (!begun && options.mustExist) throw new ConfigError(`${folder}: there is no search run`);
    const foreign = entries?.find((name) => !begun && !/^lock\.sqlite/.test(name));
    if (foreign !== undefined && !fresh)
      throw new ConfigError(`${folder}: is not a search run: it holds ${foreign}; choose another --out`);
    if (fresh && entries !== undefined && entries.length > 0) await moveAside(folder);
    fresh = false;
    await makeFolder(folder);
    return openRun(folder, options.command);
  };
}

async function moveAside(folder: string): Promise<void> {
  const lock = lockRun(folder);
  try {
    for (let number = 1; ; number++) {
      const aside = `${folder.replace(/[/\\]+$/, "")}.old-${number}`;
      if ((await readdir(aside).catch(() => undefined)) !== undefined) continue;
      await rename(folder, aside);
      return;
    }
  } finally {
    lock.release();
  }
}

type Row = Record<string, SQLOutputValue>;
type Ending = { status: Trial["status"]; evaluation: string | null; reason: string | null };

function openRun(folder: string, command: readonly string[] | undefined): RunStore {
  const path = join(folder, storeFile);
  const lock = lockRun(folder);
  const database = guard(() => openDatabase(path));

  /** Runs database work; what SQLite throws becomes one sentence. */
  function guard<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      if ((error as { code?: string }).code !== "ERR_SQLITE_ERROR") throw error;
      const reason =
        (error as { errcode?: number }).errcode === sqliteFull ? "the disk is full" : (error as Error).message;
      throw new DataError(`${path}: ${reason}; everything up to the last finished candidate is safe`);
    }
  }
  /** The same, as a promise. */
  const attempt = <T>(work: () => T): Promise<T> => new Promise((resolve) => resolve(guard(work)));

  const record = runRecord(folder, { kind: "search", command });
  let closed = false;

  function end(id: string, { status, evaluation, reason }: Ending): Trial {
    const row = database
      .prepare(
        `UPDATE candidates SET status = ?, evaluation = ?, reason = ?, ended_at = ?,
           ended_order = (SELECT coalesce(max(ended_order) + 1, 0) FROM candidates)
         WHERE id = ? AND status = 'running' RETURNING *`,
      )
      .get(status, evaluation, reason, new Date().toISOString(), id);
    if (row === undefined) throw new DataError(`${path}: candidate ${id} is not running`);
    return trialOf(row);
  }

  return {
    location: folder,
    configuration: () =>
      attempt(() => {
        const row = database.prepare("SELECT settings FROM configuration").get();
        return row && parse<Settings>(row.settings);
      }),
    configure: (settings) =>
      attempt(() => void database.prepare("INSERT INTO configuration VALUES (1, ?)").run(canonicalJson(settings))),
    async setStatus(status: RunStatus) {
      const settings = await this.configuration();
      await record(status, settings?.seed ?? null, { settings: settings ?? null });
    },
    trials: () => attempt(() => database.prepare("SELECT * FROM candidates ORDER BY trial").all().map(trialOf)),
    add: (proposal: TrialProposal) =>
      attempt(() => {
        const row = database
          .prepare(
            `INSERT INTO candidates (id, trial, genotype, architecture, costs, origin, parent, seen, seed, status, proposed_at)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 'running', ?) RETURNING *`,
          )
          .get(
            proposal.id,
            proposal.index,
            canonicalJson(proposal.genotype),
            JSON.stringify(proposal.architecture),
            JSON.stringify(proposal.costs),
            proposal.origin,
            proposal.parent,
            proposal.seen,
            proposal.seed,
            new Date().toISOString(),
          );
        return trialOf(row!);
      }),
    finish: (id: string, evaluation: Evaluation) =>
      attempt(() => end(id, { status: "finished", evaluation: JSON.stringify(evaluation), reason: null })),
    fail: (id: string, reason: string) => attempt(() => end(id, { status: "failed", evaluation: null, reason })),
    models: () => attempt(() => database.prepare("SELECT * FROM models ORDER BY saved_at").all().map(modelOf)),
    saveModel: (model: RetrainedModel) =>
      attempt(
        () =>
          void database
            .prepare("INSERT OR REPLACE INTO models VALUES (?, ?, ?, ?, ?, ?)")
            .run(
              model.id,
              canonicalJson(model.settings),
              model.checkpoint,
              model.validationAccuracy,
              model.testAccuracy,
              new Date().toISOString(),
            ),
      ),
    close() {
      if (!closed) {
        closed = true;
        database.close();
        lock.release();
      }
      return Promise.resolve();
    },
  };

  function openDatabase(file: string): DatabaseSync {
    try {
      const opened = new DatabaseSync(file, { timeout: 5000, enableForeignKeyConstraints: true });
      opened.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
      migrate(opened, file);
      return opened;
    } catch (error) {
      lock.release();
      throw error;
    }
  }
}

const sqliteFull = 13;

function parse<T>(text: SQLOutputValue | undefined): T {
  return JSON.parse(text as string) as T;
}

function trialOf(row: Row): Trial {
  return {
    id: row.id as string,
    index: row.trial as number,
    genotype: parse<Json>(row.genotype),
    architecture: parse<Architecture>(row.architecture),
    costs: parse<Costs>(row.costs),
    origin: row.origin as string,
    parent: row.parent as string | null,
    seen: row.seen as number,
    seed: row.seed as number,
    status: row.status as Trial["status"],
    order: row.ended_order as number | null,
    evaluation: row.evaluation === null ? null : parse<Evaluation>(row.evaluation),
    reason: row.reason as string | null,
    proposedAt: row.proposed_at as string,
    endedAt: row.ended_at as string | null,
  };
}

function modelOf(row: Row): RetrainedModel {
  return {
    id: row.id as string,
    settings: parse<Settings>(row.settings),
    checkpoint: row.checkpoint as string,
    validationAccuracy: row.validation_accuracy as number,
    testAccuracy: row.test_accuracy as number | null,
  };
}
