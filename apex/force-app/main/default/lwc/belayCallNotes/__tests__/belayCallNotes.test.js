import { createElement } from 'lwc';
import BelayCallNotes from 'c/belayCallNotes';
import read from '@salesforce/apexContinuation/BelayCallNotesController.read';
import createTask from '@salesforce/apex/BelayCallNotesController.createTask';

const TOAST = 'lightning__showtoast';

jest.mock('@salesforce/apexContinuation/BelayCallNotesController.read', () => ({ default: jest.fn() }), {
    virtual: true
});
jest.mock('@salesforce/apex/BelayCallNotesController.createTask', () => ({ default: jest.fn() }), { virtual: true });

const ANSWER = {
    meddic: { metrics: null, champion: { summary: 'Ada pushes it.', evidence: 'Ada', confidence: 'high' } },
    next_steps: [{ what: 'send the offer', owner: 'me', due_date: '2026-11-17' }],
    follow_up_task: { Subject: 'send the offer', ActivityDate: '2026-11-17', Description: 'by Tuesday' },
    text: 'Ada pushes it.'
};

// A few turns: for the question, for its answer, and for what is drawn of it.
const settled = () => [1, 2, 3, 4, 5].reduce((turn) => turn.then(() => {}), Promise.resolve());

const part = (element, id) => element.shadowRoot.querySelector(`[data-id="${id}"]`);

async function shown() {
    const element = createElement('c-belay-call-notes', { is: BelayCallNotes });
    element.recordId = 'one';
    document.body.appendChild(element);
    const field = part(element, 'notes');
    field.setCustomValidity = jest.fn();
    field.reportValidity = jest.fn();
    await settled();
    return element;
}

const panel = (element) => element.shadowRoot.querySelector('c-belay-panel');

async function readNotes(element, notes = 'Ada pushes it.') {
    const field = part(element, 'notes');
    field.value = notes;
    field.dispatchEvent(new CustomEvent('change'));
    panel(element).dispatchEvent(new CustomEvent('ask', { detail: { fresh: false } }));
    await settled();
}

describe('c-belay-call-notes', () => {
    afterEach(() => {
        document.body.replaceChildren();
        read.mockReset();
        createTask.mockReset();
    });

    it('asks for notes where there are none', async () => {
        const element = await shown();
        await readNotes(element, '  ');
        expect(read).not.toHaveBeenCalled();
        expect(part(element, 'notes').setCustomValidity.mock.calls[0][0]).toContain('c.Belay_Notes_Missing');
    });

    it('reads notes and shows what they say', async () => {
        read.mockResolvedValue(ANSWER);
        const element = await shown();
        await readNotes(element);
        expect(read).toHaveBeenCalledWith({ notes: 'Ada pushes it.', recordId: 'one' });
        expect(part(element, 'meddic').textContent).toBe('ChampionAda pushes it.');
        expect(element.shadowRoot.textContent).toContain('me: send the offer (2026-11-17)');
    });

    it('creates the task once and says so', async () => {
        read.mockResolvedValue(ANSWER);
        createTask.mockResolvedValue('00T000000000001');
        const element = await shown();
        const toasts = [];
        element.addEventListener(TOAST, (event) => toasts.push(event.detail.variant));
        await readNotes(element);
        part(element, 'create').click();
        await settled();
        expect(createTask).toHaveBeenCalledWith({
            subject: 'send the offer',
            dueDate: '2026-11-17',
            description: 'by Tuesday',
            recordId: 'one'
        });
        expect(part(element, 'create').disabled).toBe(true);
        expect(toasts).toEqual(['success']);
    });

    it('says why a task was not created, and lets it be tried again', async () => {
        read.mockResolvedValue(ANSWER);
        createTask.mockRejectedValue({ body: { message: 'no access' } });
        const element = await shown();
        const toasts = [];
        element.addEventListener(TOAST, (event) => toasts.push(event.detail));
        await readNotes(element);
        part(element, 'create').click();
        await settled();
        expect(toasts[0]).toMatchObject({ title: 'no access', variant: 'error' });
        expect(part(element, 'create').disabled).toBe(false);
    });

    it('shows an error of the gateway', async () => {
        read.mockRejectedValue({ body: { message: JSON.stringify({ message: 'spent' }) } });
        const element = await shown();
        await readNotes(element);
        expect(panel(element).error.message).toBe('spent');
    });
});
