import { keyed, word } from 'c/belayWords';
import openapi from 'openapi.json';

describe('belayWords', () => {
    it.each(['Band', 'Effect', 'Sentiment', 'Severity'])('has a label for every %s that the gateway knows', (kind) => {
        for (const value of openapi.components.schemas[kind].enum) {
            expect(word(value)).toMatch(/c\.Belay_Word_/);
        }
    });

    it('says what it does not know in plain letters', () => {
        expect(word('very_high')).toBe('very high');
        expect(word(undefined)).toBe('');
    });

    it('tells equal texts apart', () => {
        expect(keyed(['a', 'a'])).toEqual([
            { key: 0, text: 'a' },
            { key: 1, text: 'a' }
        ]);
        expect(keyed(undefined)).toEqual([]);
    });
});
