import { setTimeout as pause } from "node:timers/promises";
import { servePeer } from "../../bench/peers/serve.ts";

/** A peer that claims given losses and takes given milliseconds: `fake-peer.ts LOSSES MILLISECONDS [die|refuse]`. */
const [losses, milliseconds, fault] = process.argv.slice(2);

await servePeer({ fake: "1" }, async () => {
  if (fault === "refuse") throw new Error("this cannot be trained here");
  const claimed = losses!.split(",").map(Number);
  return {
    train: async () => {
      if (claimed.length === 0 && fault === "die") process.kill(process.pid, "SIGKILL");
      await pause(Number(milliseconds));
      return claimed.shift()!;
    },
  };
});
