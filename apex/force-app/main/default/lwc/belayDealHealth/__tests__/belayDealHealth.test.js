import { click, deferred, panel, settled, shown } from 'scenes';
import { setup } from '@sa11y/jest';
import Component from 'c/belayDealHealth';
import ask from '@salesforce/apexContinuation/BelayDealHealthController.dealHealth';

jest.mock('@salesforce/apexContinuation/BelayDealHealthController.dealHealth', () => ({ default: jest.fn() }), {
    virtual: true
});

const ANSWER = {
    score: 50,
    band: 'at_risk',
    drivers: [
        { factor: 'amount went down', effect: 'strong_negative', evidence: '-11%' },
        { factor: 'contact engaged', effect: 'positive', evidence: '2' }
    ],
    narrative: 'It may slip.',
    text: 'It may slip.'
};

describe('belayDealHealth', () => {
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
        expect(element.shadowRoot.textContent).toContain('It may slip.');
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

    it('draws as much of the gauge as the score says, and speaks it', async () => {
        ask.mockResolvedValue(ANSWER);
        const element = await shown(Component);
        click(element);
        await settled();
        const needle = element.shadowRoot.querySelector('[data-id="needle"]');
        const [length, all] = needle.getAttribute('stroke-dasharray').split(' ').map(Number);
        expect(length / all).toBeCloseTo(0.5);
        const gauge = element.shadowRoot.querySelector('[data-id="gauge"]');
        expect(gauge.getAttribute('role')).toBe('img');
        expect(gauge.getAttribute('aria-label')).toBeTruthy();
        const icons = [...element.shadowRoot.querySelectorAll('lightning-icon')].map((icon) => icon.iconName);
        expect(icons).toEqual(['utility:arrowdown', 'utility:arrowup']);
    });
});
