// The official TypeScript SDK, either generation, unpatched against the gateway.
//
// `tests/sdk/run ts` runs it, once for each package named in SDK. It is told by environment variables where the gateway
// and the stand-in behind it are, and what the names of names.py stand for; BELAY_DIRECT means that the SDK speaks to
// the stand-in itself, which proves the tests.

import assert from 'node:assert/strict';
import * as runner from './runner.mjs';

const { default: Anthropic } = await import(process.env.SDK);
const { VERSION: SDK_VERSION } = await import(`${process.env.SDK}/version`);

const GATEWAY = process.env.BELAY_URL;
const UPSTREAM = process.env.UPSTREAM_URL;
const DIRECT = Boolean(process.env.BELAY_DIRECT);
const names = JSON.parse(process.env.NAMES);
const BATCHES = Boolean(process.env.BELAY_BATCHES); // these alone, and the rest without them
const KEY = DIRECT ? names.UPSTREAM_KEY : names.KEY;
const PATIENCE_MS = 25_000;
const VERSION = SDK_VERSION.startsWith('0.') ? '2023-06-01' : '2026-10-21';
const WEATHER_TOOL = {
  name: 'weather',
  description: 'The weather in a city.',
  input_schema: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
};
const WIRE = [
  'message_start',
  'content_block_start',
  'content_block_delta',
  'content_block_delta',
  'content_block_stop',
  'message_delta',
  'message_stop',
];

const none = () => {};
const test = BATCHES ? none : runner.test;
/** A test of what only an org may do that may use batches. */
const testOfBatches = BATCHES ? runner.test : none;
/** A test of what only the gateway does. */
const throughTheGateway = DIRECT ? none : test;

function client({ key = KEY, retries = 0 } = {}) {
  return new Anthropic({ apiKey: key, baseURL: GATEWAY, maxRetries: retries, timeout: PATIENCE_MS });
}

function ask(text, model = 'default', more = {}) {
  return { model, max_tokens: 300, messages: [{ role: 'user', content: text }], ...more };
}

/** What the stand-in was sent so far, with what it answered. */
async function seen() {
  const reply = await fetch(`${UPSTREAM}/__seen`);
  return reply.json();
}

/** The last question that the stand-in was asked. */
async function sent() {
  const questions = (await seen()).filter((entry) => entry.path.split('?')[0] === '/v1/messages');
  return questions.at(-1);
}

function bytesOf(entry, member) {
  return Buffer.from(entry[member], 'base64');
}

async function collected(stream) {
  const items = [];
  for await (const item of stream) items.push(item);
  return items;
}

/** The error of this kind that `call` rejects with. */
async function raised(kind, call) {
  try {
    await call();
  } catch (error) {
    assert.ok(error instanceof kind, error);
    return error;
  }
  return assert.fail(`no ${kind.name}`);
}

/** The error that a refusal becomes: its class, its status, Claude's word for it, and ids that agree. */
async function refused(kind, status, word, call) {
  const error = await raised(kind, call);
  assert.equal(error.status, status);
  assert.equal(error.error.type, 'error');
  assert.equal(error.error.error.type, word);
  assert.ok(error.requestID);
  assert.equal(error.requestID, error.error.request_id);
  return error;
}

// What is answered

test('a text comes back', async () => {
  const message = await client().messages.create(ask('Hello there'));
  assert.equal(message.content[0].text, names.HELLO);
  assert.equal(message.stop_reason, 'end_turn');
  assert.equal(message.usage.output_tokens, 12);
  assert.ok(message._request_id, 'the header request-id is missing');
  if (!DIRECT) assert.equal(message.model, names.ALIASES.default);
});

test("a reply is the upstream's to the byte", async () => {
  const response = await client().messages.create(ask('Hello there, byte for byte')).asResponse();
  assert.match(response.headers.get('content-type'), /^application\/json/);
  assert.deepEqual(Buffer.from(await response.arrayBuffer()), bytesOf(await sent(), 'reply'));
});

test('a stream comes back event by event', async () => {
  const events = await collected(await client().messages.create(ask('Hello there', 'default', { stream: true })));
  assert.deepEqual(
    events.map((event) => event.type),
    WIRE,
  );
});

test('a stream adds up to its message', async () => {
  const message = await client().messages.stream(ask('Hello there')).finalMessage();
  assert.equal(message.content[0].text, names.HELLO);
  assert.equal(message.stop_reason, 'end_turn');
  assert.equal(message.usage.input_tokens, 21);
  assert.equal(message.usage.output_tokens, 12);
});

test("a stream is the upstream's to the byte", async () => {
  const response = await client()
    .messages.create(ask('Hello, stream', 'default', { stream: true }))
    .asResponse();
  assert.match(response.headers.get('content-type'), /^text\/event-stream/);
  assert.deepEqual(Buffer.from(await response.arrayBuffer()), bytesOf(await sent(), 'reply'));
});

test('an event comes as soon as the upstream sent it', async () => {
  // The stand-in sends the rest when it is told to, which is after the first words were read here.
  let text = '';
  for await (const event of await client().messages.create(ask('Hello, wait for me', 'default', { stream: true }))) {
    if (event.type !== 'content_block_delta') continue;
    if (text === '') await fetch(`${UPSTREAM}/__go`, { method: 'POST' });
    text += event.delta.text;
  }
  assert.equal(text, names.HELLO);
});

const create = (client, request) => client.messages.create(request);
const stream = (client, request) => client.messages.stream(request).finalMessage();

test('a tool loop closes', async () => {
  assert.equal(await converse('What is the weather?', create), names.WEATHER);
});

test('a tool loop closes over streams', async () => {
  assert.equal(await converse('What is the weather?', stream), names.WEATHER);
});

test('a thought goes back with its signature', async () => {
  assert.equal(await converse('Thinking aloud, what is the weather?', create), names.WEATHER);
});

test('a streamed thought goes back with its signature', async () => {
  assert.equal(await converse('Thinking aloud, what is the weather?', stream), names.WEATHER);
});

/** Asks, does what the tool is asked for, and gives the last words. The stand-in wants its thoughts back unchanged. */
async function converse(text, answer) {
  const request = ask(text, 'default', { tools: [WEATHER_TOOL] });
  const first = await answer(client(), request);
  assert.equal(first.stop_reason, 'tool_use');
  if (text.includes('aloud')) {
    assert.equal(first.content[0].thinking, names.THOUGHT);
    assert.equal(first.content[0].signature, names.SIGNATURE);
  }
  const use = first.content.at(-1);
  assert.deepEqual(use.input, { city: 'Berlin' });
  request.messages.push(
    { role: 'assistant', content: first.content },
    { role: 'user', content: [{ type: 'tool_result', tool_use_id: use.id, content: '21 °C' }] },
  );
  const second = await answer(client(), request);
  return second.content.at(-1).text;
}

test('tokens are counted', async () => {
  const { model, messages } = ask('one two three');
  const count = await client().messages.countTokens({ model, messages });
  assert.equal(count.input_tokens, 10);
});

test('a beta reaches the upstream as it was asked for', async () => {
  const betas = ['context-management-2025-06-27', 'output-300k-2026-03-24'];
  const message = await client().beta.messages.create(ask('Hello there', 'default', { betas }));
  assert.equal(message.content[0].text, names.HELLO);
  const headers = Object.fromEntries((await sent()).headers);
  assert.deepEqual(headers['anthropic-beta'].split(/, ?/), betas);
  assert.equal(headers['anthropic-version'], VERSION);
});

test('the version reaches the upstream as the client speaks it', async () => {
  await client().messages.create(ask('Hello there'));
  assert.equal(Object.fromEntries((await sent()).headers)['anthropic-version'], VERSION);
});

// Models

test('the models are listed', async () => {
  const models = await collected(client().models.list()); // follows further pages, if there are any
  const ids = models.map((model) => model.id);
  for (const alias of Object.keys(names.ALIASES)) assert.ok(ids.includes(alias), ids.join());
  const model = models.find(({ id }) => id === 'default');
  assert.equal(model.type, 'model');
  assert.ok(model.display_name);
  assert.ok(!Number.isNaN(Date.parse(model.created_at)));
});

test('a model is told by its name', async () => {
  const model = await client().models.retrieve('default');
  assert.equal(model.id, 'default');
  assert.equal(model.type, 'model');
});

test('an unknown model is not found', async () => {
  await refused(Anthropic.NotFoundError, 404, 'not_found_error', () => client().models.retrieve('nothing-like-it'));
});

// Batches

testOfBatches('a batch goes from its creation to its results', async () => {
  const { batches } = client().messages;
  const made = await batches.create({
    requests: [
      { custom_id: 'one', params: ask('Hello there') },
      { custom_id: 'two', params: ask('Thinking aloud') },
      { custom_id: 'three', params: ask('overload') },
    ],
  });
  assert.equal(made.processing_status, 'in_progress');
  assert.equal(made.results_url, null);
  const ended = await batches.retrieve(made.id);
  assert.equal(ended.processing_status, 'ended');
  // Both SDKs send their key to whatever host this names.
  assert.equal(ended.results_url, `${GATEWAY}/v1/messages/batches/${made.id}/results`);
  const entries = await collected(await batches.results(made.id));
  const results = Object.fromEntries(entries.map((entry) => [entry.custom_id, entry.result]));
  assert.deepEqual(Object.keys(results).sort(), ['one', 'three', 'two']);
  assert.equal(results.one.message.content[0].text, names.HELLO);
  assert.equal(results.two.message.content[0].signature, names.SIGNATURE);
  assert.equal(results.three.type, 'errored');
  if (!DIRECT) assert.equal(results.one.message.model, names.ALIASES.default);
});

testOfBatches('batches are cancelled and deleted, and no list of them is kept', async () => {
  const { batches } = client().messages;
  const made = await batches.create({ requests: [{ custom_id: 'one', params: ask('Hello there') }] });
  if (!DIRECT) await refused(Anthropic.NotFoundError, 404, 'not_found_error', () => batches.list());
  assert.equal((await batches.cancel(made.id)).processing_status, 'canceling');
  assert.equal((await batches.delete(made.id)).type, 'message_batch_deleted');
  await refused(Anthropic.NotFoundError, 404, 'not_found_error', () => batches.retrieve(made.id));
});

testOfBatches('no reply about a batch names the upstream', async () => {
  if (DIRECT) return;
  const { batches } = client().messages;
  const made = await batches.create({ requests: [{ custom_id: 'one', params: ask('Hello there') }] });
  await batches.retrieve(made.id); // which ends it, so that the address of its results is told
  const response = await batches.retrieve(made.id).asResponse();
  const told = (await response.text()) + JSON.stringify([...response.headers]);
  assert.ok(!told.includes(new URL(UPSTREAM).host), told);
  assert.ok(!told.includes(names.UPSTREAM_KEY), told);
});

// Refusals

test('a rate limit is told with the time to wait', async () => {
  const error = await refused(Anthropic.RateLimitError, 429, 'rate_limit_error', () =>
    client().messages.create(ask('limit me', 'limited')),
  );
  const wait = Number(error.headers.get('retry-after'));
  assert.ok(wait > 0 && wait <= names.RETRY_AFTER_S, String(wait));
});

test('a rate limit is told before a stream begins', async () => {
  await refused(Anthropic.RateLimitError, 429, 'rate_limit_error', () =>
    client().messages.create(ask('limit me', 'limited', { stream: true })),
  );
});

test('an overload is told as Claude tells it', async () => {
  // The newer generation has a class of its own for it, below this one.
  const error = await refused(Anthropic.InternalServerError, 529, 'overloaded_error', () =>
    client().messages.create(ask('overload', 'overloaded')),
  );
  if (!DIRECT) assert.equal(error.headers.get('x-should-retry'), 'false');
});

throughTheGateway("the SDK's retries do not multiply the gateway's", async () => {
  const before = (await seen()).length;
  await raised(Anthropic.APIError, () => client({ retries: 2 }).messages.create(ask('overload', 'swamped')));
  const asked = (await seen()).length - before;
  assert.ok(asked >= 1 && asked <= 3, `${asked} times: the gateway said that it had given up, and was asked again`);
});

test("a rejected request is told in the upstream's words", async () => {
  const error = await refused(Anthropic.BadRequestError, 400, 'invalid_request_error', () =>
    client().messages.create(ask('reject me')),
  );
  assert.match(error.error.error.message, /we do not like this one/);
});

test('a wrong key is an authentication error', async () => {
  await refused(Anthropic.AuthenticationError, 401, 'authentication_error', () =>
    client({ key: names.WRONG_KEY }).messages.create(ask('Hello there')),
  );
});

throughTheGateway('a key without the scope is a permission error', async () => {
  await refused(Anthropic.PermissionDeniedError, 403, 'permission_error', () =>
    client({ key: names.TASKS_KEY }).messages.create(ask('Hello there')),
  );
});

test('a question to an unknown model is not found', async () => {
  const before = (await seen()).length;
  await refused(Anthropic.NotFoundError, 404, 'not_found_error', () =>
    client().messages.create(ask('Hello there', 'nothing-like-it')),
  );
  if (!DIRECT) assert.equal((await seen()).length, before, 'the upstream was asked for a model that is not there');
});

// Streams that fail

test('an error inside a stream is raised', async () => {
  const error = await raised(Anthropic.APIError, async () =>
    collected(await client().messages.create(ask('fail midway', 'cut', { stream: true }))),
  );
  assert.equal(error.error.error.type, 'overloaded_error');
});

throughTheGateway('a stream that breaks off is an error', () => cutShort('break off'));

// Alone the SDK takes such a stream for a whole answer; so the gateway has to say it.
throughTheGateway('a stream that ends without its last event is an error', () => cutShort('end early'));

async function cutShort(text) {
  const events = [];
  const error = await raised(Anthropic.APIError, async () => {
    for await (const event of await client().messages.create(ask(text, 'cut', { stream: true }))) {
      events.push(event.type);
    }
  });
  assert.equal(error.error.type, 'error');
  assert.ok(events.includes('content_block_delta'), events.join()); // what had come before came through
}

// And throughout

(DIRECT ? none : runner.test)("the upstream never saw a caller's key", async () => {
  const requests = await seen();
  assert.ok(requests.length > 0);
  for (const entry of requests) {
    const told = JSON.stringify(entry.headers) + entry.path + bytesOf(entry, 'body');
    for (const key of [names.KEY, names.TASKS_KEY, names.WRONG_KEY]) assert.ok(!told.includes(key), told);
    assert.notEqual(entry.status, 401, 'the upstream was asked with another key than ours');
  }
});

console.log(`TypeScript SDK ${SDK_VERSION}, which speaks ${VERSION}`);
await runner.runAll();
