// consumer: what a careful Node user writes for a Redis Stream: ioredis and pg, a consumer group, batches of 1000, UNNEST.
//
//     npm ci --ignore-scripts && REDIS_URL=… DATABASE_URL=… EVENT_PROTO=…/event.proto node consumer.js
//
// Until SIGTERM; tables as in ../tables.sql. Reads entries of our stream, decodes the protobuf (protobufjs, which compiles
// a decoder from event.proto at start), and in one transaction inserts the events and upserts the tasks, folded to one row
// per task; XACK after COMMIT. Statements are prepared (by name), one array a column. A second delivery changes nothing. Its
// own unsettled entries are read first when it starts.
//
// What it does not do:
// - take over what another consumer left unsettled, or go on when the group or PostgreSQL is gone: it ends;
// - set aside what cannot be understood or stored: one bad event and its batch comes back for ever;
// - see that anything is missing, changed or said twice with other content; keep the bytes that were said;
// - converge: the greatest (attempt, time) wins, so clocks of several workers decide, and times of the phases are not kept;
// - numbers above 2^53;
// - trim the stream, know its lag, tell a monitor, keep its memory within a bound.
//
// What a user could still tune: pg-copy-streams, pg-native, several processes (they need rows in key order not to deadlock: done
// here), larger batches, reading the next batch while this one is stored.
"use strict";

const Redis = require("ioredis");
const { Client } = require("pg");
const protobuf = require("protobufjs");

const STREAM = "taskledger:events";
const GROUP = "peer";
const CONSUMER = "node";
const BATCH = 1000;
const BLOCK_MS = 1000;

const INSERT = {
  name: "insert",
  text: `
    INSERT INTO peer.task_event
        (producer_id, sequence, occurred_at, task_id, status, attempt, task_name, parent_task_id, queue, worker, step,
         progress, message, error_type, error_message, data, traceparent)
    SELECT * FROM unnest(
        $1::uuid[], $2::bigint[], $3::timestamptz[], $4::text[], $5::text[], $6::int[], $7::text[], $8::text[], $9::text[],
        $10::text[], $11::text[], $12::float8[], $13::text[], $14::text[], $15::text[], $16::jsonb[], $17::text[])
    ON CONFLICT DO NOTHING`,
};

const UPSERT = {
  name: "upsert",
  text: `
    INSERT INTO peer.task AS task
        (task_id, status, attempt, task_name, parent_task_id, queue, worker, step, progress, message, error_type,
         error_message, data, occurred_at)
    SELECT * FROM unnest(
        $1::text[], $2::text[], $3::int[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::float8[],
        $10::text[], $11::text[], $12::text[], $13::jsonb[], $14::timestamptz[])
    ON CONFLICT (task_id) DO UPDATE SET
        status = excluded.status, attempt = excluded.attempt, task_name = excluded.task_name,
        parent_task_id = excluded.parent_task_id, queue = excluded.queue, worker = excluded.worker,
        step = excluded.step, progress = excluded.progress, message = excluded.message,
        error_type = excluded.error_type, error_message = excluded.error_message, data = excluded.data,
        occurred_at = excluded.occurred_at, updated_at = now()
    WHERE (task.attempt, task.occurred_at) <= (excluded.attempt, excluded.occurred_at)`,
};

protobuf.util.Long = null; // 64-bit numbers as numbers
protobuf.configure();

let Event;
let statusNames;

function loadSchema(path) {
  const schema = protobuf.loadSync(path);
  Event = schema.lookupType("taskledger.v1.Event");
  statusNames = schema.lookupEnum("taskledger.v1.Status").valuesById;
}

// 2026-11-22T10:00:00.123456Z: a Date knows no microseconds.
function timestamp(us) {
  const text = new Date(Math.floor(us / 1000)).toISOString();
  return `${text.slice(0, -1)}${String(us % 1000).padStart(3, "0")}Z`;
}

// What one event adds to both tables; null for what a producer says about itself.
function decode(payload) {
  const event = Event.decode(payload);
  const said = event.taskStatus;
  if (!said) return null;

  const error = said.error || {};
  const status = statusNames[said.status].slice("STATUS_".length);
  const occurredAt = timestamp(event.occurredAtUs);
  const attempt = said.attempt || 1;
  const fields = [
    said.taskName || null,
    said.parentTaskId || null,
    said.queue || null,
    said.worker || null,
    said.step || null,
    said.progressPresence ? said.progress : null,
    said.message || null,
    error.type || null,
    error.message || null,
    said.dataJson.length ? said.dataJson.toString() : null,
  ];
  const identity = [event.producerId.toString("hex"), event.sequence, occurredAt, said.taskId, status, attempt];
  return {
    taskId: said.taskId,
    attempt,
    occurredAtUs: event.occurredAtUs,
    eventRow: [...identity, ...fields, said.traceparent || null],
    taskRow: [said.taskId, status, attempt, ...fields, occurredAt],
  };
}

function isNewer(event, other) {
  return event.attempt !== other.attempt
    ? event.attempt > other.attempt
    : event.occurredAtUs >= other.occurredAtUs;
}

function columns(rows) {
  return rows[0].map((_, column) => rows.map((row) => row[column]));
}

// All events in one transaction; a task that is in them twice is folded to its latest state.
async function store(database, events) {
  const latest = new Map();
  for (const event of events) {
    const other = latest.get(event.taskId);
    if (!other || isNewer(event, other)) latest.set(event.taskId, event);
  }
  const tasks = [...latest.keys()].sort().map((taskId) => latest.get(taskId).taskRow);

  await database.query("BEGIN");
  await database.query({ ...INSERT, values: columns(events.map((event) => event.eventRow)) });
  await database.query({ ...UPSERT, values: columns(tasks) });
  await database.query("COMMIT");
}

async function makeGroup(redis) {
  try {
    await redis.xgroup("CREATE", STREAM, GROUP, "0", "MKSTREAM");
  } catch (error) {
    if (!error.message.startsWith("BUSYGROUP")) throw error;
  }
}

async function main() {
  loadSchema(process.env.EVENT_PROTO);
  const redis = new Redis(process.env.REDIS_URL.replace(/^unix:\/\//, ""));
  const database = new Client(process.env.DATABASE_URL);
  await database.connect();
  await makeGroup(redis);

  let position = "0"; // what was delivered before and is not settled; then what is new
  for (;;) {
    const reply = await redis.xreadgroupBuffer(
      ...["GROUP", GROUP, CONSUMER, "COUNT", BATCH, "BLOCK", BLOCK_MS, "STREAMS", STREAM, position],
    );
    const entries = reply ? reply[0][1] : [];
    if (entries.length === 0) {
      position = ">";
      continue;
    }
    const events = entries.map(([, fields]) => decode(fields[1])).filter((event) => event !== null);
    if (events.length > 0) await store(database, events);
    await redis.xack(STREAM, GROUP, ...entries.map(([id]) => id));
  }
}

process.on("SIGTERM", () => process.exit(0));
main().catch((error) => {
  console.error(error);
  process.exit(1);
});
