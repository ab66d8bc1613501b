// Delivers COUNT events through an unmodified library and prints how many of them it counts as delivered.
// Usage: node deliver.mjs segment|rudderstack HOST COUNT PREFIX, with the write key in WRITE_KEY.
import { createRequire } from "node:module";

const [library, host, count, prefix] = [process.argv[2], process.argv[3], Number(process.argv[4]), process.argv[5]];
const writeKey = process.env.WRITE_KEY;
const consent = { categoryPreferences: { Analytics: true, Functional: true } };
const page = { url: "https://shop.example.com/tea", title: "Tea" };

function message(i) {
  return { userId: `u-${i % 500}`, anonymousId: `c-${i % 700}`, messageId: `${prefix}-${i}`, context: { consent } };
}

function call(client, i) {
  const base = message(i);
  switch (i % 7) {
    case 0:
      return client.page({ ...base, name: "Tea", properties: page });
    case 1:
      return client.identify({ ...base, traits: { email: `person-${i % 500}@example.com`, plan: "pro" } });
    case 2:
      return client.track({ ...base, event: "Product Added", properties: { name: "Tea pot", price: 18.99, quantity: 1 } });
    case 3:
      return client.track({ ...base, event: "Order Completed", properties: { order_id: `o-${i}`, total: 27.5, currency: "CNY" } });
    case 4:
      return client.screen({ ...base, name: "Cart" });
    case 5:
      return client.group({ ...base, groupId: "g-1", traits: { industry: "Tea" } });
    default:
      return client.track({ ...base, event: "Signed Up", properties: { plan: "pro", seats: i % 9 } });
  }
}

async function segment() {
  const { Analytics } = await import("@segment/analytics-node");
  const client = new Analytics({ writeKey, host });
  let failed = 0;
  client.on("error", () => (failed += 1));
  for (let i = 0; i < count; i += 1) call(client, i);
  await client.closeAndFlush({ timeout: 120_000 });
  return { delivered: count - failed, failed };
}

async function rudderstack() {
  const Analytics = createRequire(import.meta.url)("@rudderstack/rudder-sdk-node");
  const client = new Analytics(writeKey, { dataPlaneUrl: host, logLevel: "error" });
  let delivered = 0;
  let failed = 0;
  const counting = new Proxy(client, {
    get: (target, name) => (body) => target[name](body, (error) => (error ? (failed += 1) : (delivered += 1))),
  });
  for (let i = 0; i < count; i += 1) {
    call(counting, i);
    // Each call measures all that waits: what waits is kept short.
    if (i % 20 === 19) await client.flush();
  }
  while (delivered + failed < count) {
    await client.flush();
    await new Promise(setImmediate);
  }
  return { delivered, failed };
}

console.log(JSON.stringify(await { segment, rudderstack }[library]()));
process.exit(0);
