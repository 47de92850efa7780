// Drives the Lightning components in a real browser, with the unmodified Apex behind them and a running gateway behind that.
//
//   BELAY=path APEXRUN=folder [SCREENSHOTS=folder] node drive.mjs FOLDER
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import puppeteer from 'puppeteer-core';
import { newKey, org, serve } from '../gateway.mjs';
import { interpreter } from '../interpreter.mjs';
import { bundle } from './bundle.mjs';

const folder = process.argv[2];
const { APEXRUN, BELAY, CHROMIUM = '/usr/bin/chromium', SCREENSHOTS } = process.env;
const scratch = mkdtempSync(join(tmpdir(), 'belay-drive-'));
const resolve = createRequire(import.meta.url).resolve;
const slds = dirname(resolve('@salesforce-ux/design-system/package.json'));
// The page is no whole page: landmarks and its first heading are the platform's affair.
const RULES = {
    region: { enabled: false },
    'landmark-one-main': { enabled: false },
    'page-has-heading-one': { enabled: false }
};
const PATIENCE_MS = 30_000;
let failed = 0;

function check(name, holds, seen = '') {
    console.log(`${holds ? 'ok    ' : 'FAILED'} ${name}${holds ? '' : `: ${seen}`}`);
    failed += holds ? 0 : 1;
}

const keys = { acme: newKey(BELAY), globex: newKey(BELAY), initech: newKey(BELAY) };
const gateway = await serve(
    BELAY,
    `
[[providers]]
name = "simulator"
kind = "simulator"
latency_ms = 400
[models.default]
targets = [{ provider = "simulator", model = "claude-sonnet-5-5" }]
[prices."claude-sonnet-5-5"]
input = 3
output = 15
${org('acme', '00D5f000000XyZaEAK', keys.acme.hash)}
${org('globex', '00D5f000000XyZbEAK', keys.globex.hash, 'requests_per_minute = 1')}
${org('initech', '00D5f000000XyZcEAK', keys.initech.hash, 'budget_usd_per_day = 0.09')}
`
);

const data = join(scratch, 'data.json');
writeFileSync(
    data,
    JSON.stringify({
        Account: [{ Name: 'Acme Freight', Industry: 'Transportation', _ref: 'a' }],
        Opportunity: [
            {
                Name: 'Größe ✓ renewal',
                // Otherwise it is that of each load, and no question is asked twice.
                CreatedDate: '2026-11-02T09:00:00.000+0000',
                AccountId: '@a',
                StageName: 'Prospecting',
                CloseDate: '2030-12-18',
                Amount: 120000,
                _ref: 'o'
            }
        ],
        Task: [{ Subject: 'Call: pricing', WhatId: '@o', ActivityDate: '2026-11-12', Status: 'Completed' }],
        Case: [{ Subject: 'Invoice shows the wrong address', Status: 'New', Origin: 'Email', _ref: 'k' }],
        CaseComment: [{ ParentId: '@k', CommentBody: 'Customer asks for a corrected invoice.' }]
    })
);

/** Which key Apex sends; scenes change it. */
let key = keys.acme.key;

const interpret = interpreter(APEXRUN, [join(folder, 'force-app')], { data, scratch, address: gateway.address });

const printed = await interpret(
    'exec',
    key,
    '--debug',
    '--code',
    "System.debug('IDS ' + [SELECT Id FROM Opportunity].Id + ' ' + [SELECT Id FROM Case].Id);"
);
const [, deal, problem] = printed.match(/IDS (\w+) (\w+)/);

const script = await bundle(folder);
const pageOf = `<!doctype html><html lang="en"><head><meta charset="utf-8" /><title>Belay</title>
<link rel="stylesheet" href="/slds.css" /></head>
<body class="slds-scope" style="background: #f3f3f3; padding: 1rem; width: 30rem">
<div id="place"></div><div id="toast" role="status"></div><script src="/bundle.js"></script></body></html>`;
/** How often each method was called. */
const calls = {};
const server = createServer(async (request, response) => {
    const url = new URL(request.url, 'http://localhost');
    const send = (status, type, body) => {
        response.writeHead(status, { 'content-type': type });
        response.end(body);
    };
    if (url.pathname === '/') {
        send(200, 'text/html', pageOf);
    } else if (url.pathname === '/bundle.js') {
        send(200, 'text/javascript; charset=utf-8', script);
    } else if (url.pathname === '/slds.css') {
        send(200, 'text/css', readFileSync(join(slds, 'assets/styles/salesforce-lightning-design-system.min.css')));
    } else if (url.pathname.startsWith('/_slds/') || url.pathname.startsWith('/assets/')) {
        const path = url.pathname.replace(/^\/(_slds|assets)\//, '');
        try {
            send(
                200,
                path.endsWith('.svg') ? 'image/svg+xml' : 'application/octet-stream',
                readFileSync(join(slds, 'assets', path))
            );
        } catch {
            send(404, 'text/plain', '');
        }
    } else if (url.pathname.startsWith('/apex/')) {
        let body = '';
        for await (const part of request) {
            body += part;
        }
        const called = url.pathname.slice('/apex/'.length);
        calls[called] = (calls[called] ?? 0) + 1;
        const [name, method] = called.split('.');
        const out = await interpret('invoke', key, '--class', name, '--method', method, '--args', body);
        const told = JSON.parse(out.slice(out.indexOf('{')));
        if (told.ok) {
            send(200, 'application/json; charset=utf-8', JSON.stringify({ value: told.outputs }));
        } else {
            send(500, 'application/json; charset=utf-8', JSON.stringify({ message: told.error.message }));
        }
    } else {
        send(404, 'text/plain', '');
    }
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');

const browser = await puppeteer.launch({
    executablePath: CHROMIUM,
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
    headless: true
});
const origin = `http://127.0.0.1:${server.address().port}`;
await browser
    .defaultBrowserContext()
    .overridePermissions(origin, ['clipboard-read', 'clipboard-write', 'clipboard-sanitized-write']);

/** The state that a scene has come to can be used by everybody. */
async function usable(scene, name) {
    const violations = await scene.violations();
    check(`${name} is accessible`, violations === '', violations);
    await scene.shot(name.replaceAll(' ', '-'));
}

/** Opens a page with one component and gives what a scene does with it. */
async function open(component, recordId) {
    const page = await browser.newPage();
    await page.setViewport({ width: 560, height: 760 });
    const errors = [];
    page.on('pageerror', (error) => errors.push(error.message));
    await page.goto(`${origin}/?component=${component}&recordId=${recordId ?? ''}`);
    const handle = (text) =>
        page
            .waitForSelector(`::-p-xpath(//button[normalize-space(.)="${text}"])`, { timeout: PATIENCE_MS })
            .catch(async () => {
                const seen = await page.evaluate(() => document.body.innerText);
                throw new Error(`there is no button ${text}: ${[seen, ...errors].join('\n')}`);
            });
    return {
        page,
        errors,
        text: () => page.evaluate(() => document.body.innerText),
        click: async (text, count = 1) => (await handle(text)).click({ count }),
        hasFocus: async (id) => Boolean(await page.$(`>>> [data-id="${id}"]:focus`)),
        violations: async () => {
            await page.addScriptTag({ path: resolve('axe-core') });
            const { violations } = await page.evaluate((rules) => window.axe.run({ rules }), RULES);
            return violations.map(({ id, nodes }) => `${id} ${nodes.map(({ html }) => html).join(' ')}`).join('\n');
        },
        sees: (text) =>
            page
                .waitForFunction((wanted) => document.body.innerText.includes(wanted), { timeout: PATIENCE_MS }, text)
                .then(
                    () => true,
                    () => false
                ),
        hears: async () => (await page.$eval('>>> [data-id="status"]', (status) => status.textContent)).trim(),
        shot: async (name) => {
            if (SCREENSHOTS) {
                mkdirSync(SCREENSHOTS, { recursive: true });
                await page.screenshot({ path: join(SCREENSHOTS, `${name}.png`) });
            }
        }
    };
}

try {
    const briefing = await open('BelayOpportunityBriefing', deal);
    await briefing.click('Ask');
    check('a click shows that Claude reads', await briefing.sees('Claude is reading'), await briefing.text());
    check('and the focus waits there', await briefing.hasFocus('status'));
    await usable(briefing, 'a waiting component');
    check(
        'then the briefing, in letters of every script',
        await briefing.sees('Größe ✓ renewal: Prospecting'),
        await briefing.text()
    );
    check(
        'with its risks and steps',
        (await briefing.text()).includes('Confirm the close date'),
        await briefing.text()
    );
    check('and with the focus', await briefing.hasFocus('answer'));
    check('a screen reader hears that it has come', (await briefing.hears()) === 'The answer is here.');
    check(
        'a simulated answer says that it is one',
        (await briefing.text()).includes('Made up by a simulator'),
        await briefing.text()
    );
    await briefing.click('Copy');
    check('its text is copied', await briefing.sees('Copied'), await briefing.text());
    const copied = await briefing.page.evaluate(() => navigator.clipboard.readText());
    check('all of it', copied.includes('Größe ✓ renewal') && copied.includes('Next steps'), copied);
    await usable(briefing, 'a briefing');
    check('and nothing went wrong on the page', briefing.errors.length === 0, briefing.errors.join());

    const again = await open('BelayOpportunityBriefing', deal);
    await again.click('Ask', 2);
    check(
        'the same question is answered from the cache, and says so',
        await again.sees('Given before'),
        await again.text()
    );
    check('two clicks were one call', calls['BelayOpportunityController.briefing'] === 2, JSON.stringify(calls));
    await usable(again, 'a cached answer');
    await again.click('Ask Anew');
    await again.sees('Claude is reading');
    check('another answer is asked for anew', await again.sees('Prospecting'), await again.text());
    check('and does not come from the cache', !(await again.text()).includes('Given before'), await again.text());

    const health = await open('BelayDealHealth', deal);
    await health.click('Ask');
    const gauge = await health.page.waitForSelector('>>> [aria-label^="Score "]', { timeout: PATIENCE_MS });
    const spoken = await gauge.evaluate((svg) => svg.getAttribute('aria-label'));
    check('a score is drawn and can be spoken', /^Score \d+ of 100: [a-z ]+$/.test(spoken), spoken);
    await usable(health, 'a score');

    const summary = await open('BelayCaseSummary', problem);
    await summary.click('Ask');
    check('a case is summarized', await summary.sees('Invoice shows the wrong address'), await summary.text());
    await usable(summary, 'a summary');

    const notes = await open('BelayCallNotes', deal);
    await notes.click('Read Notes');
    check(
        'notes are asked for where there are none',
        await notes.sees('Paste the notes of the call first'),
        await notes.text()
    );
    await usable(notes, 'a panel without notes');
    await (
        await notes.page.waitForSelector('>>> textarea')
    ).type('Budget is approved, board signs 15 Dec.\nMe: send the offer by 2026-12-01');
    await notes.click('Read Notes');
    check('notes become MEDDIC and a task', await notes.sees('Create Task'), await notes.text());
    check('with days as the user writes them', (await notes.text()).includes('Dec 1, 2026'), await notes.text());
    await usable(notes, 'notes that were read');
    await notes.click('Create Task', 2);
    check('which one click creates', await notes.sees('The task was created'), await notes.text());
    check('and two do not twice', calls['BelayCallNotesController.createTask'] === 1, JSON.stringify(calls));
    await usable(notes, 'a created task');
    check('and nothing went wrong on the page', notes.errors.length === 0, notes.errors.join());

    key = 'belay_nobody';
    const stranger = await open('BelayOpportunityBriefing', deal);
    await stranger.click('Ask');
    check('an unknown key is told with the id of the call', await stranger.sees('Request id: '), await stranger.text());
    check('and its code', (await stranger.text()).includes('unauthenticated'), await stranger.text());
    check('and the focus is there', await stranger.hasFocus('error'));
    await usable(stranger, 'an unknown key');

    key = keys.globex.key;
    await stranger.click('Try Again');
    check(
        'another try that works shows the answer',
        await stranger.sees('Größe ✓ renewal: Prospecting'),
        await stranger.text()
    );
    const limited = await open('BelayDealHealth', deal);
    await limited.click('Ask');
    check('a minute that is used up says when to come back', await limited.sees('Try again in '), await limited.text());
    check('in seconds', /Try again in \d+ seconds?\./.test(await limited.text()), await limited.text());
    await usable(limited, 'a minute that is used up');

    key = keys.initech.key;
    const spent = await open('BelayDealHealth', deal);
    await spent.click('Ask');
    check('a budget pays for a score', await spent.sees('What Drives the Score'.toUpperCase()), await spent.text());
    await spent.click('Ask Anew');
    check('and is spent by it', await spent.sees('budget-spent'), await spent.text());
    check('until tomorrow', /Try again in \d+ (hour|minute|second)s?\./.test(await spent.text()), await spent.text());
    await usable(spent, 'a budget that is spent');
} finally {
    await browser.close();
    server.close();
    server.closeAllConnections();
    gateway.end();
    rmSync(scratch, { recursive: true });
}
process.exit(failed === 0 ? 0 : 1);
