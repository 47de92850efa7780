import { filled, told } from 'c/belayErrors';

const apex = (said) => ({ body: { message: JSON.stringify(said) } });

describe('belayErrors', () => {
    it('shows what a controller says, with the wait in seconds and the id of the call', () => {
        const shown = told(
            apex({ code: 'budget-spent', message: 'spent', isRetryable: true, retryAfterMs: 1200, requestId: '01X' })
        );
        expect(shown.message).toBe('spent');
        expect(shown.code).toBe('budget-spent');
        expect(shown.wait).toContain('c.Belay_Error_Wait');
        expect(shown.id).toContain('c.Belay_Error_Id');
    });

    it('says nothing of a wait where none helps', () => {
        expect(told(apex({ message: 'no', isRetryable: false, retryAfterMs: 1200 })).wait).toBe('');
        expect(told(apex({ message: 'no', isRetryable: true, retryAfterMs: 0 })).wait).toBe('');
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
