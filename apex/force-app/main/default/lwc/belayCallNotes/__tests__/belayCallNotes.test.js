import { createElement } from 'lwc';
import { setup } from '@sa11y/jest';
import { RefreshEvent } from 'lightning/refresh';
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
    follow_up_task: {
        Subject: 'send the offer',
        ActivityDate: '2026-11-17',
        Description: 'by Tuesday',
        Priority: 'High',
        WhoId: 'ada'
    },
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

async function readNotes(element, notes = 'Ada pushes it.', fresh = false) {
    const field = part(element, 'notes');
    field.value = notes;
    field.dispatchEvent(new CustomEvent('change'));
    panel(element).dispatchEvent(new CustomEvent('ask', { detail: { fresh } }));
    await settled();
}

describe('c-belay-call-notes', () => {
    beforeAll(setup);

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
        expect(read).toHaveBeenCalledWith({ notes: 'Ada pushes it.', recordId: 'one', fresh: false });
        expect(part(element, 'steps').textContent).toContain('me: send the offer');
        expect(part(element, 'due').value).toBe('2026-11-17');
        // A day is the same day wherever the user is.
        expect(part(element, 'due').timeZone).toBe('UTC');
    });

    it('shows the words that stand behind each part of MEDDIC, and which parts are open', async () => {
        read.mockResolvedValue(ANSWER);
        const element = await shown();
        await readNotes(element);
        const parts = [...part(element, 'meddic').children].map((each) => each.textContent);
        expect(parts).toHaveLength(6);
        expect(parts[0]).toMatch(/c\.Belay_Meddic_Metrics.*c\.Belay_Not_Mentioned/);
        expect(parts[5]).toMatch(/c\.Belay_Meddic_Champion.*Ada pushes it\.Ada$/);
    });

    it('reads the same notes anew when it is told to', async () => {
        read.mockResolvedValue(ANSWER);
        const element = await shown();
        await readNotes(element, 'Ada pushes it.', true);
        expect(read).toHaveBeenCalledWith({ notes: 'Ada pushes it.', recordId: 'one', fresh: true });
        expect(panel(element).canAskAnew).toBe(true);
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
            priority: 'High',
            personId: 'ada',
            recordId: 'one'
        });
        expect(part(element, 'create')).toBeNull();
        expect(part(element, 'created')).not.toBeNull();
        expect(toasts).toEqual(['success']);
    });

    it('creates one task however often it is clicked', async () => {
        read.mockResolvedValue(ANSWER);
        createTask.mockReturnValue(new Promise(() => {}));
        const element = await shown();
        await readNotes(element);
        part(element, 'create').click();
        part(element, 'create').click();
        await settled();
        expect(createTask).toHaveBeenCalledTimes(1);
        expect(part(element, 'create').disabled).toBe(true);
    });

    it('tells the page, so that its activities show the task', async () => {
        read.mockResolvedValue(ANSWER);
        createTask.mockResolvedValue('00T000000000001');
        const element = await shown();
        const refreshed = jest.fn();
        element.addEventListener(new RefreshEvent().type, refreshed);
        await readNotes(element);
        part(element, 'create').click();
        await settled();
        expect(refreshed).toHaveBeenCalledTimes(1);
    });

    it('offers a task again for the next notes, and for another record', async () => {
        read.mockImplementation(() => Promise.resolve({ ...ANSWER }));
        createTask.mockResolvedValue('00T000000000001');
        const element = await shown();
        await readNotes(element);
        part(element, 'create').click();
        await settled();
        await readNotes(element, 'Other notes.');
        expect(part(element, 'create')).not.toBeNull();
        part(element, 'create').click();
        element.recordId = 'two';
        await settled();
        await readNotes(element);
        expect(part(element, 'create')).not.toBeNull();
    });

    it('does not show what was read for a record that the page has left', async () => {
        let resolve;
        read.mockReturnValueOnce(new Promise((settle) => (resolve = settle)));
        const element = await shown();
        await readNotes(element);
        element.recordId = 'two';
        resolve(ANSWER);
        await settled();
        expect(part(element, 'task')).toBeNull();
        expect(panel(element).isBusy).toBe(false);
    });

    it('is accessible with and without an answer', async () => {
        read.mockResolvedValue(ANSWER);
        const element = await shown();
        await expect(element).toBeAccessible();
        await readNotes(element);
        await expect(element).toBeAccessible();
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
