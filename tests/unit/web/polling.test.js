import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";

import { Polling } from "../../../consumer_app/web/polling.js";

const PERIOD = 10_000;
let asked = 0;
let isSeen = true;
let polling = null;

const tick = async (milliseconds) => {
  mock.timers.tick(milliseconds);
  await Promise.resolve().then(() => {}).then(() => {}).then(() => {});
};

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout"] });
  asked = 0;
  isSeen = true;
  polling = new Polling(async () => (asked += 1), PERIOD, () => isSeen);
});

test("it is asked again and again, and no more when it is stopped", async () => {
  polling.start();
  assert.equal(asked, 0);
  for (const times of [1, 2, 3]) {
    await tick(PERIOD);
    assert.equal(asked, times);
  }
  polling.stop();
  await tick(3 * PERIOD);
  assert.equal(asked, 3);
});

test("what fails is asked again", async () => {
  polling.act = async () => {
    asked += 1;
    throw new Error("no answer");
  };
  polling.start();
  await tick(PERIOD);
  await tick(PERIOD);
  assert.equal(asked, 2);
});

test("while nobody can see the page it rests, and asks at once when it is seen again", async () => {
  isSeen = false;
  polling.start();
  await tick(5 * PERIOD);
  assert.equal(asked, 0);
  isSeen = true;
  polling.wake();
  await tick(0);
  assert.equal(asked, 1);
  await tick(PERIOD);
  assert.equal(asked, 2);
});

test("what was stopped is not woken", async () => {
  polling.start();
  polling.stop();
  polling.wake();
  await tick(PERIOD);
  assert.equal(asked, 0);
});

test("a slow answer is waited for", async () => {
  let answer = null;
  polling.act = () => new Promise((done) => {
    asked += 1;
    answer = done;
  });
  polling.start();
  await tick(PERIOD);
  await tick(5 * PERIOD);
  assert.equal(asked, 1);
  answer();
  await tick(0);
  await tick(PERIOD);
  assert.equal(asked, 2);
});
