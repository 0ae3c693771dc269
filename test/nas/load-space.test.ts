import { mkdtempSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { Draw } from "../../nas/draw.ts";
import { loadSpace } from "../../nas/runners/load-space.ts";
import { presets } from "../../nas/space/presets.ts";
import { cifar } from "./networks.ts";

const folder = mkdtempSync(join(tmpdir(), "finch-space-"));
afterAll(() => rm(folder, { recursive: true, force: true }));

function spaceFile(name: string, code: string): string {
  const path = join(folder, name);
  writeFileSync(path, code);
  return path;
}

test("a space by the name of a preset", async () => {
  expect(await loadSpace("cnn-vit")).toBe(presets["cnn-vit"]);
});

test("a space from a TypeScript file", async () => {
  const nas = new URL("../../nas/index.ts", import.meta.url).href;
  const path = spaceFile(
    "plain.ts",
    `import { choice, defineSpace, group, integer, repeat } from "${nas}";
     export default defineSpace({
       name: "plain",
       parameters: group({
         stem: integer(8, 24, { step: 8 }),
         body: repeat({ minimum: 1, maximum: 4 }, group({ channels: choice(16, 32), stride: choice(1, 2) })),
       }),
       build: ({ stem, body }) => ({
         blocks: [
           { type: "convBnRelu", channels: stem, kernel: 3 },
           ...body.map((block) => ({ type: "residual", kernel: 3, ...block }) as const),
           { type: "globalAveragePool" },
           { type: "linear" },
         ],
       }),
     });`,
  );
  const space = await loadSpace(path);
  const { architecture, id } = space.decode(space.sample(new Draw(1)), cifar);
  expect(architecture.name).toBe(`plain-${id}`);
});

test("what is no space is refused in one sentence", async () => {
  await expect(loadSpace("hybird")).rejects.toThrow(
    'space: "hybird" is neither a preset (resnet, cnn-vit, cnn-vit-pool, hybrid, hybrid-extended) nor a file that exists',
  );
  const empty = spaceFile("empty.ts", "export const x = 1;");
  await expect(loadSpace(empty)).rejects.toThrow(
    `${empty}: the default export must be a search space made with define`,
  );
  const broken = spaceFile("broken.ts", 'throw new Error("half-written");');
  await expect(loadSpace(broken)).rejects.toThrow(`${broken}: could not be loaded: half-written`);
});
