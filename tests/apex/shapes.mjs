// Holds the typed classes of the Apex package against the schemas of openapi.json: the same members with the same types, in
// both directions.
//
//   node shapes.mjs FOLDER
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = process.argv[2];
const root = fileURLToPath(new URL('../../', import.meta.url));
const { schemas } = JSON.parse(readFileSync(`${root}openapi/openapi.json`, 'utf8')).components;
const faults = [];

/** The members of each class in a file: of itself, and of the classes in it. */
function classes(name) {
    const source = readFileSync(join(folder, `force-app/main/default/classes/tasks/${name}.cls`), 'utf8');
    const found = new Map([[name, new Map()]]);
    let current = name;
    for (const line of source.split('\n')) {
        const inner = line.match(/^ {4}public class (\w+)/);
        if (inner) {
            current = inner[1];
            found.set(current, new Map());
        } else if (line === '    }') {
            current = name;
        }
        const member = line.match(/^\s+public ([\w<>]+) (\w+);$/);
        if (member) {
            found.get(current).set(member[2], member[1]);
        }
    }
    return found;
}

/** The type that Apex has for a schema. */
function typed(schema) {
    if (schema.$ref) {
        const name = schema.$ref.split('/').pop();
        const known = {
            FollowUpTask: 'Task',
            Fact: 'BelayFact',
            RelatedRecords: 'BelayRelated',
            ProblemError: 'Fault'
        };
        return known[name] ?? (schemas[name].enum ? 'String' : name);
    }
    const alternatives = (schema.oneOf ?? schema.anyOf ?? []).filter((each) => each.type !== 'null');
    if (alternatives.length > 0) {
        return typed(alternatives[0]);
    }
    const type = [schema.type].flat().find((each) => each !== 'null');
    const long = schema.format === 'int64';
    return {
        string: schema.format === 'date' ? 'Date' : 'String',
        integer: long ? 'Long' : 'Integer',
        number: 'Decimal',
        boolean: 'Boolean',
        object: 'SObject',
        array: type === 'array' && `List<${typed(schema.items)}>`
    }[type];
}

/** Compares the members of one class with the properties of one schema. */
function compare(place, members, properties, leftOut = []) {
    for (const [name, schema] of Object.entries(properties)) {
        if (leftOut.includes(name)) {
            continue;
        }
        const wanted = typed(schema);
        if (!members.has(name)) {
            faults.push(`${place} has no ${name}, which the document has`);
        } else if (members.get(name) !== wanted) {
            faults.push(`${place}.${name} is a ${members.get(name)}, and a ${wanted} in the document`);
        }
    }
    for (const name of members.keys()) {
        if (!(name in properties)) {
            faults.push(`${place}.${name} is not in the document`);
        }
    }
}

const properties = (name) =>
    schemas[name].properties ??
    Object.assign({}, ...schemas[name].allOf.map((part) => part.properties ?? properties(part.$ref.split('/').pop())));
const tasks = ['Briefing', 'CaseSummary', 'EmailDraft', 'CallNotes', 'AccountResearch', 'DealHealth'];
const common = { Request: classes('BelayTaskRequest'), Answer: classes('BelayTaskAnswer') };
let compared = 0;
const inner = (found, outer) => {
    for (const [name, members] of found) {
        if (name !== outer && !['Many', 'Item'].includes(name)) {
            compare(`${outer}.${name}`, members, properties({ Fault: 'ProblemError' }[name] ?? name));
            compared += 1;
        }
    }
};
for (const task of tasks) {
    for (const kind of ['Request', 'Answer']) {
        const name = `Belay${task}${kind}`;
        const found = classes(name);
        const members = new Map([...common[kind].get(`BelayTask${kind}`), ...found.get(name)]);
        compare(name, members, properties(`${task}${kind}`));
        inner(found, name);
        compared += 1;
    }
}
inner(common.Answer, 'BelayTaskAnswer');
for (const [name, schema, leftOut] of [
    ['BelayFact', 'Fact'],
    ['BelayRelated', 'RelatedRecords'],
    ['BelayProblem', 'Problem'],
    // Apex cannot read a member of any type, so the body of a preview is left to whoever parses it.
    ['BelayPreview', 'TaskPreview', ['body']],
    // What a proof consists of is nothing that Apex acts on.
    ['BelayWhoAmI', 'WhoAmI', ['proofs']]
]) {
    const found = classes(name);
    compare(name, found.get(name), properties(schema), leftOut);
    inner(found, name);
    compared += 1;
}
for (const fault of faults) {
    console.log(fault);
}
console.log(`${compared} classes, ${faults.length} faults`);
process.exit(faults.length === 0 && compared > 30 ? 0 : 1);
