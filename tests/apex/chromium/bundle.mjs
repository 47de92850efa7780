// Bundles the components, unmodified, with Salesforce's own base components.
import { cpSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import lwc from '@lwc/rollup-plugin';
import { nodeResolve } from '@rollup/plugin-node-resolve';
import replace from '@rollup/plugin-replace';
import { rollup } from 'rollup';

const here = dirname(fileURLToPath(import.meta.url));
const scoped = join(here, 'node_modules/lightning-base-components/scopedImports');

/** Labels come from the package; a method of Apex is a request to the server beside the page. */
function salesforce(apex) {
    const xml = readFileSync(join(apex, 'force-app/main/default/labels/CustomLabels.labels-meta.xml'), 'utf8');
    const labels = new Map(
        [...xml.matchAll(/<fullName>(\w+)<\/fullName>[^]*?<value>([^<]*)<\/value>/g)].map(([, name, value]) => [
            name,
            value
                .replaceAll('&lt;', '<')
                .replaceAll('&gt;', '>')
                .replaceAll('&quot;', '"')
                .replaceAll('&#x27;', "'")
                .replaceAll('&amp;', '&')
        ])
    );
    return {
        name: 'salesforce',
        resolveId(id) {
            if (/^@salesforce\/(apex|apexContinuation|label\/c)[./]/.test(id)) {
                return `\0${id}`;
            }
            // The settings of a user, as the base components have them outside Salesforce.
            return id.startsWith('@salesforce/i18n/') ? join(scoped, `${id.replaceAll('/', '-')}.js`) : null;
        },
        load(id) {
            const label = id.match(/^\0@salesforce\/label\/c\.(\w+)$/);
            if (label) {
                if (!labels.has(label[1])) {
                    this.error(`there is no label ${label[1]}`);
                }
                return `export default ${JSON.stringify(labels.get(label[1]))};`;
            }
            const method = id.match(/^\0@salesforce\/apex(?:Continuation)?\/(\w+\.\w+)$/);
            return (
                method &&
                `export default async (parameters) => {
                    const response = await fetch('/apex/${method[1]}', { method: 'POST', body: JSON.stringify(parameters) });
                    const told = await response.json();
                    if (!response.ok) {
                        throw { body: told };
                    }
                    return told.value;
                };`
            );
        }
    };
}

/**
 * The components stand in the package without a namespace, and the compiler wants folders of one: so it is given a copy.
 * @returns {Promise<string>} One script.
 */
export async function bundle(apex) {
    const copy = join(here, '.bundle');
    rmSync(copy, { recursive: true, force: true });
    cpSync(join(apex, 'force-app/main/default/lwc'), join(copy, 'c'), {
        recursive: true,
        filter: (path) => !path.includes('__tests__')
    });
    cpSync(join(here, 'stubs'), copy, { recursive: true });
    cpSync(join(here, 'page/main.js'), join(copy, 'main.js'));
    const bundled = await rollup({
        input: join(copy, 'main.js'),
        plugins: [
            salesforce(apex),
            replace({
                'process.env.NODE_ENV': JSON.stringify('production'),
                'import.meta.env.SSR': 'false',
                preventAssignment: true
            }),
            lwc({ rootDir: copy, modules: [{ dir: '.' }, { npm: 'lightning-base-components' }] }),
            nodeResolve()
        ],
        onwarn(warning) {
            if (warning.code === 'UNRESOLVED_IMPORT') {
                throw new Error(warning.message);
            }
        }
    });
    const { output } = await bundled.generate({ format: 'iife', inlineDynamicImports: true });
    return output[0].code;
}
