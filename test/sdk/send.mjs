// Makes the calls that come in on standard input, as an app would, with RudderStack's SDK for Node.js.
//
// Usage: node send.mjs DATA_PLANE_URL WRITE_KEY
//
// Each line of the input is a list of calls, [["track", {"userId": "u1", ...}], ...]. The next line is begun when
// the SDK has reported every call of the one before as sent. That is what keeps the order of a user's calls on the
// SDK's side: batches that it sends at the same time may overtake each other.

import { createInterface } from "node:readline";
import RudderAnalytics from "@rudderstack/rudder-sdk-node";

const [dataPlaneUrl, writeKey] = process.argv.slice(2);
const analytics = new RudderAnalytics(writeKey, { dataPlaneUrl }); // everything else as the SDK has it

const sent = (method, message) =>
  new Promise((resolve, reject) => {
    analytics[method](message, (error) => (error ? reject(error) : resolve()));
  });

for await (const line of createInterface({ input: process.stdin })) {
  const all = Promise.all(JSON.parse(line).map(([method, message]) => sent(method, message)));
  await analytics.flush();
  await all;
}
process.exit(0); // the SDK's timers would keep the process alive
