import { expect, test, vi } from "vitest";
import { estimateTableRow } from "../../cli/verify.ts";
import { codegenTableRow } from "../../cli/bench-codegen.ts";
import { Output } from "../../cli/output.ts";

/** The lines of a table. */
function linesOf(rows: readonly Readonly<Record<string, string>>[]): string[] {
  const write = vi.spyOn(process.stdout, "write").mockReturnValue(true);
  try {
    new Output().table(rows);
    return write.mock.calls
      .map(([text]) => String(text))
      .join("")
      .trimEnd()
      .split("\n");
  } finally {
    write.mockRestore();
  }
}

const classes = {
  load: 3e6,
  store: 2e6,
  branchTaken: 1e6,
  branchNotTaken: 2e5,
  jump: 1e4,
  multiply: 5e6,
} as Parameters<typeof estimateTableRow>[0]["classes"];
const profile = { instructions: 12_345_678, cycles: 23_456_789 };
const row = {
  ...{ model: "ref-hybrid", precision: "float32", target: "rv32imc", generator: "tvm-scheduled", plan: "default" },
  ...{ instructions: 2_482_123_123, instructionsPerMac: 198.52, textBytes: 128_812, rodataBytes: 330_000 },
  ...{ ramBytes: 1_504_464, stackBytes: 608, ofTvmScheduled: { instructions: 0.52, ramBytes: 0.24 } },
} as unknown as Parameters<typeof codegenTableRow>[0];

test.each([
  [
    "verify --profile",
    ["5.feedForwardShortcut.conv", "in all"].map((layer) => estimateTableRow({ layer, ...profile, classes })),
  ],
  ["bench codegen", [codegenTableRow(row)]],
])("the table of %s fits into 80 columns, nothing cut off", (_, rows) => {
  const lines = linesOf(rows);
  for (const line of lines) expect(line.length).toBeLessThanOrEqual(80);
  rows.forEach((cells, at) => {
    for (const cell of Object.values(cells)) expect(lines[at + 2]).toContain(cell);
    // The rule shows where columns lie: each cell is within its own.
    const columns = [...lines[1]!.matchAll(/─+/g)].map(({ index, 0: { length } }) =>
      lines[at + 2]!.slice(index, index + length).trim(),
    );
    expect(columns).toEqual(Object.values(cells));
  });
});

test("a narrow table keeps the blanks between its columns", () => {
  expect(linesOf([{ layer: "0.conv", MACs: "12,345" }])).toEqual([
    "  layer      MACs",
    " ──────── ────────",
    "  0.conv   12,345",
  ]);
});
