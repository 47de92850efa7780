// Holds every metadata file against the types of the Metadata API: unknown elements, wrong values, missing ones.
//
//   node metadata.mjs FOLDER
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { XMLParser } from 'fast-xml-parser';
import ts from 'typescript';

const folder = process.argv[2];
const here = dirname(fileURLToPath(import.meta.url));
const types = join(here, 'node_modules/@salesforce/types/lib/metadata.d.ts');
const declared = readFileSync(types, 'utf8');

// What the types say of a member: whether it is a list, and of what.
const program = ts.createProgram([types], { strict: true });
const checker = program.getTypeChecker();
const named = new Map();
ts.forEachChild(program.getSourceFile(types), (node) => {
    if (ts.isTypeAliasDeclaration(node) || ts.isInterfaceDeclaration(node)) {
        named.set(node.name.text, checker.getTypeAtLocation(node.name));
    }
});

const plain = (type) => checker.getNonNullableType(type);
const isList = (type) => checker.isArrayType(plain(type));

/** The value of an element as a literal of TypeScript, by what the types say that it should be. */
function literal(value, type) {
    if (type && isList(type)) {
        const of = checker.getTypeArguments(plain(type))[0];
        return `[${[value]
            .flat()
            .map((each) => literal(each, of))
            .join(', ')}]`;
    }
    if (Array.isArray(value)) {
        return `[${value.map((each) => literal(each)).join(', ')}]`;
    }
    if (value !== null && typeof value === 'object') {
        const members = Object.entries(value).filter(([name]) => !name.startsWith('@') && !name.startsWith('xsi:'));
        if (members.length === 0) {
            return type && plain(type).flags & ts.TypeFlags.Any ? 'null' : '""';
        }
        if (members.some(([name]) => name === '#text')) {
            return JSON.stringify(value['#text']);
        }
        const known = type && plain(type);
        const written = members.map(([name, each]) => {
            const member = known?.getProperty?.(name);
            return `${JSON.stringify(name)}: ${literal(each, member && checker.getTypeOfSymbol(member))}`;
        });
        return `{ ${written.join(', ')} }`;
    }
    const wants = type ? plain(type).flags : 0;
    if (wants & ts.TypeFlags.NumberLike && /^-?\d+(\.\d+)?$/.test(value)) {
        return value;
    }
    if (wants & ts.TypeFlags.BooleanLike && /^(true|false)$/.test(value)) {
        return value;
    }
    return JSON.stringify(value);
}

/** Lists that a file leaves out are empty. */
function complete(value, type) {
    for (const member of plain(type).getProperties()) {
        const of = checker.getTypeOfSymbol(member);
        if (!(member.name in value) && isList(of)) {
            value[member.name] = [];
        }
        for (const each of [value[member.name]].flat()) {
            if (each && typeof each === 'object') {
                complete(each, isList(of) ? checker.getTypeArguments(plain(of))[0] : of);
            }
        }
    }
    return value;
}

const parser = new XMLParser({
    ignoreAttributes: false,
    parseTagValue: false,
    trimValues: true,
    attributeNamePrefix: '@'
});
const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('-meta.xml'))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();

// Bundles of Lightning components have a schema of their own, which their converter checks.
const OF_ANOTHER_SCHEMA = new Set(['LightningComponentBundle']);
const scratch = mkdtempSync(join(here, '.types-'));
let wrong = 0;
try {
    const text = [`import type * as M from ${JSON.stringify(types.replace(/\.d\.ts$/, '.js'))};`];
    const origin = new Map();
    files.forEach((file, nth) => {
        const parsed = parser.parse(readFileSync(file, 'utf8'));
        const [root] = Object.keys(parsed).filter((name) => name !== '?xml');
        if (OF_ANOTHER_SCHEMA.has(root)) {
            return;
        }
        const type = named.get(root);
        if (!type || !new RegExp(`export type ${root} = Metadata`).test(declared)) {
            console.log(`${relative(folder, file)}: ${root} is no type of metadata`);
            wrong += 1;
            return;
        }
        const value = complete(parsed[root] || {}, type);
        delete value['@xmlns'];
        text.push(`const v${nth}: M.${root} = ${literal(value, type)};`);
        origin.set(text.length - 1, file);
    });
    const source = join(scratch, 'metadata.ts');
    writeFileSync(source, text.join('\n'));
    const checked = ts.createProgram([source], { strict: true, noEmit: true, module: ts.ModuleKind.NodeNext });
    for (const fault of ts.getPreEmitDiagnostics(checked)) {
        const line = fault.file?.getLineAndCharacterOfPosition(fault.start).line;
        const place = origin.has(line) ? relative(folder, origin.get(line)) : 'the check itself';
        console.log(`${place}: ${ts.flattenDiagnosticMessageText(fault.messageText, ' ')}`);
        wrong += 1;
    }
} finally {
    rmSync(scratch, { recursive: true });
}
console.log(`${files.length} metadata files, ${wrong} faults`);
process.exit(wrong === 0 && files.length > 0 ? 0 : 1);
