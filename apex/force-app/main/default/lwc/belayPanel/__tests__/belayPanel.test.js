import { createElement } from 'lwc';
import BelayPanel from 'c/belayPanel';

const ANSWER = { text: 'All of it.', ungrounded: [], cached: false, truncated: false, input_truncated: false };

async function panel(members) {
    const element = createElement('c-belay-panel', { is: BelayPanel });
    Object.assign(element, { title: 'Briefing', iconName: 'standard:opportunity', ...members });
    document.body.appendChild(element);
    await Promise.resolve();
    return element;
}

const part = (element, id) => element.shadowRoot.querySelector(`[data-id="${id}"]`);
const hints = (element) => [...element.shadowRoot.querySelectorAll('[data-id="hints"] li')].map((li) => li.textContent);

describe('c-belay-panel', () => {
    afterEach(() => {
        document.body.replaceChildren();
    });

    it('asks when its button is clicked', async () => {
        const element = await panel({});
        const asked = jest.fn();
        element.addEventListener('ask', (event) => asked(event.detail));
        part(element, 'ask').click();
        expect(asked).toHaveBeenCalledWith({ fresh: false });
    });

    it('shows that it waits, and nothing to click', async () => {
        const element = await panel({ isBusy: true });
        expect(element.shadowRoot.querySelector('lightning-spinner')).not.toBeNull();
        expect(part(element, 'ask').disabled).toBe(true);
        expect(part(element, 'status').getAttribute('aria-live')).toBe('polite');
    });

    it('shows an error with its id and asks the same again', async () => {
        const element = await panel({
            error: { message: 'spent', code: 'budget-spent', wait: '', id: 'Request id: 01X' }
        });
        expect(part(element, 'error').textContent).toContain('spent');
        expect(part(element, 'error').textContent).toContain('Request id: 01X');
        expect(part(element, 'error').getAttribute('role')).toBe('alert');
        const asked = jest.fn();
        element.addEventListener('ask', (event) => asked(event.detail));
        part(element, 'retry').click();
        expect(asked).toHaveBeenCalledWith({ fresh: false });
    });

    it('gives the focus to a new answer', async () => {
        const element = await panel({ answer: ANSWER });
        expect(element.shadowRoot.activeElement).toBe(part(element, 'answer'));
    });

    it('says of an answer what a reader should know', async () => {
        const element = await panel({
            answer: { ...ANSWER, ungrounded: ['$150,000'], cached: true, truncated: true }
        });
        const said = hints(element);
        expect(said).toHaveLength(3);
        expect(said[0]).toContain('c.Belay_Ungrounded');
        element.answer = ANSWER;
        await Promise.resolve();
        expect(hints(element)).toHaveLength(0);
    });

    it('asks anew where that is of use', async () => {
        const element = await panel({ answer: ANSWER, canAskAnew: true });
        const asked = jest.fn();
        element.addEventListener('ask', (event) => asked(event.detail));
        part(element, 'anew').click();
        expect(asked).toHaveBeenCalledWith({ fresh: true });
        element.canAskAnew = false;
        await Promise.resolve();
        expect(part(element, 'anew')).toBeNull();
    });

    it('copies the whole text', async () => {
        const written = jest.fn().mockResolvedValue();
        Object.defineProperty(navigator, 'clipboard', { value: { writeText: written }, configurable: true });
        const element = await panel({ answer: ANSWER });
        part(element, 'copy').click();
        await Promise.resolve();
        await Promise.resolve();
        expect(written).toHaveBeenCalledWith('All of it.');
        expect(part(element, 'copy').label).toContain('c.Belay_Copied');
    });

    it('keeps its button beside an answer where it is told to', async () => {
        const element = await panel({ answer: ANSWER, keepsAsk: true });
        expect(part(element, 'ask')).not.toBeNull();
    });
});
