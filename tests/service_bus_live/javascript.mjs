// What the JavaScript SDK (@azure/service-bus) does, against the emulator at PLAIN and TLS.
import assert from "node:assert/strict";
import test from "node:test";
import { ServiceBusAdministrationClient, ServiceBusClient } from "@azure/service-bus";
import WebSocket from "ws";

const { PLAIN, TLS } = process.env;
const ONCE = { retryOptions: { maxRetries: 0, timeoutInMs: 3000 } };
// The SDK removes receiveMode from the object that it gets.
const take = (options = {}) => ({ receiveMode: "receiveAndDelete", ...options });

async function withClient(use, address = PLAIN, options = ONCE) {
  const client = new ServiceBusClient(address, options);
  try {
    return await use(client);
  } finally {
    await client.close();
  }
}

async function receive(receiver, count) {
  const found = [];
  for (const end = Date.now() + 10_000; found.length < count && Date.now() < end; )
    found.push(...(await receiver.receiveMessages(count - found.length, { maxWaitTimeInMs: 1000 })));
  assert.equal(found.length, count);
  return found;
}

async function all(pages) {
  const found = [];
  for await (const each of pages) found.push(each);
  return found;
}

function withCode(code) {
  return (error) => error.code === code || assert.fail(`${error.code}: ${error.message}`);
}

test("messages are sent alone and in batches, and settled in every way", () =>
  withClient(async (client) => {
    const sender = client.createSender("orders");
    const properties = { n: 1, f: 1.5, b: true, s: "é" };
    await sender.sendMessages([
      { body: { a: 1 }, messageId: "1", applicationProperties: properties },
      { body: "two", messageId: "2" },
    ]);
    const batch = await sender.createMessageBatch();
    assert.ok(batch.tryAddMessage({ body: Buffer.from([1, 2]), messageId: "3" }));
    assert.equal(batch.tryAddMessage({ body: Buffer.alloc(300_000) }), false);
    await sender.sendMessages(batch);

    const receiver = client.createReceiver("orders");
    const [first, second, third] = await receive(receiver, 3);
    assert.deepEqual(first.body, { a: 1 });
    assert.deepEqual(first.applicationProperties, properties);
    assert.ok(first.sequenceNumber && first.lockedUntilUtc > new Date() && first.enqueuedTimeUtc);
    await receiver.completeMessage(first);
    await receiver.abandonMessage(second, { x: "y" });
    await receiver.deferMessage(third);
    const [again] = await receive(receiver, 1);
    assert.deepEqual([again.messageId, again.deliveryCount], ["2", 1]);
    assert.equal(again.applicationProperties.x, "y");
    assert.ok((await receiver.renewMessageLock(again)) > new Date());
    await receiver.deadLetterMessage(again, { deadLetterReason: "r", deadLetterErrorDescription: "d" });
    const [deferred] = await receiver.receiveDeferredMessages(third.sequenceNumber);
    await receiver.completeMessage(deferred);
    const [dead] = await receive(client.createReceiver("orders", take({ subQueueType: "deadLetter" })), 1);
    assert.deepEqual([dead.deadLetterReason, dead.deadLetterErrorDescription], ["r", "d"]);
  }));

test("messages are scheduled, peeked and cancelled; a subscription to a queue gets them", () =>
  withClient(async (client) => {
    const sender = client.createSender("scheduled");
    const receiver = client.createReceiver("scheduled", take());
    const later = new Date(Date.now() + 60_000);
    const numbers = await sender.scheduleMessages([{ body: 1 }, { body: 2 }], later);
    assert.deepEqual((await receiver.peekMessages(10)).map((each) => each.state), ["scheduled", "scheduled"]);
    await sender.cancelScheduledMessages(numbers);
    assert.deepEqual(await receiver.peekMessages(10, { fromSequenceNumber: numbers[0] }), []);
    await sender.scheduleMessages({ body: "soon" }, new Date(Date.now() + 300));
    const found = await new Promise((resolve, reject) => {
      const processMessage = async (message) => resolve(message);
      receiver.subscribe({ processMessage, processError: async (given) => reject(given.error) });
    });
    assert.equal(found.body, "soon");
  }));

test("a session is locked, keeps its order and its state", () =>
  withClient(async (client) => {
    const sender = client.createSender("by-customer");
    await sender.sendMessages([1, 2, 3].map((body) => ({ body, sessionId: "ada" })));
    const session = await client.acceptSession("by-customer", "ada");
    assert.equal(await session.getSessionState(), null);
    await session.setSessionState({ at: 1 });
    assert.deepEqual(await session.getSessionState(), { at: 1 });
    assert.ok((await session.renewSessionLock()) > new Date());
    await assert.rejects(client.acceptSession("by-customer", "ada"), withCode("SessionCannotBeLocked"));
    const messages = await receive(session, 3);
    assert.deepEqual(messages.map((each) => each.body), [1, 2, 3]);
    for (const each of messages) await session.completeMessage(each);
    await session.close();
    await sender.sendMessages({ body: 4, sessionId: "bo" });
    const next = await client.acceptNextSession("by-customer", take());
    assert.equal(next.sessionId, "bo");
    await receive(next, 1);
    await next.close();
    await assert.rejects(client.acceptNextSession("by-customer"), withCode("ServiceTimeout"));
    await assert.rejects(sender.sendMessages({ body: 1 }), /SessionId was not set/);
  }));

test("rules of a subscription are managed over AMQP", () =>
  withClient(async (client) => {
    const rules = client.createRuleManager("events", "all");
    assert.deepEqual((await all(rules.listRules())).map((each) => each.name), ["$Default"]);
    await rules.deleteRule("$Default");
    await assert.rejects(rules.deleteRule("$Default"), withCode("MessagingEntityNotFound"));
    await rules.createRule("sql", { sqlExpression: "n > 1" }, { sqlExpression: "SET seen = 'yes'" });
    await rules.createRule("correlation", { subject: "now", applicationProperties: { k: "v" } });
    await assert.rejects(rules.createRule("sql", { sqlExpression: "1=1" }), withCode("MessagingEntityAlreadyExists"));
    const [sql, correlation] = await all(rules.listRules());
    assert.equal(sql.filter.sqlExpression, "n > 1");
    assert.equal(sql.action.sqlExpression, "SET seen = 'yes'");
    assert.equal(correlation.filter.subject, "now");
    assert.deepEqual(correlation.filter.applicationProperties, { k: "v" });
    const properties = [{ n: 1 }, { n: 2 }, { k: "v" }];
    await client.createSender("events").sendMessages(
      properties.map((each, at) => ({ body: at, subject: "now", sessionId: "s", applicationProperties: each })),
    );
    const found = await receive(client.createReceiver("events", "all", take()), 2);
    assert.deepEqual(found.map((each) => each.body), [1, 2]);
    assert.equal(found[0].applicationProperties.seen, "yes");
    await receive(await client.acceptSession("events", "ordered", "s", take()), 3);
  }));

test("messages and dead letters are forwarded", () =>
  withClient(async (client) => {
    await client.createSender("forwards").sendMessages({ body: "moved" });
    assert.equal((await receive(client.createReceiver("target", take()), 1))[0].body, "moved");
    await client.createSender("dead-forwards").sendMessages({ body: "poison" });
    const receiver = client.createReceiver("dead-forwards");
    const [message] = await receive(receiver, 1);
    await receiver.deadLetterMessage(message, { deadLetterReason: "bad" });
    const [dead] = await receive(client.createReceiver("dead", take()), 1);
    assert.deepEqual([dead.deadLetterReason, dead.deadLetterSource], ["bad", "dead-forwards"]);
    const forwarding = client.createReceiver("forwards");
    await assert.rejects(forwarding.receiveMessages(1), /forwards its messages/);
  }));

for (const [how, use] of Object.entries({
  send: (client) => client.createSender("nothing").sendMessages({ body: 1 }),
  receive: (client) => client.createReceiver("nothing").receiveMessages(1),
  peek: (client) => client.createReceiver("nothing").peekMessages(1),
  subscription: (client) => client.createReceiver("events", "nothing").receiveMessages(1),
  session: (client) => client.acceptSession("nothing", "s"),
  rules: (client) => all(client.createRuleManager("events", "nothing").listRules()),
}))
  test(`an unknown entity is reported at once: ${how}`, () =>
    assert.rejects(withClient(use), withCode("MessagingEntityNotFound")));

test("a wrong key is reported as one", () => {
  const use = (client) => client.createSender("orders").sendMessages({ body: 1 });
  const wrong = PLAIN.replace("SAS_KEY_VALUE", "wrong");
  return assert.rejects(withClient(use, wrong), withCode("UnauthorizedAccess"));
});

for (const [how, options] of [["AMQP", {}], ["WebSockets", { webSocketOptions: { webSocket: WebSocket } }]])
  test(`${how} over TLS`, () =>
    withClient(
      async (client) => {
        await client.createSender("target").sendMessages({ body: how });
        assert.equal((await receive(client.createReceiver("target", take()), 1))[0].body, how);
      },
      TLS,
      { ...ONCE, ...options },
    ));

test("queues are administered", async () => {
  const admin = new ServiceBusAdministrationClient(TLS);
  assert.equal((await admin.getNamespaceProperties()).messagingSku, "Standard");
  const secret = Buffer.alloc(32).toString("base64");
  const rule = { claimType: "SharedAccessKey", accessRights: ["Send"], keyName: "k", primaryKey: secret, secondaryKey: secret };
  const made = await admin.createQueue("made", { lockDuration: "PT7S", requiresSession: true, authorizationRules: [rule] });
  assert.deepEqual([made.lockDuration, made.requiresSession], ["PT7S", true]);
  const queue = await admin.getQueue("made");
  assert.deepEqual(queue.authorizationRules.map((each) => each.accessRights), [["Send"]]);
  queue.maxDeliveryCount = 5;
  assert.equal((await admin.updateQueue(queue)).maxDeliveryCount, 5);
  assert.deepEqual([await admin.queueExists("made"), await admin.queueExists("nothing")], [true, false]);
  await assert.rejects(admin.getQueue("nothing"), withCode("MessageEntityNotFoundError"));
  await assert.rejects(admin.createQueue("made"), withCode("MessageEntityAlreadyExistsError"));
  const counts = await admin.getQueueRuntimeProperties("made");
  assert.deepEqual([counts.activeMessageCount, counts.createdAt instanceof Date], [0, true]);
  const names = (await all(admin.listQueues())).map((each) => each.name);
  const pages = await all(admin.listQueuesRuntimeProperties().byPage({ maxPageSize: 2 }));
  assert.deepEqual(pages.flat().map((each) => each.name), names);
  await admin.deleteQueue("made");
  assert.equal(await admin.queueExists("made"), false);
});

test("topics, subscriptions and rules are administered", async () => {
  const admin = new ServiceBusAdministrationClient(TLS);
  await admin.createTopic("made-topic");
  const first = { name: "first", filter: { sqlExpression: "a > @min", sqlParameters: { "@min": 1 } } };
  await admin.createSubscription("made-topic", "s", { defaultRuleOptions: first });
  const filter = { correlationId: "c", applicationProperties: { a: 1, b: true, when: new Date(0) } };
  await admin.createRule("made-topic", "s", "second", filter, { sqlExpression: "SET a = 2" });
  const rules = await all(admin.listRules("made-topic", "s"));
  assert.deepEqual(rules.map((each) => each.name), ["first", "second"]);
  assert.deepEqual(rules[0].filter.sqlParameters, { "@min": 1 });
  assert.deepEqual(rules[1].filter.applicationProperties, filter.applicationProperties);
  assert.equal((await admin.getRule("made-topic", "s", "second")).action.sqlExpression, "SET a = 2");
  assert.equal((await admin.getSubscriptionRuntimeProperties("made-topic", "s")).totalMessageCount, 0);
  assert.equal((await admin.getTopicRuntimeProperties("made-topic")).subscriptionCount, 1);
  assert.equal(await admin.subscriptionExists("made-topic", "nothing"), false);
  await admin.deleteRule("made-topic", "s", "second");
  await admin.deleteSubscription("made-topic", "s");
  await admin.deleteTopic("made-topic");
});
