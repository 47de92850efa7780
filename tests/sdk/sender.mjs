// Sends each case of a plan twice: with the SDK's own class for the platform, and through the gateway. See sender.py.
//
//     node sender.mjs [old] < plan

import { text } from 'node:stream/consumers';

const old = process.argv[2] === 'old';
const { default: Anthropic } = await import(old ? 'anthropic-old' : '@anthropic-ai/sdk');
const { AnthropicBedrock } = await import(old ? 'anthropic-bedrock-old' : '@anthropic-ai/bedrock-sdk');
const { AnthropicFoundry } = await import(old ? 'anthropic-foundry-old' : '@anthropic-ai/foundry-sdk');
const { AnthropicVertex } = await import(old ? 'anthropic-vertex-old' : '@anthropic-ai/vertex-sdk');

const names = JSON.parse(process.env.NAMES);
const common = { maxRetries: 0, timeout: 25_000 };
console.warn = () => {}; // about models that are old, which some here are on purpose

const plan = JSON.parse(await text(process.stdin));
for (const { name, platform, model, alias, answer, ...request } of plan.cases) {
  const told = { case: name };
  const sides = [
    ['sdk', classOf(platform), model],
    ['gateway', new Anthropic({ apiKey: names.KEY, baseURL: plan.gateway, ...common }), alias],
  ];
  for (const [side, client, asked] of sides) {
    const before = await seen();
    try {
      const got = await send(client, asked, request);
      told[`${side}_error`] = got === answer ? null : `it was answered ${JSON.stringify(got)}`;
    } catch (error) {
      told[`${side}_error`] = `${error.constructor.name}: ${error.message}`;
    }
    told[side] = [before, await seen()];
  }
  console.log(JSON.stringify(told));
}
process.exit(0);

/** The SDK's own client of a platform, with the stand-in in the platform's place. */
function classOf(platform) {
  switch (platform) {
    case 'bedrock':
      return new AnthropicBedrock({
        awsAccessKey: names.AWS_ID,
        awsSecretKey: names.AWS_SECRET,
        awsRegion: names.REGION,
        baseURL: plan.stand_in,
        ...common,
      });
    case 'bedrock with a bearer':
      return new AnthropicBedrock({
        apiKey: names.BEDROCK_BEARER,
        awsRegion: names.REGION,
        baseURL: plan.stand_in,
        ...common,
      });
    case 'vertex': {
      const headers = new Headers({ authorization: `Bearer ${names.VERTEX_TOKEN}` });
      const authClient = { projectId: names.PROJECT, getRequestHeaders: async () => headers };
      return new AnthropicVertex({
        projectId: names.PROJECT,
        region: names.VERTEX_REGION,
        authClient,
        baseURL: `${plan.stand_in}/v1`,
        ...common,
      });
    }
    default:
      return new AnthropicFoundry({ apiKey: names.FOUNDRY_KEY, baseURL: `${plan.stand_in}/anthropic/`, ...common });
  }
}

/** The last words of the answer, what a tool is asked for, or how many tokens there are. */
async function send(client, model, { params, betas, counts }) {
  if (counts) return (await client.messages.countTokens({ ...params, model })).input_tokens;
  const resource = betas ? client.beta.messages : client.messages;
  const made = await resource.create({ ...params, model, ...(betas && { betas }) });
  if (!params.stream) return made.content.at(-1).text;
  let words = '';
  for await (const event of made) {
    if (event.type === 'content_block_delta') words += event.delta.text ?? event.delta.partial_json;
  }
  return words;
}

async function seen() {
  const reply = await fetch(`${plan.stand_in}/__count`);
  return reply.json();
}
