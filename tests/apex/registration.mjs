// The External Service registration: the OpenAPI document for Salesforce, in the wrapping that Salesforce deploys.
//
//   node registration.mjs          checks that it is what the document says
//   node registration.mjs --write  writes it
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));
const registration = `${root}apex/examples/external-service/externalServiceRegistrations/Belay.externalServiceRegistration-meta.xml`;
const document = JSON.parse(readFileSync(`${root}openapi/openapi-salesforce.json`, 'utf8'));

const escaped = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
const operations = Object.values(document.paths)
    .flatMap((item) => Object.values(item))
    .map((operation) => operation.operationId)
    .filter(Boolean)
    .map(
        (name) => `    <operations>\n        <active>true</active>\n        <name>${name}</name>\n    </operations>\n`
    );
const binding = {
    host: '',
    basePath: '/',
    allowedSchemes: '',
    requestMediaTypes: '',
    responseMediaTypes: '',
    compatibleMediaTypes: ''
};
const wanted = `<?xml version="1.0" encoding="UTF-8" ?>
<ExternalServiceRegistration xmlns="http://soap.sforce.com/2006/04/metadata">
    <description>Ask the gateway from a Flow or an agent without Apex: with a record as text, or with facts.</description>
    <label>Belay</label>
    <namedCredentialReference>Belay</namedCredentialReference>
${operations.join('')}    <registrationProviderType>Custom</registrationProviderType>
    <schema>${escaped(JSON.stringify(document))}</schema>
    <schemaType>OpenApi3</schemaType>
    <serviceBinding>${escaped(JSON.stringify(binding))}</serviceBinding>
    <status>Complete</status>
</ExternalServiceRegistration>
`;

if (process.argv[2] === '--write') {
    writeFileSync(registration, wanted);
} else if (readFileSync(registration, 'utf8') !== wanted) {
    console.error(
        'The External Service registration is not what openapi-salesforce.json says. If the change is meant: node tests/apex/registration.mjs --write'
    );
    process.exit(1);
}
