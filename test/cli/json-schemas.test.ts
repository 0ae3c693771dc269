import { expect, test } from "vitest";
import { z } from "zod";
import { jsonSchemas } from "../../cli/json-schemas.ts";
import { builtInArchitectures } from "../../engine/architecture.ts";
import { version } from "../../engine/version.ts";
import packageJson from "../../package.json" with { type: "json" };

test("every document has a JSON Schema that holds what the built-in architectures hold", () => {
  const schemas = jsonSchemas();
  expect(Object.keys(schemas)).toEqual(expect.arrayContaining(["train", "search", "verify", "architecture"]));
  const architecture = z.fromJSONSchema(schemas["architecture"] as Parameters<typeof z.fromJSONSchema>[0]);
  for (const builtIn of Object.values(builtInArchitectures)) expect(architecture.safeParse(builtIn).success).toBe(true);
  expect(architecture.safeParse({ blocks: [{ type: "linear", featurse: 3 }] }).success).toBe(false);
});

test("the version is that of the package", () => {
  expect(version).toBe(packageJson.version);
});
