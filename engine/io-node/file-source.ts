import { open, type FileHandle } from "node:fs/promises";
import { DataError } from "../errors.ts";
import type { Source } from "../data/image-set.ts";

const chunkBytes = 1 << 20;

/** Bytes of a file. @throws DataError through the stream when the file cannot be read */
export function fileSource(path: string): Source {
  return {
    name: path,
    stream: () => {
      let file: FileHandle | undefined;
      let offset = 0;
      return new ReadableStream({
        async pull(controller) {
          try {
            file ??= await open(path, "r");
            const chunk = new Uint8Array(chunkBytes);
            const { bytesRead } = await file.read(chunk, 0, chunkBytes, offset);
            offset += bytesRead;
            if (bytesRead > 0) return controller.enqueue(chunk.subarray(0, bytesRead));
            await file.close();
            controller.close();
          } catch (error) {
            await file?.close();
            throw unreadable(path, offset, error);
          }
        },
        cancel: () => file?.close(),
      });
    },
  };
}

function unreadable(path: string, offset: number, error: unknown): DataError {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "ENOENT") return new DataError(`${path}: no such file`, { cause: error });
  const why = error instanceof Error ? error.message : String(error);
  return new DataError(`${path}: cannot be read at byte ${offset}: ${why}`, { cause: error });
}
