import { click, deferred, panel, settled, shown } from 'scenes';
import Component from 'c/belayCaseSummary';
import ask from '@salesforce/apexContinuation/BelayCaseController.summary';

jest.mock('@salesforce/apexContinuation/BelayCaseController.summary', () => ({ default: jest.fn() }), {
    virtual: true
});

const ANSWER = {
    situation: 'The invoice is wrong.',
    history: 'One comment.',
    next_step: 'Correct it.',
    sentiment: 'calm',
    open_questions: ['Which address?'],
    text: 'The invoice is wrong.'
};

// Through one of the components that ask in this way.
describe('belayAsking', () => {
    afterEach(() => {
        document.body.replaceChildren();
        ask.mockReset();
    });

    it('asks about its record and shows the answer', async () => {
        ask.mockResolvedValue(ANSWER);
        const element = await shown(Component);
        click(element);
        await settled();
        expect(ask).toHaveBeenCalledWith({ recordId: 'one', fresh: false });
        expect(element.shadowRoot.textContent).toContain('The invoice is wrong.');
        expect(panel(element).isBusy).toBe(false);
    });

    it('asks anew when it is told to', async () => {
        ask.mockResolvedValue(ANSWER);
        const element = await shown(Component);
        click(element, true);
        await settled();
        expect(ask).toHaveBeenCalledWith({ recordId: 'one', fresh: true });
    });

    it('asks once however often it is clicked', async () => {
        const waiting = deferred();
        ask.mockReturnValue(waiting.promise);
        const element = await shown(Component);
        click(element);
        click(element);
        await settled();
        expect(panel(element).isBusy).toBe(true);
        expect(ask).toHaveBeenCalledTimes(1);
        waiting.resolve(ANSWER);
        await settled();
        expect(panel(element).isBusy).toBe(false);
    });

    it('shows an error, and the answer of the next try', async () => {
        ask.mockRejectedValueOnce({ body: { message: JSON.stringify({ message: 'spent', code: 'budget-spent' }) } });
        const element = await shown(Component);
        click(element);
        await settled();
        expect(panel(element).error.message).toBe('spent');
        ask.mockResolvedValue(ANSWER);
        click(element);
        await settled();
        expect(panel(element).error).toBeUndefined();
        expect(element.shadowRoot.textContent).toContain('The invoice is wrong.');
    });

    it('does not show an answer about a record that the page has left', async () => {
        const late = deferred();
        ask.mockReturnValueOnce(late.promise);
        const element = await shown(Component, 'one');
        click(element);
        await settled();
        element.recordId = 'two';
        await settled();
        expect(panel(element).isBusy).toBe(false);
        late.resolve(ANSWER);
        await settled();
        expect(element.shadowRoot.textContent).not.toContain('The invoice is wrong.');
    });

    it('does not show an error about a record that the page has left and come back to', async () => {
        const late = deferred();
        const second = deferred();
        ask.mockReturnValueOnce(late.promise).mockReturnValueOnce(second.promise);
        const element = await shown(Component, 'one');
        click(element);
        element.recordId = 'two';
        element.recordId = 'one';
        await settled();
        click(element);
        await settled();
        late.reject({ body: { message: 'too late' } });
        await settled();
        expect(panel(element).error).toBeUndefined();
        expect(panel(element).isBusy).toBe(true);
        second.resolve(ANSWER);
        await settled();
        expect(element.shadowRoot.textContent).toContain('The invoice is wrong.');
    });

    it('takes an answer and an error away with their record', async () => {
        ask.mockResolvedValueOnce(ANSWER).mockRejectedValueOnce(new Error('offline'));
        const element = await shown(Component, 'one');
        click(element);
        await settled();
        element.recordId = 'two';
        await settled();
        expect(element.shadowRoot.textContent).not.toContain('The invoice is wrong.');
        click(element);
        await settled();
        expect(panel(element).error.message).toBe('offline');
        element.recordId = 'three';
        await settled();
        expect(panel(element).error).toBeUndefined();
    });
});
