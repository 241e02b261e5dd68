import assert from "node:assert/strict";
import { test } from "node:test";

import { besides } from "../../../consumer_app/web/axis.js";

test("a name stands on that side of its line on which there is more room", () => {
  assert.deepEqual(besides(100, 40, 400, []), { from: 105, to: 145 });
  assert.deepEqual(besides(300, 40, 400, []), { from: 255, to: 295 });
});

test("a name gives way to one that is there, to the other side or altogether", () => {
  assert.deepEqual(besides(100, 40, 400, [{ from: 120, to: 200 }]), { from: 55, to: 95 });
  assert.equal(besides(100, 40, 400, [{ from: 60, to: 200 }]), null);
});

test("a name that would be cut off at an edge is left out", () => {
  assert.equal(besides(30, 90, 100, []), null);
});
