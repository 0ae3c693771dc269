import { Packr } from "msgpackr";
import { z } from "zod";
import { DataError } from "./errors.ts";
import { sha256 } from "./sha256.ts";

const packr = new Packr({ moreTypes: true, useRecords: false });

/** A kind of file: one msgpack object with magic, schema version, checksum, and the content as msgpack of its own. */
export interface FileKind {
  readonly magic: string;
  readonly schemaVersion: number;
  /** For messages: `checkpoint`. */
  readonly what: string;
}

export async function sealEnvelope({ magic, schemaVersion }: FileKind, value: unknown): Promise<Uint8Array> {
  const content = packBytes(value);
  return packBytes({ magic, schemaVersion, checksum: await sha256(content), content });
}

/** A copy: msgpackr gives views of a buffer that it goes on using. */
function packBytes(value: unknown): Uint8Array {
  return Uint8Array.from(packr.pack(value));
}

const envelopeSchema = z.object({
  magic: z.string(),
  schemaVersion: z.int(),
  checksum: z.string(),
  content: z.instanceof(Uint8Array),
});

/** Whether the bytes say that they are of this kind. */
export function isOfKind(bytes: Uint8Array, { magic }: FileKind): boolean {
  const envelope = envelopeSchema.safeParse(unpack(bytes));
  return envelope.success && envelope.data.magic === magic;
}

/**
 * @param name of the file, for errors
 * @throws DataError when the bytes are not of this kind, of another schema, or damaged
 */
export async function openEnvelope(kind: FileKind, bytes: Uint8Array, name: string): Promise<unknown> {
  const envelope = envelopeSchema.safeParse(unpack(bytes));
  if (!envelope.success || envelope.data.magic !== kind.magic)
    throw new DataError(`${name}: is not a Finch ${kind.what}, or is truncated or damaged`);
  const { schemaVersion: version, checksum, content } = envelope.data;
  if (version !== kind.schemaVersion)
    throw new DataError(
      `${name}: has ${kind.what} schema ${version}, this version of Finch reads ${kind.schemaVersion}`,
    );
  if ((await sha256(content)) !== checksum)
    throw new DataError(`${name}: is damaged: its content does not match its checksum`);
  return unpack(content);
}

/** The value, or undefined when the bytes are no msgpack. */
function unpack(bytes: Uint8Array): unknown {
  try {
    return packr.unpack(bytes);
  } catch {
    return undefined;
  }
}
