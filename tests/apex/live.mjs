// The Apex package, unmodified, against a running gateway: every action and every way in which a call can end.
//
//   BELAY=path APEXRUN=folder node live.mjs FOLDER
//
// The gateway asks its simulator, or, where a provider has to misbehave, a scripted Claude API in this process.
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { newKey, org, serve } from './gateway.mjs';
import { interpreter } from './interpreter.mjs';

const folder = process.argv[2];
const { BELAY, APEXRUN } = process.env;
const scratch = mkdtempSync(join(tmpdir(), 'belay-live-'));
let failed = 0;
let held = 0;

function check(name, holds, seen) {
    console.log(`${holds ? 'ok    ' : 'FAILED'} ${name}${holds ? '' : `: ${JSON.stringify(seen).slice(0, 1500)}`}`);
    failed += holds ? 0 : 1;
}

/** A Claude API that answers a briefing, dearly; what is asked about "slow" waits longer than anybody does. */
const upstream = createServer((request, response) => {
    let body = '';
    request.on('data', (part) => (body += part));
    request.on('end', () => {
        const answer = {
            id: 'msg_1',
            type: 'message',
            role: 'assistant',
            model: 'claude-sonnet-5-5',
            stop_reason: 'end_turn',
            stop_sequence: null,
            content: [
                {
                    type: 'text',
                    text: JSON.stringify({
                        headline: 'The deal stands.',
                        deal_context: 'It stands.',
                        risk_factors: [],
                        talking_points: ['price'],
                        next_steps: ['call']
                    })
                }
            ],
            usage: { input_tokens: 50_000, output_tokens: 100 }
        };
        if (body.includes('slow')) {
            held += 1;
            return;
        }
        response.setHeader('content-type', 'application/json');
        response.end(JSON.stringify(answer));
    });
});
upstream.listen(0, '127.0.0.1');
await once(upstream, 'listening');

const keys = { acme: newKey(BELAY), globex: newKey(BELAY), initech: newKey(BELAY) };
const gateway = await serve(
    BELAY,
    `
[[providers]]
name = "simulator"
kind = "simulator"
[[providers]]
name = "scripted"
kind = "anthropic"
api_key = "env:UPSTREAM_KEY"
base_url = "http://127.0.0.1:${upstream.address().port}"
[models.default]
targets = [{ provider = "simulator", model = "claude-sonnet-5-5" }]
[models.dear]
targets = [{ provider = "scripted", model = "claude-sonnet-5-5" }]
${org('acme', '00D5f000000XyZaEAK', keys.acme.hash)}
${org('globex', '00D5f000000XyZbEAK', keys.globex.hash, 'calls_in_flight = 1\nbudget_usd_per_day = 0.25')}
${org('initech', '00D5f000000XyZcEAK', keys.initech.hash, 'requests_per_minute = 2')}
`
);

const records = {
    Account: [{ Name: 'Acme', Industry: 'Energy', _ref: 'a' }],
    Opportunity: [],
    Case: [],
    CaseComment: []
};
for (let nth = 0; nth < 200; nth += 1) {
    records.Opportunity.push({
        Name: `Renewal ${nth}`,
        AccountId: '@a',
        StageName: 'Prospecting',
        CloseDate: '2030-12-18',
        Amount: 1000 + nth
    });
}
records.Case.push({ Subject: 'Invoice shows the wrong address', Status: 'New', Origin: 'Email', _ref: 'k' });
records.CaseComment.push({ ParentId: '@k', CommentBody: 'Customer asks for a corrected invoice.' });
const data = join(scratch, 'data.json');
writeFileSync(data, JSON.stringify(records));

const folders = [join(folder, 'force-app'), join(folder, 'examples')];
const interpret = interpreter(APEXRUN, folders, { data, scratch, address: gateway.address });

/** What a command comes to, and what it printed as its result. */
async function apex(command, key, ...options) {
    const out = await interpret(command, key, ...options);
    const at = out.search(/^[[{]/m);
    const printed = out.slice(0, at).match(/\|RESULT (.*)$/m);
    return { ...JSON.parse(out.slice(at)), printed: printed && JSON.parse(printed[1]) };
}

/** Calls an action as a Flow does. */
async function act(name, inputs, key = keys.acme.key) {
    const file = join(scratch, 'inputs.json');
    writeFileSync(file, JSON.stringify(inputs));
    const told = await apex('invoke', key, '--class', name, '--inputs', file);
    return { outputs: told.outputs ?? told.result ?? [], callouts: told.callouts, told };
}

const run = (code, key = keys.acme.key) => apex('exec', key, '--debug', '--code', code);

try {
    const ids = await run(`
        Map<String, Object> all = new Map<String, Object>();
        all.put('deals', new List<Id>(new Map<Id, Opportunity>([SELECT Id FROM Opportunity ORDER BY Amount]).keySet()));
        all.put('problem', [SELECT Id FROM Case][0].Id);
        all.put('account', [SELECT Id FROM Account][0].Id);
        System.debug('RESULT ' + JSON.serialize(all));`);
    const { deals, problem, account } = ids.printed;

    const who = await run(`System.debug('RESULT ' + JSON.serialize(new BelayClient().whoAmI()));`);
    check('whoami tells the org', who.printed?.org_name === 'acme', who);

    const stranger = await act('BelayBriefingAction', [{ recordId: deals[0] }], 'belay_nobody');
    check('an unknown key is unauthenticated', stranger.outputs[0]?.errorCode === 'unauthenticated', stranger);

    const single = [
        ['BelayBriefingAction', { recordId: deals[0] }, (output) => output.headline],
        ['BelayCaseSummaryAction', { recordId: problem }, (output) => output.situation],
        ['BelayEmailDraftAction', { recordId: deals[0], purpose: 'renewal' }, (output) => output.bodyText],
        ['BelayCallNotesAction', { notes: 'Budget is approved. Me: send the offer.' }, (output) => output.followUpTask],
        ['BelayAccountResearchAction', { recordId: account, fieldsToFind: ['Industry'] }, (output) => output.overview],
        ['BelayDealHealthAction', { recordId: deals[0] }, (output) => output.score >= 0]
    ];
    for (const [name, input, holds] of single) {
        const { outputs, told } = await act(name, [input]);
        check(`${name} gets a real answer`, outputs[0]?.isSuccess === true && Boolean(holds(outputs[0])), told);
    }

    const many = deals.map((recordId) => ({ recordId, instructions: 'all at once' }));
    const first = await act('BelayBriefingAction', many);
    check('200 items go in one callout', first.callouts?.length === 1 && first.outputs.length === 200, first.told);
    const inOrder = first.outputs.every((output, nth) => output.headline?.startsWith(`Renewal ${nth}:`));
    check('and come back in their order', inOrder, first.outputs.slice(0, 3));

    // In one transaction, since every start of the interpreter makes its records anew, and so their dates.
    const twice = await run(`
        List<BelayBriefingAction.Input> inputs = new List<BelayBriefingAction.Input>();
        for (Opportunity deal : [SELECT Id FROM Opportunity ORDER BY Amount LIMIT 3]) {
            BelayBriefingAction.Input input = new BelayBriefingAction.Input();
            input.recordId = deal.Id;
            inputs.add(input);
        }
        List<Boolean> cached = new List<Boolean>();
        for (Integer round = 0; round < 2; round++) {
            for (BelayBriefingAction.Output output : BelayBriefingAction.run(inputs)) {
                cached.add(output.isCached);
            }
        }
        new BelayClient().forget(inputs[0].recordId);
        for (BelayBriefingAction.Output output : BelayBriefingAction.run(inputs)) {
            cached.add(output.isCached);
        }
        System.debug('RESULT ' + JSON.serialize(cached));`);
    const cached = twice.printed ?? [];
    const all = (list, value) => list.length === 3 && list.every((each) => each === value);
    check(
        'a second equal call is answered from the cache',
        all(cached.slice(0, 3), false) && all(cached.slice(3, 6), true),
        twice
    );
    check('a record is forgotten, and only that one', String(cached.slice(6)) === 'false,true,true', twice);

    const spent = await run(
        `
        List<BelayTaskRequest> requests = new List<BelayTaskRequest>();
        for (Integer nth = 0; nth < 3; nth++) {
            BelayBriefingRequest request = new BelayBriefingRequest();
            request.facts = new List<BelayFact>{ new BelayFact('Opportunity', 'Renewal ' + nth) };
            request.model = 'dear';
            requests.add(request);
        }
        List<String> codes = new List<String>();
        for (BelayResult result : new BelayClient().within(6).askAll(BelayTask.BRIEFING, requests)) {
            codes.add(result.isSuccess() ? 'answered' : result.status + ' ' + result.error.code);
        }
        System.debug('RESULT ' + JSON.serialize(codes));`,
        keys.globex.key
    );
    check(
        'a 429 of one item is its own',
        String([...(spent.printed ?? [])].sort()) === '429 budget-spent,answered,answered' &&
            spent.callouts.length === 1,
        spent
    );

    for (const status of [200, 200, 429]) {
        const { outputs } = await act('BelayBriefingAction', [{ recordId: deals[0] }], keys.initech.key);
        const seen = outputs[0]?.isSuccess ? 200 : outputs[0]?.errorCode;
        check(
            `a call of a small minute ends with ${status}`,
            seen === (status === 200 ? 200 : 'rate-limited'),
            outputs
        );
    }

    const late = await run(`
        BelayBriefingRequest request = new BelayBriefingRequest();
        request.facts = new List<BelayFact>{ new BelayFact('Opportunity', 'slow') };
        request.model = 'dear';
        try {
            new BelayClient().within(2).briefing(request);
        } catch (BelayException e) {
            System.debug('RESULT ' + JSON.serialize(new Map<String, Object>{
                'code' => e.code, 'retryable' => e.retryable, 'id' => e.requestId
            }));
        }`);
    check(
        'a late answer is told as such, with the id of its call',
        held === 1 && late.printed?.code === 'deadline-passed' && late.printed.retryable && late.printed.id,
        late
    );

    const preview = await run(`
        BelayTaskRequest request = BelayRecords.requestsFor(BelayTask.BRIEFING, new Set<Id>{ '${deals[0]}' }).values()[0];
        System.debug('RESULT ' + JSON.serialize(new BelayClient().preview(BelayTask.BRIEFING, request)));`);
    check('a preview shows what would be sent', preview.printed?.fields_sent?.includes('Opportunity.Name'), preview);
} finally {
    gateway.end();
    upstream.close();
    upstream.closeAllConnections();
    rmSync(scratch, { recursive: true });
}
process.exit(failed === 0 ? 0 : 1);
