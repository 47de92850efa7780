// The components' own tests. They stand beside the components, and what they need stands here.
const { join } = require('node:path');
const { jestConfig } = require('@salesforce/sfdx-lwc-jest/config');

const modules = join(__dirname, 'node_modules');

module.exports = {
    ...jestConfig,
    rootDir: join(__dirname, '../../../apex'),
    modulePaths: [modules],
    modulePathIgnorePatterns: ['<rootDir>/.localdevserver']
};
