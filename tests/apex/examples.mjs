// The static resource that the Apex tests read their JSON from: the answers and the refusal that openapi.json shows.
//
//   node examples.mjs          checks that it is what the document says
//   node examples.mjs --write  writes it
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));
const resource = `${root}apex/force-app/tests/staticresources/BelayExamples.json`;
const document = JSON.parse(readFileSync(`${root}openapi/openapi.json`, 'utf8'));

const examples = {};
for (const [path, item] of Object.entries(document.paths)) {
    const answered = item.post?.responses?.['200']?.content?.['application/json']?.example;
    if (answered && !path.endsWith('/bulk')) {
        examples[path.slice(1)] = answered;
        examples.refusal = item.post.responses['429'].content['application/problem+json'].example;
    }
}
const wanted = `${JSON.stringify(examples, null, 4)}\n`;

if (process.argv[2] === '--write') {
    writeFileSync(resource, wanted);
} else if (readFileSync(resource, 'utf8') !== wanted) {
    console.error(
        'BelayExamples.json is not what openapi.json shows. If the change is meant: node tests/apex/examples.mjs --write'
    );
    process.exit(1);
}
