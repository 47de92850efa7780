import { filled, told } from 'c/belayErrors';

jest.mock('@salesforce/label/c.Belay_Error_Wait', () => ({ default: 'Try again in {0}.' }), { virtual: true });

const apex = (said) => ({ body: { message: JSON.stringify(said) } });

describe('belayErrors', () => {
    it('shows what a controller says, with the wait and the id of the call', () => {
        const shown = told(
            apex({ code: 'budget-spent', message: 'spent', isRetryable: true, retryAfterMs: 1200, requestId: '01X' })
        );
        expect(shown.message).toBe('spent');
        expect(shown.code).toBe('budget-spent');
        expect(shown.wait).toBe('Try again in 2 seconds.');
        expect(shown.id).toContain('c.Belay_Error_Id');
    });

    it('says nothing of a wait where none helps', () => {
        expect(told(apex({ message: 'no', isRetryable: false, retryAfterMs: 1200 })).wait).toBe('');
        expect(told(apex({ message: 'no', isRetryable: true, retryAfterMs: 0 })).wait).toBe('');
    });

    it.each([
        [1, '1 second'],
        [119_001, '120 seconds'],
        [120_001, '3 minutes'],
        [2 * 3600 * 1000 + 1, '3 hours'],
        [20 * 86400 * 1000, '20 days']
    ])('spells a wait of %i ms in a unit that fits, rounded up', (retryAfterMs, spelt) => {
        expect(told(apex({ isRetryable: true, retryAfterMs })).wait).toBe(`Try again in ${spelt}.`);
    });

    it('finds the text wherever the platform puts it', () => {
        expect(told({ body: [{ message: 'first' }, { message: 'second' }] }).message).toBe('first');
        expect(told({ body: { message: '42' } }).message).toBe('42');
    });

    it('shows any other error as it is, and a text where there is none', () => {
        expect(told(new Error('offline')).message).toBe('offline');
        expect(told({ body: { message: 'You lack access' } }).message).toBe('You lack access');
        expect(told(undefined).message).toContain('c.Belay_Unnamed_Error');
        expect(told(apex(null)).message).toContain('c.Belay_Unnamed_Error');
    });

    it('fills labels', () => {
        expect(filled('{0} of {1}', 3, 'four')).toBe('3 of four');
    });
});
