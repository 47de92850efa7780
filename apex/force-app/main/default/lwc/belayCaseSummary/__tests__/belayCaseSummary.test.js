import { createElement } from 'lwc';
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

// A few turns: for the question, for its answer, and for what is drawn of it.
const settled = () => [1, 2, 3, 4, 5].reduce((turn) => turn.then(() => {}), Promise.resolve());

async function shown(recordId = 'one') {
    const element = createElement('c-component', { is: Component });
    element.recordId = recordId;
    document.body.appendChild(element);
    await settled();
    return element;
}

const panel = (element) => element.shadowRoot.querySelector('c-belay-panel');
const click = (element, fresh = false) => panel(element).dispatchEvent(new CustomEvent('ask', { detail: { fresh } }));

describe('belayCaseSummary', () => {
    afterEach(() => {
        document.body.replaceChildren();
        ask.mockReset();
    });

    it('asks about its record and shows the answer', async () => {
        ask.mockResolvedValue(ANSWER);
        const element = await shown();
        click(element);
        await settled();
        expect(ask).toHaveBeenCalledWith({ recordId: 'one', fresh: false });
        expect(element.shadowRoot.textContent).toContain('The invoice is wrong.');
        expect(panel(element).isBusy).toBe(false);
    });
});
