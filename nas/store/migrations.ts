import type { DatabaseSync } from "node:sqlite";
import { DataError } from "../../engine/errors.ts";

/** Statements that lead from one version of the schema to the next; entry n makes version n + 1. Never edit an entry. */
const migrations: readonly string[] = [
  `
  CREATE TABLE configuration (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    settings TEXT NOT NULL
  ) STRICT;
  CREATE TABLE candidates (
    id TEXT PRIMARY KEY,
    trial INTEGER NOT NULL UNIQUE,
    genotype TEXT NOT NULL UNIQUE,
    architecture TEXT NOT NULL,
    costs TEXT NOT NULL,
    origin TEXT NOT NULL,
    parent TEXT REFERENCES candidates (id),
    seen INTEGER NOT NULL,
    seed INTEGER NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('running', 'finished', 'failed')),
    ended_order INTEGER UNIQUE,
    evaluation TEXT,
    reason TEXT,
    proposed_at TEXT NOT NULL,
    ended_at TEXT,
    CHECK ((status = 'running') = (ended_order IS NULL)),
    CHECK ((status = 'finished') = (evaluation IS NOT NULL)),
    CHECK ((status = 'failed') = (reason IS NOT NULL))
  ) STRICT;
  CREATE TABLE models (
    id TEXT NOT NULL REFERENCES candidates (id),
    settings TEXT NOT NULL,
    checkpoint TEXT NOT NULL,
    validation_accuracy REAL NOT NULL,
    test_accuracy REAL,
    saved_at TEXT NOT NULL,
    PRIMARY KEY (id, settings)
  ) STRICT;
  `,
];

/** Brings a database to the newest schema. @throws DataError when a newer Finch made it */
export function migrate(database: DatabaseSync, name: string): void {
  const { user_version: version } = database.prepare("PRAGMA user_version").get() as { user_version: number };
  if (version > migrations.length)
    throw new DataError(
      `${name}: has schema version ${version}, this Finch knows up to ${migrations.length}: use a newer Finch`,
    );
  for (const [index, statements] of migrations.entries()) {
    if (index < version) continue;
    database.exec(`BEGIN IMMEDIATE; ${statements} PRAGMA user_version = ${index + 1}; COMMIT`);
  }
}
