// Holds OpenAPI documents against the official schemas: `node validate.mjs FILE…`, 3.0 and 3.1 alike.
// Exit 0 only if there was at least one file and each of them is valid; what is wrong goes to standard error.
import { readFile } from 'node:fs/promises';
import { Validator } from '@seriousme/openapi-schema-validator';

const files = process.argv.slice(2);
let invalid = 0;

for (const file of files) {
  const faults = await faultsOf(file);
  for (const fault of faults) console.error(`${file}: ${fault}`);
  if (faults.length > 0) invalid += 1;
}

console.log(`${files.length} files, ${invalid} invalid`);
process.exitCode = files.length === 0 || invalid > 0 ? 1 : 0;

/** What is wrong with one document, as sentences; none when it is valid. */
async function faultsOf(file) {
  let document;
  try {
    document = JSON.parse(await readFile(file, 'utf8'));
  } catch (error) {
    return [error.message];
  }
  const validator = new Validator();
  const { valid, errors } = await validator.validate(document);
  if (!valid) return told(errors);
  console.log(`${file}: valid OpenAPI ${validator.version}`);
  return [];
}

function told(errors) {
  if (!Array.isArray(errors)) return [String(errors)];
  return errors.map((error) => `${error.instancePath || '/'} ${error.message}`);
}
