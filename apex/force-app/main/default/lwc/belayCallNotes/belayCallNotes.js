import { ShowToastEvent } from 'lightning/platformShowToastEvent';
import BelayAsking from 'c/belayAsking';
import { told } from 'c/belayErrors';
import read from '@salesforce/apexContinuation/BelayCallNotesController.read';
import createTask from '@salesforce/apex/BelayCallNotesController.createTask';
import createLabel from '@salesforce/label/c.Belay_Create_Task';
import followUp from '@salesforce/label/c.Belay_Follow_Up';
import nextSteps from '@salesforce/label/c.Belay_Next_Steps';
import notes from '@salesforce/label/c.Belay_Notes';
import notesMissing from '@salesforce/label/c.Belay_Notes_Missing';
import readNotes from '@salesforce/label/c.Belay_Read_Notes';
import taskCreated from '@salesforce/label/c.Belay_Task_Created';
import title from '@salesforce/label/c.Belay_Title_Notes';

/** The gateway reads no more of a text than this. */
const MOST = 32000;
const PARTS = {
    metrics: 'Metrics',
    economic_buyer: 'Economic buyer',
    decision_criteria: 'Decision criteria',
    decision_process: 'Decision process',
    identified_pain: 'Identified pain',
    champion: 'Champion'
};

/** A panel in which the notes of a call are pasted: MEDDIC, next steps, and a task that one click creates. */
export default class BelayCallNotes extends BelayAsking {
    label = { create: createLabel, followUp, nextSteps, notes, notesMissing, readNotes, title };
    most = MOST;
    notes = '';
    isCreating = false;
    wasCreated = false;

    get meddic() {
        return Object.entries(PARTS)
            .map(([key, name]) => ({ key, name, ...this.answer?.meddic?.[key] }))
            .filter((part) => part.summary);
    }

    get steps() {
        return (this.answer?.next_steps ?? []).map((step, key) => ({
            key,
            text: [step.owner && `${step.owner}:`, step.what, step.due_date && `(${step.due_date})`]
                .filter(Boolean)
                .join(' ')
        }));
    }

    get hasSteps() {
        return this.steps.length > 0;
    }

    get task() {
        return this.answer?.follow_up_task;
    }

    get cannotCreate() {
        return this.isCreating || this.wasCreated;
    }

    type(event) {
        this.notes = event.target.value;
    }

    async ask() {
        const field = this.template.querySelector('[data-id="notes"]');
        field.setCustomValidity(this.notes.trim() ? '' : notesMissing);
        field.reportValidity();
        if (this.notes.trim()) {
            await this.askAbout((recordId) => read({ notes: this.notes, recordId }));
            this.wasCreated = false;
        }
    }

    async create() {
        this.isCreating = true;
        try {
            await createTask({
                subject: this.task.Subject,
                dueDate: this.task.ActivityDate,
                description: this.task.Description,
                recordId: this.recordId
            });
            this.wasCreated = true;
            this.dispatchEvent(new ShowToastEvent({ title: taskCreated, variant: 'success' }));
        } catch (error) {
            this.dispatchEvent(new ShowToastEvent({ title: told(error).message, variant: 'error' }));
        } finally {
            this.isCreating = false;
        }
    }
}
