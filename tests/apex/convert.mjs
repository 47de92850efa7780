// Converts the source as a deployment does, and holds what came of it against the list of components that is expected: a
// file without its -meta.xml, or at a wrong place, is dropped there without a word.
//
//   node convert.mjs FOLDER          compares
//   node convert.mjs FOLDER --write  writes the list
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sdr from '@salesforce/source-deploy-retrieve';

const folder = process.argv[2];
const list = join(dirname(fileURLToPath(import.meta.url)), 'components.txt');
const scratch = mkdtempSync(join(tmpdir(), 'belay-convert-'));
let found;
try {
    const set = sdr.ComponentSet.fromSource([join(folder, 'force-app'), join(folder, 'examples')]);
    const converted = await new sdr.MetadataConverter().convert(set, 'metadata', {
        type: 'directory',
        outputDirectory: scratch,
        genUniqueDir: false
    });
    found = converted.converted.map((component) => `${component.type.name} ${component.fullName}`);
} finally {
    rmSync(scratch, { recursive: true });
}
const lines = [...new Set(found)].sort();
if (process.argv[3] === '--write') {
    writeFileSync(list, `${lines.join('\n')}\n`);
    process.exit(0);
}
const expected = new Set(readFileSync(list, 'utf8').trim().split('\n'));
const missing = [...expected].filter((line) => !lines.includes(line));
const more = lines.filter((line) => !expected.has(line));
for (const line of missing) {
    console.log(`missing: ${line}`);
}
for (const line of more) {
    console.log(`not expected: ${line}. If it is meant: node tests/apex/convert.mjs apex --write`);
}
console.log(`${lines.length} components, ${missing.length} missing, ${more.length} not expected`);
process.exit(missing.length + more.length === 0 ? 0 : 1);
