import { createElement } from 'lwc';
import { setup } from '@sa11y/jest';
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
    beforeAll(setup);

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

    // What a parent does when its panel asks and when an outcome has come.
    async function through(element, outcome) {
        element.isBusy = true;
        await Promise.resolve();
        const waiting = element.shadowRoot.activeElement;
        Object.assign(element, outcome, { isBusy: false });
        await Promise.resolve();
        return waiting;
    }

    it.each([
        ['answer', { answer: ANSWER }],
        ['error', { error: { message: 'spent' } }]
    ])('takes the focus from the button to the waiting and on to the %s', async (id, outcome) => {
        const element = await panel({});
        part(element, 'ask').click();
        expect(await through(element, outcome)).toBe(part(element, 'status'));
        expect(element.shadowRoot.activeElement).toBe(part(element, id));
    });

    it('leaves the focus where somebody has gone on to meanwhile', async () => {
        const field = document.body.appendChild(document.createElement('input'));
        const element = await panel({});
        part(element, 'ask').click();
        element.isBusy = true;
        await Promise.resolve();
        field.focus();
        Object.assign(element, { answer: ANSWER, isBusy: false });
        await Promise.resolve();
        expect(document.activeElement).toBe(field);
    });

    it('leaves the focus alone where nobody has asked', async () => {
        const element = await panel({ answer: ANSWER });
        expect(element.shadowRoot.activeElement).toBeNull();
    });

    it('tells screen readers that the answer has come, and does not read all of it out', async () => {
        const element = await panel({ isBusy: true });
        expect(part(element, 'status').textContent).toContain('c.Belay_Asking');
        Object.assign(element, { answer: ANSWER, isBusy: false });
        await Promise.resolve();
        expect(part(element, 'status').textContent).toContain('c.Belay_Answered');
        expect(part(element, 'status').contains(part(element, 'answer'))).toBe(false);
    });

    it('is accessible in every state', async () => {
        const error = { message: 'spent', code: 'budget-spent', wait: 'Try again in 2 hours.', id: 'Request id: 01X' };
        for (const state of [
            {},
            { isBusy: true },
            { error },
            { answer: { ...ANSWER, cached: true }, canAskAnew: true }
        ]) {
            // One after the other: each is looked at in the document.
            // eslint-disable-next-line no-await-in-loop
            await expect(await panel(state)).toBeAccessible();
            document.body.replaceChildren();
        }
    });

    it('says of an answer what a reader should know', async () => {
        const element = await panel({
            answer: {
                ...ANSWER,
                ungrounded: ['$150,000'],
                cached: true,
                truncated: true,
                input_truncated: true,
                simulated: true
            }
        });
        const said = hints(element);
        expect(said).toEqual(
            ['Ungrounded', 'Input_Truncated', 'Truncated', 'Cached', 'Simulated'].map((name) =>
                expect.stringContaining(`c.Belay_${name}`)
            )
        );
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

    describe('copying', () => {
        const clipboard = (value) => Object.defineProperty(navigator, 'clipboard', { value, configurable: true });

        async function copied(element) {
            part(element, 'copy').click();
            await Promise.resolve().then(() => {});
            await Promise.resolve();
            return part(element, 'copying')?.textContent;
        }

        afterEach(() => {
            delete navigator.clipboard;
        });

        it('takes the whole text and says so', async () => {
            const written = jest.fn().mockResolvedValue();
            clipboard({ writeText: written });
            const element = await panel({ answer: ANSWER });
            expect(await copied(element)).toContain('c.Belay_Copied');
            expect(written).toHaveBeenCalledWith('All of it.');
            expect(part(element, 'status').textContent).toContain('c.Belay_Copied');
        });

        it('says where it is not allowed, or the page has no clipboard', async () => {
            clipboard({ writeText: jest.fn().mockRejectedValue(new Error('not allowed')) });
            expect(await copied(await panel({ answer: ANSWER }))).toContain('c.Belay_Not_Copied');
            delete navigator.clipboard;
            expect(await copied(await panel({ answer: ANSWER }))).toContain('c.Belay_Not_Copied');
        });

        it('is not said of the next answer', async () => {
            clipboard({ writeText: jest.fn().mockResolvedValue() });
            const element = await panel({ answer: ANSWER });
            await copied(element);
            element.answer = { ...ANSWER, text: 'Another.' };
            await Promise.resolve();
            expect(part(element, 'copying')).toBeNull();
        });
    });

    it('keeps its button beside an answer where it is told to', async () => {
        const element = await panel({ answer: ANSWER, keepsAsk: true });
        expect(part(element, 'ask')).not.toBeNull();
    });
});
