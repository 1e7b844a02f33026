// worker: counts the lines of the files it is given, each as a task.
//
//     cp …/proto/event.proto . && npm ci --ignore-scripts
//     REDIS_URL=redis://cache:6379/0 node worker.js /etc/passwd /etc/shadow
//     taskledger-replay history node:/etc/passwd
"use strict";

const fs = require("node:fs/promises");
const { Producer } = require("./producer.js");

async function count(producer, path) {
  const taskId = `node:${path}`;
  const say = (status, fields) => producer.emit(taskId, status, { taskName: "count_lines", ...fields });

  say("RUNNING", { step: "read" });
  try {
    const text = await fs.readFile(path, "utf8");
    say("RUNNING", { step: "count", progress: 0.5 });
    say("SUCCESS", { step: "completed", data: { lines: text.split("\n").length - 1 } });
  } catch (error) {
    say("FAILURE", { step: "read", error: { type: error.code, message: error.message, traceback: error.stack } });
  }
}

async function main() {
  const producer = new Producer();
  for (const path of process.argv.slice(2)) await count(producer, path);
  const missing = await producer.close(5_000);
  if (missing > 0) console.error(`worker: Redis has not got ${missing} events`);
  process.exitCode = missing > 0 ? 1 : 0;
}

main();
