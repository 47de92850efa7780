import { createElement } from 'lwc';
import Component from 'c/belayOpportunityBriefing';
import ask from '@salesforce/apexContinuation/BelayOpportunityController.briefing';

jest.mock('@salesforce/apexContinuation/BelayOpportunityController.briefing', () => ({ default: jest.fn() }), {
    virtual: true
});

const ANSWER = {
    headline: 'It stands.',
    deal_context: 'Context.',
    risk_factors: [{ risk: 'no contact', severity: 'high', evidence: 'none' }],
    talking_points: ['price'],
    next_steps: ['call'],
    text: 'It stands.'
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

describe('belayOpportunityBriefing', () => {
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
        expect(element.shadowRoot.textContent).toContain('It stands.');
        expect(panel(element).isBusy).toBe(false);
    });

    it('shows model text as text', async () => {
        ask.mockResolvedValue({ ...ANSWER, headline: '<img src=x onerror=alert(1)>' });
        const element = await shown();
        click(element);
        await settled();
        expect(element.shadowRoot.querySelector('img')).toBeNull();
        expect(element.shadowRoot.querySelector('[data-id="headline"]').textContent).toContain('<img');
    });
});
