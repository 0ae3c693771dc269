// Plain JavaScript, for a Node that cannot read TypeScript must be able to say so.
import { readFileSync } from "node:fs";

const { devDependencies } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
const pinned = `v${devDependencies.node}`;
if (process.version !== pinned) {
  process.stderr.write(
    `Node ${process.version} runs, expected ${pinned}: install with "npm ci" and start through "npm run" or "npm test", ` +
      "which put node_modules/.bin first on the path\n",
  );
  process.exit(1);
}
