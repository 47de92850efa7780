// Runs Apex beside this process, so that a server in it can answer meanwhile.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

/**
 * An interpreter over a package.
 * @param {string} program The interpreter's folder.
 * @param {string[]} folders The package's.
 * @param {{data: string, scratch: string, address: string}} around Its records, a folder for what it keeps, and the gateway.
 * @returns {function(string, string, ...string): Promise<string>} What a command prints, by the key that Apex sends.
 */
export function interpreter(program, folders, { data, scratch, address }) {
    return async (command, key, ...options) => {
        const named = ['--named-credential', `Belay=http://${address}`];
        const sent = ['--header', `Belay: Authorization: Bearer ${key}`];
        const kept = ['--data', data, '--cache', join(scratch, 'cache')];
        const child = spawn(
            process.execPath,
            [join(program, 'bin/apexrun.mjs'), command, ...folders, ...kept, ...named, ...sent, ...options],
            { stdio: ['ignore', 'pipe', 'inherit'] }
        );
        let out = '';
        child.stdout.on('data', (part) => (out += part));
        await once(child, 'close');
        return out;
    };
}
