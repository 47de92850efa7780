// Plants mistakes into a copy of the package, and holds each check to finding those that are its own. Mistakes that one check
// should find are planted together, each in a file of its own, and each has to be named.
//
//   APEXRUN=folder node mistakes.mjs FOLDER   without APEXRUN, the mistakes that only a test can find are left out
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const original = process.argv[2];
const here = dirname(fileURLToPath(import.meta.url));
const classes = 'force-app/main/default/classes';
const metadata = 'force-app/main/default';

const replace = (from, to) => (text) => {
    if (!text.includes(from)) {
        throw new Error(`there is no ${from} to replace`);
    }
    return text.replace(from, to);
};
/** Adds a method to a class. */
const method = (text) => (source) => source.replace(/\}\s*$/, `    ${text}\n}\n`);

/** Check (what follows a colon sets it apart, where one mistake hides another), what is wrong, the file, how it comes to be wrong (null removes the file), and what names it. */
const MISTAKES = [
    [
        'format',
        'a syntax error',
        `${classes}/core/BelayTask.cls`,
        replace('return (BelayTaskRequest)', 'retrun (BelayTaskRequest)'),
        'BelayTask.cls'
    ],
    [
        'format',
        'a file that is not formatted',
        `${classes}/core/BelaySettings.cls`,
        replace('    public static', '  public static'),
        'BelaySettings.cls'
    ],
    [
        'metadata',
        'a misspelt element',
        `${metadata}/namedCredentials/Belay.namedCredential-meta.xml`,
        (text) => text.replaceAll('label>', 'labell>'),
        '\'"labell"\''
    ],
    [
        'metadata',
        'a value that is none',
        'examples/credentials/jwt/namedCredentials/Belay_JWT.namedCredential-meta.xml',
        replace('SecuredEndpoint', 'SecureEndpoint'),
        'SecureEndpoint'
    ],
    [
        'metadata',
        'an element that is missing',
        'examples/credentials/oauth/externalCredentials/Belay_OAuth.externalCredential-meta.xml',
        replace('<label>Belay OAuth</label>', ''),
        "Property 'label' is missing"
    ],
    [
        'metadata: xmllint',
        'a tag that is not closed',
        `${metadata}/permissionsets/Belay_Admin.permissionset-meta.xml`,
        replace('</label>', '</lable>'),
        'Opening and ending tag mismatch: label'
    ],
    [
        'semantic',
        'a method that is unknown',
        `${classes}/flow/BelayFlow.cls`,
        replace('.askAll(', '.askEveryone('),
        'askEveryone'
    ],
    [
        'semantic',
        'a value of the wrong type',
        `${classes}/core/BelaySettings.cls`,
        replace('? NAMED_CREDENTIAL :', '? 5 :'),
        'BelaySettings.cls'
    ],
    [
        'semantic',
        'a field that is not in the schema',
        'examples/case-summary/classes/BelayCaseSummaryJob.cls',
        replace('Belay_Sentiment__c =', 'Belay_Sentimentt__c ='),
        'Belay_Sentimentt__c'
    ],
    [
        'semantic',
        'a reserved word',
        `${classes}/tasks/BelayResult.cls`,
        method('private void reserved() { Integer begin = 1; }'),
        "'begin'"
    ],
    [
        'compile',
        'an invocable method with two parameters',
        `${classes}/flow/BelayBriefingAction.cls`,
        replace('run(List<Input> inputs)', 'run(List<Input> inputs, String more)'),
        'Only one parameter'
    ],
    [
        'compile',
        'a property that an annotation has not',
        `${classes}/flow/BelayDealHealthAction.cls`,
        replace('iconName=', 'colour='),
        'No such property, colour'
    ],
    [
        'compile',
        'a method without its return',
        `${classes}/core/BelayFields.cls`,
        method('private static Integer nothing() { }'),
        'Missing return'
    ],
    [
        'pmd',
        'a query in a loop',
        'examples/case-summary/classes/BelayCaseHandler.cls',
        method(
            'private static void look(List<Id> ids) { for (Id each : ids) { List<Case> found = [SELECT Id FROM Case WHERE Id = :each WITH USER_MODE]; } }'
        ),
        'OperationWithLimitsInLoop'
    ],
    [
        'pmd',
        'a class without sharing',
        `${classes}/core/BelayRecords.cls`,
        replace('public inherited sharing class', 'public class'),
        'ApexSharingViolations'
    ],
    [
        'pmd',
        'a secret in a header',
        `${classes}/core/BelayCallout.cls`,
        replace(
            "call.setHeader('Accept', 'application/json');",
            "call.setHeader('Authorization', 'Bearer not-a-secret-but-looks-like-one');"
        ),
        'ApexSuggestUsingNamedCred'
    ],
    [
        'pmd',
        'an error that is swallowed',
        `${classes}/core/BelayFields.cls`,
        method('private static void swallow() { try { Integer one = 1; } catch (Exception e) { } }'),
        'EmptyCatchBlock'
    ],
    [
        'lightning',
        'a component that sets a timer',
        `${metadata}/lwc/belayPanel/belayPanel.js`,
        replace('renderedCallback() {', 'renderedCallback() {\n        setTimeout(() => {}, 5);'),
        '@lwc/lwc/no-async-operation'
    ],
    [
        'lightning',
        'an error without the id of its request',
        `${metadata}/lwc/belayErrors/belayErrors.js`,
        replace('known.requestId ?', 'known.requestID ?'),
        'FAIL force-app/main/default/lwc/belayErrors'
    ],
    [
        'convert',
        'a class without its -meta.xml',
        `${classes}/core/BelayFields.cls-meta.xml`,
        null,
        'missing: ApexClass BelayFields'
    ],
    [
        'convert',
        'a component that nobody expects',
        `${metadata}/permissionsets/Belay_More.permissionset-meta.xml`,
        () => '<PermissionSet xmlns="http://soap.sforce.com/2006/04/metadata"><label>More</label></PermissionSet>',
        'PermissionSet Belay_More'
    ],
    [
        'drift',
        'a member that the document has not',
        `${classes}/tasks/BelayBriefingAnswer.cls`,
        replace('public String headline;', 'public String headlines;'),
        'headlines'
    ],
    [
        'schema',
        'a field in a query that is not in the schema',
        'examples/direct/classes/ClaudeOpportunityBriefing.cls',
        replace('SELECT Id, Name, StageName', 'SELECT Id, Name, StageNamm'),
        'Opportunity has no field StageNamm'
    ],
    [
        'schema',
        'a field of a parent in a query that is not in the schema',
        'examples/direct/classes/ClaudeOpportunityBriefing.cls',
        replace('Account.Name', 'Account.Nick'),
        'Account has no field Nick'
    ],
    [
        'schema',
        'a field that an admin chooses and the object has not',
        `${metadata}/customMetadata/Belay_Task.Case_Summary_Case.md-meta.xml`,
        replace('CommentBody', 'CommentText'),
        'CaseComment has no field CommentText'
    ],
    [
        'schema',
        'a permission for a field that is not there',
        'examples/deal-health/permissionsets/Belay_Deal_Health.permissionset-meta.xml',
        replace('Belay_Health_Band__c', 'Belay_Health_Bend__c'),
        'Opportunity has no field Belay_Health_Bend__c'
    ],
    [
        'schema',
        'a permission for a class that is not there',
        `${metadata}/permissionsets/Belay_User.permissionset-meta.xml`,
        replace('>BelayBriefingAction<', '>BelayBriefingsAction<'),
        'BelayBriefingsAction is no class'
    ],
    [
        'tests',
        'an order that is lost',
        `${classes}/core/BelayClient.cls`,
        replace('each.at(results.size())', 'each.at(results.size() + 1)'),
        'in their order'
    ]
];

const without = process.env.APEXRUN ? [] : MISTAKES.filter(([of]) => of === 'tests');
for (const [, what] of without) {
    console.log(`left out: ${what} (APEXRUN names no interpreter of Apex)`);
}
const planting = MISTAKES.filter((mistake) => !without.includes(mistake));
const scratch = mkdtempSync(join(tmpdir(), 'belay-mistakes-'));
let missed = 0;
try {
    for (const check of new Set(planting.map(([of]) => of))) {
        const planted = planting.filter(([of]) => of === check);
        const copy = join(scratch, check.replace(/\W+/g, '-'));
        cpSync(original, copy, { recursive: true });
        for (const [, , file, change] of planted) {
            const path = join(copy, file);
            if (change) {
                writeFileSync(path, change(change.length === 0 ? '' : readFileSync(path, 'utf8')));
            } else {
                rmSync(path);
            }
        }
        const ran = spawnSync(join(here, 'run'), [check.split(':')[0]], {
            encoding: 'utf8',
            env: { ...process.env, APEX: copy },
            timeout: 200_000
        });
        const told = `${ran.stdout}${ran.stderr}`;
        for (const [, what, , , named] of planted) {
            const found = ran.status === 1 && told.includes(named);
            console.log(`${found ? 'found ' : 'MISSED'} by ${check}: ${what}`);
            missed += found ? 0 : 1;
        }
        if (planted.some(([, , , , named]) => !told.includes(named))) {
            console.log(told.slice(0, 3000));
        }
    }
} finally {
    rmSync(scratch, { recursive: true });
}
console.log(`${planting.length} mistakes, ${missed} missed`);
process.exit(missed === 0 ? 0 : 1);
