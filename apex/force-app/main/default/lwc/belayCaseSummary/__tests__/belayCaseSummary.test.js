import { createElement } from 'lwc';
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

function deferred() {
    let settle = {};
    const promise = new Promise((resolve, reject) => (settle = { resolve, reject }));
    return { promise, ...settle };
}

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
    beforeAll(setup);

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

    it('is accessible before, during and after a question', async () => {
        const waiting = deferred();
        ask.mockReturnValue(waiting.promise);
        const element = await shown();
        await expect(element).toBeAccessible();
        click(element);
        await settled();
        await expect(element).toBeAccessible();
        waiting.resolve(ANSWER);
        await settled();
        await expect(element).toBeAccessible();
    });
});
