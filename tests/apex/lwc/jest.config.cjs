// The components' own tests. They stand beside the components, and what they need stands here.
const { join } = require('node:path');
const { jestConfig } = require('@salesforce/sfdx-lwc-jest/config');

const modules = join(__dirname, 'node_modules');

module.exports = {
    ...jestConfig,
    rootDir: join(__dirname, '../../../apex'),
    // What the gateway says of its answers, which labels and mocks are held against; and what tests have in common.
    moduleNameMapper: {
        ...jestConfig.moduleNameMapper,
        '^openapi\\.json$': join(__dirname, '../../../openapi/openapi.json'),
        '^scenes$': join(__dirname, 'scenes.js')
    },
    modulePaths: [modules],
    modulePathIgnorePatterns: ['<rootDir>/.localdevserver']
};
