import { click, deferred, panel, settled, shown } from 'scenes';
import { setup } from '@sa11y/jest';
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

describe('belayCaseSummary', () => {
    beforeAll(setup);

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

    it('is accessible before, during and after a question', async () => {
        const waiting = deferred();
        ask.mockReturnValue(waiting.promise);
        const element = await shown(Component);
        await expect(element).toBeAccessible();
        click(element);
        await settled();
        await expect(element).toBeAccessible();
        waiting.resolve(ANSWER);
        await settled();
        await expect(element).toBeAccessible();
    });
});
