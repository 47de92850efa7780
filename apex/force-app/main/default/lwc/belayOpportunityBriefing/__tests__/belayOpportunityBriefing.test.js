import { click, deferred, panel, settled, shown } from 'scenes';
import { setup } from '@sa11y/jest';
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

describe('belayOpportunityBriefing', () => {
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
        expect(element.shadowRoot.textContent).toContain('It stands.');
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

    it('shows model text as text', async () => {
        ask.mockResolvedValue({ ...ANSWER, headline: '<img src=x onerror=alert(1)>' });
        const element = await shown(Component);
        click(element);
        await settled();
        expect(element.shadowRoot.querySelector('img')).toBeNull();
        expect(element.shadowRoot.querySelector('[data-id="headline"]').textContent).toContain('<img');
    });

    it('shows two points that say the same, and grades that it does not know', async () => {
        ask.mockResolvedValue({
            ...ANSWER,
            talking_points: ['price', 'price'],
            risk_factors: [{ risk: 'no contact', severity: 'very_high', evidence: 'none' }]
        });
        const element = await shown(Component);
        click(element);
        await settled();
        const lists = [...element.shadowRoot.querySelectorAll('ul')].map((list) => list.children.length);
        expect(lists).toEqual([1, 2, 1]);
        expect(element.shadowRoot.querySelector('lightning-badge').label).toBe('very high');
    });
});
