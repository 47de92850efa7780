// Salesforce's own rules for Lightning components. What it needs is installed where the checks of the package stand.
import { createRequire } from 'node:module';

const installed = createRequire(new URL('../tests/apex/lwc/package.json', import.meta.url));
const recommended = installed('@salesforce/eslint-config-lwc/recommended');
const globals = installed('globals');

export default [
    ...[recommended].flat().map((rules) => ({ ...rules, files: ['**/lwc/**/*.js'] })),
    { files: ['**/__tests__/**/*.js'], languageOptions: { globals: { ...globals.jest, ...globals.browser } } },
    { ignores: ['eslint.config.mjs'] }
];
