// A running gateway for tests: its config, its keys, and its end.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/**
 * A key for an org.
 * @param {string} belay The binary.
 * @returns {{key: string, hash: string}} What Salesforce sends, and what the config has of it.
 */
export function newKey(belay) {
    const printed = spawnSync(belay, ['key', 'new'], { encoding: 'utf8' }).stdout;
    return { key: printed.match(/^belay_\S+$/m)[0], hash: printed.match(/sha256 = "([0-9a-f]{64})"/)[1] };
}

/**
 * An org with one API key.
 * @param {string} name Its name.
 * @param {string} id Its id.
 * @param {string} hash What is known of its key.
 * @param {string} limits Lines of its limits.
 * @returns {string} Lines of a config.
 */
export const org = (name, id, hash, limits = '') => `
[[orgs]]
id = "${id}"
name = "${name}"
[[orgs.credentials]]
id = "flow"
kind = "api_key"
sha256 = "${hash}"
scopes = ["tasks", "messages"]
[orgs.limits]
${limits}
`;

/**
 * Serves on free ports of the loopback.
 * @param {string} belay The binary.
 * @param {string} config What the config says beside where it listens.
 * @returns {Promise<{address: string, end: function(): void}>} Where it is, and what ends it.
 */
export async function serve(belay, config) {
    const folder = mkdtempSync(join(tmpdir(), 'belay-gateway-'));
    writeFileSync(join(folder, 'belay.toml'), `[server]\nbind = "127.0.0.1:0"\nadmin_bind = "127.0.0.1:0"\n${config}`);
    const child = spawn(belay, ['serve', '--config', join(folder, 'belay.toml')], {
        env: { ...process.env, BELAY_LOG: 'info', UPSTREAM_KEY: 'sk-not-a-key' },
        stdio: ['ignore', 'ignore', 'pipe']
    });
    const address = await new Promise((resolve, reject) => {
        let seen = '';
        createInterface({ input: child.stderr }).on('line', (line) => {
            seen += `${line}\n`;
            const said = line.startsWith('{') ? JSON.parse(line) : {};
            if (said.message === 'listening') {
                resolve(said.addr);
            }
        });
        child.on('exit', (code) => reject(new Error(`the gateway ended with ${code}: ${seen}`)));
    });
    const end = () => {
        child.kill();
        rmSync(folder, { recursive: true });
    };
    return { address, end };
}
