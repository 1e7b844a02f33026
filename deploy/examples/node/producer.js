// producer: says what tasks are doing, from Node. Nothing of it knows the C library: it follows the contract, which is
// event.proto and these rules.
//
// - A producer has an identity of its own (a UUIDv7), new for every process. It opens with ProducerOpened, closes with
//   ProducerClosed, and numbers all that it says 1, 2, 3 ... without a gap.
// - Every event carries the SHA-256 of the bytes of the one before, and is sent as these very bytes.
// - What cannot be kept uses up its number, and the next event says so (ProducerDropped). So a loss is never silent.
// - XADD STREAM * event BYTES. If it is not known whether Redis has it, it is sent again, the same bytes: the ledger
//   stores an event once.
//
// What it does not do: keep events on disk (what is in memory when the process dies is lost, and the audit finds it),
// several shards, Sentinel, claims and permits.
"use strict";

const crypto = require("node:crypto");
const os = require("node:os");
const path = require("node:path");
const { setTimeout: delay } = require("node:timers/promises");
const Redis = require("ioredis");
const protobuf = require("protobufjs");

const STREAM = "taskledger:events";
const QUEUE_MAX = 10_000; // events that wait in memory
const BATCH_MAX = 200; // events of one transaction
const REQUEST_MS = 2_000;
const BACKOFF_MS = [100, 10_000]; // first and greatest wait after a failure

const schema = protobuf.loadSync(path.join(__dirname, "event.proto"));
const Event = schema.lookupType("taskledger.v1.Event");
const Status = schema.lookupEnum("taskledger.v1.Status").values;

class Producer {
  #id = uuid7();
  #sequence = 0;
  #digest = Buffer.alloc(0);
  #nowUs = 0;
  #queue = []; // bytes of events that Redis has not answered for, oldest first
  #dropped = 0; // numbers used up by what the queue had no room for, not declared yet
  #sending = null; // the promise of the one sender, while there is something to send
  #closed = false;
  #redis;

  constructor(url = process.env.REDIS_URL ?? "redis://127.0.0.1:6379/0", worker = `${os.hostname()}:${process.pid}`) {
    this.worker = worker;
    this.#redis = new Redis(url.replace(/^unix:\/\//, ""), {
      enableOfflineQueue: false, // the queue is ours: while Redis is away a command fails at once
      autoResendUnfulfilledCommands: false,
      commandTimeout: REQUEST_MS,
    });
    this.#redis.on("error", () => {}); // Redis away is nothing that a worker should die of
    this.#accept({ producerOpened: { host: os.hostname(), pid: process.pid, worker, libraryVersion: "node-example" } });
  }

  // emit("order-4711", "RUNNING", { taskName: "invoice", step: "render", progress: 0.4, data: { pages: 30 } }): never
  // waits; false when it was dropped. Other fields are those of TaskStatus in event.proto.
  emit(taskId, status, { data, ...fields } = {}) {
    const number = Status[`STATUS_${status}`];
    if (!number) throw new RangeError(`no status: ${status}`);
    if (this.#queue.length >= QUEUE_MAX) {
      this.#sequence++;
      this.#dropped++;
      return false;
    }
    const dataJson = data === undefined ? undefined : Buffer.from(JSON.stringify(data));
    this.#accept({ taskStatus: { taskId, status: number, worker: this.worker, dataJson, ...fields } });
    return true;
  }

  // Says goodbye and waits until Redis has it all, for so long at most. Returns how many events it has not got.
  async close(timeoutMs = 2_000) {
    this.#accept({ producerClosed: { lastSequence: this.#sequence + (this.#dropped ? 2 : 1) } });
    const enough = new AbortController();
    await Promise.race([this.#sending, delay(timeoutMs, null, { signal: enough.signal })]);
    enough.abort();
    this.#closed = true;
    this.#redis.disconnect();
    return this.#queue.length;
  }

  #accept(body) {
    if (this.#dropped > 0) {
      const hole = { firstSequence: this.#sequence - this.#dropped + 1, lastSequence: this.#sequence, reason: "full" };
      this.#dropped = 0;
      this.#say({ producerDropped: hole });
    }
    this.#say(body);
    this.#sending ??= this.#send().finally(() => (this.#sending = null));
  }

  #say(body) {
    this.#nowUs = Math.max(this.#nowUs + 1, Date.now() * 1_000); // the times of one producer rise
    const identity = { producerId: this.#id, sequence: ++this.#sequence, previousDigest: this.#digest };
    const bytes = Event.encode({ ...identity, occurredAtUs: this.#nowUs, ...body }).finish();
    this.#digest = crypto.createHash("sha256").update(bytes).digest();
    this.#queue.push(bytes);
  }

  // One transaction after the other, all or nothing, so events arrive in order however often it takes.
  async #send() {
    await null; // whoever emitted goes first
    let backoff = BACKOFF_MS[0];
    while (this.#queue.length > 0 && !this.#closed) {
      const batch = this.#queue.slice(0, BATCH_MAX);
      try {
        const transaction = this.#redis.multi();
        for (const bytes of batch) transaction.xadd(STREAM, "*", "event", bytes);
        for (const [error] of await transaction.exec()) if (error) throw error;
        this.#queue.splice(0, batch.length);
        backoff = BACKOFF_MS[0];
      } catch {
        await delay(Math.random() * backoff, null, { ref: false }); // not all at once when Redis comes back
        backoff = Math.min(2 * backoff, BACKOFF_MS[1]);
      }
    }
  }
}

// RFC 9562, version 7: milliseconds first, then chance.
function uuid7() {
  const bytes = crypto.randomBytes(16);
  bytes.writeUIntBE(Date.now(), 0, 6);
  bytes[6] = 0x70 | (bytes[6] & 0x0f);
  bytes[8] = 0x80 | (bytes[8] & 0x3f);
  return bytes;
}

module.exports = { Producer };
