// PMD's recommended rules over the Apex package.
//
//   node pmd.mjs FOLDER   prints every violation; 1 where there is one
import { CodeAnalyzer, CodeAnalyzerConfig } from '@salesforce/code-analyzer-core';
import { PmdCpdEnginesPlugin } from '@salesforce/code-analyzer-pmd-engine';

const folder = process.argv[2];

// Rules that are not held, and why.
const LEFT_OUT = new Set([
    // It wants System.runAs in every test method; here it stands where rights are what the test is about.
    'ApexUnitTestClassShouldHaveRunAs'
]);

const analyzer = new CodeAnalyzer(CodeAnalyzerConfig.withDefaults());
await analyzer.addEnginePlugin(new PmdCpdEnginesPlugin());
const workspace = await analyzer.createWorkspace([folder]);
const rules = await analyzer.selectRules(['pmd:Recommended'], { workspace });
const results = await analyzer.run(rules, { workspace });
let found = 0;
for (const violation of results.getViolations()) {
    if (LEFT_OUT.has(violation.getRule().getName())) {
        continue;
    }
    const place = violation.getPrimaryLocation();
    const file = place.getFile()?.slice(folder.length).replace(/^\//, '');
    console.log(`${file}:${place.getStartLine()}: ${violation.getRule().getName()}: ${violation.getMessage()}`);
    found += 1;
}
console.log(`${rules.getCount()} rules, ${found} violations`);
// Where the engine does not start, there are no rules, and so no violations.
process.exit(found === 0 && rules.getCount() > 50 ? 0 : 1);
