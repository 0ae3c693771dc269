import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { beforeAll, describe, expect, test } from "vitest";
import { Bench, smallPackage } from "../../codegen/package/package-folder.ts";

const execute = promisify(execFile);
const packages = ["platformio==6.2.0", "idf-component-manager==3.1.2"];

/**
 * PlatformIO's and Espressif's own checks of their manifests, from PyPI. PlatformIO's platforms and its list of licences
 * come from its own servers, so that its schema is asked without them and nothing is built by it here.
 */
describe("the manifests, as their own tools read them", async () => {
  const bench = await Bench.create({ finch_first: await smallPackage("first") });
  const python = join(bench.folder, "venv/bin/python");
  const ask = (script: string): Promise<string> => bench.run(python, "-c", script);

  beforeAll(async () => {
    await execute("python3", ["-m", "venv", join(python, "../..")], { timeout: 300_000 });
    await execute(python, ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", ...packages], {
      timeout: 900_000,
    });
    return () => bench[Symbol.asyncDispose]();
  });

  test("PlatformIO takes library.json and library.properties", async () => {
    const said = await ask(`
from platformio.package.manifest.parser import ManifestParserFactory
from platformio.package.manifest.schema import ManifestSchema
ManifestSchema.load_spdx_licenses = staticmethod(lambda: {"licenses": [{"licenseId": "MIT"}]})
for path in ("library.json", "library.properties"):
    manifest = ManifestParserFactory.new_from_file("finch_first/" + path).as_dict()
    print(path, ManifestSchema().load_manifest(manifest)["name"])
`);
    expect(said).toContain("library.json finch-first");
    expect(said).toContain("library.properties finch_first");
  });

  test("PlatformIO knows the project of the example and finds the library", async () => {
    const said = await ask(`
from platformio.project.config import ProjectConfig
from platformio.package.meta import PackageSpec
config = ProjectConfig("finch_first/examples/platformio/platformio.ini")
config.validate()
spec = PackageSpec(config.get("env:native", "lib_deps")[0])
print(spec.name, spec.uri, config.default_envs())
`);
    expect(said).toContain("finch_first symlink://../.. ['native']");
  });

  test("Espressif's component manager takes idf_component.yml", async () => {
    const said = await ask(`
from idf_component_tools.manager import ManifestManager, UploadMode
manager = ManifestManager("finch_first", "finch_first", upload_mode=UploadMode.component)
manager.validate()
manifest = manager.load()
print("component", manifest.version, manifest.license, len(manifest.dependencies))
`);
    expect(said).toContain("component 1.2.3 MIT 1");
  });
});
