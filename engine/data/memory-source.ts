import type { Source } from "./image-set.ts";

/** Bytes that are in memory already: a fetched response, a dropped file, a test. */
export function memorySource(name: string, bytes: Uint8Array): Source {
  return {
    name,
    stream: () =>
      new ReadableStream({
        start(controller) {
          controller.enqueue(new Uint8Array(bytes));
          controller.close();
        },
      }),
  };
}
