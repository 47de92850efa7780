import { RefreshEvent } from 'lightning/refresh';
import { ShowToastEvent } from 'lightning/platformShowToastEvent';
import BelayAsking from 'c/belayAsking';
import { told } from 'c/belayErrors';
import read from '@salesforce/apexContinuation/BelayCallNotesController.read';
import createTask from '@salesforce/apex/BelayCallNotesController.createTask';
import createLabel from '@salesforce/label/c.Belay_Create_Task';
import followUp from '@salesforce/label/c.Belay_Follow_Up';
import champion from '@salesforce/label/c.Belay_Meddic_Champion';
import decisionCriteria from '@salesforce/label/c.Belay_Meddic_Decision_Criteria';
import decisionProcess from '@salesforce/label/c.Belay_Meddic_Decision_Process';
import economicBuyer from '@salesforce/label/c.Belay_Meddic_Economic_Buyer';
import identifiedPain from '@salesforce/label/c.Belay_Meddic_Identified_Pain';
import metrics from '@salesforce/label/c.Belay_Meddic_Metrics';
import nextSteps from '@salesforce/label/c.Belay_Next_Steps';
import notMentioned from '@salesforce/label/c.Belay_Not_Mentioned';
import notes from '@salesforce/label/c.Belay_Notes';
import notesMissing from '@salesforce/label/c.Belay_Notes_Missing';
import readNotes from '@salesforce/label/c.Belay_Read_Notes';
import taskCreated from '@salesforce/label/c.Belay_Task_Created';
import title from '@salesforce/label/c.Belay_Title_Notes';

/** Characters of notes that are sent; more than an hour of talk is noted down with. */
const MOST = 32000;
const PARTS = {
    metrics,
    economic_buyer: economicBuyer,
    decision_criteria: decisionCriteria,
    decision_process: decisionProcess,
    identified_pain: identifiedPain,
    champion
};

/** A panel in which the notes of a call are pasted: MEDDIC, next steps, and a task that one click creates. */
export default class BelayCallNotes extends BelayAsking {
    label = { create: createLabel, followUp, nextSteps, notMentioned, notes, readNotes, taskCreated, title };
    most = MOST;
    notes = '';
    isCreating = false;
    // The answer whose task exists.
    createdFor;

    /** What the notes say about each part of MEDDIC, and which part they leave open. */
    get meddic() {
        return Object.entries(PARTS).map(([key, name]) => ({ key, name, ...this.answer?.meddic?.[key] }));
    }

    get steps() {
        return (this.answer?.next_steps ?? []).map((step, key) => ({
            key,
            text: [step.owner && `${step.owner}:`, step.what].filter(Boolean).join(' '),
            dueDate: step.due_date
        }));
    }

    get hasSteps() {
        return this.steps.length > 0;
    }

    get task() {
        return this.answer?.follow_up_task;
    }

    get wasCreated() {
        return this.answer !== undefined && this.createdFor === this.answer;
    }

    type(event) {
        this.notes = event.target.value;
    }

    async ask(event) {
        const field = this.template.querySelector('[data-id="notes"]');
        const isMissing = this.notes.trim() === '';
        field.setCustomValidity(isMissing ? notesMissing : '');
        field.reportValidity();
        if (isMissing) {
            field.focus();
            return;
        }
        const { fresh } = event.detail;
        await this.askAbout((recordId) => read({ notes: this.notes, recordId, fresh }));
    }

    async create() {
        if (this.isCreating || this.wasCreated) {
            return;
        }
        const { answer, task } = this;
        this.isCreating = true;
        try {
            await createTask({
                subject: task.Subject,
                dueDate: task.ActivityDate,
                description: task.Description,
                priority: task.Priority,
                personId: task.WhoId,
                recordId: this.recordId
            });
            this.createdFor = answer;
            this.dispatchEvent(new ShowToastEvent({ title: taskCreated, variant: 'success' }));
            // The page's list of activities shows it, too.
            this.dispatchEvent(new RefreshEvent());
        } catch (error) {
            this.dispatchEvent(new ShowToastEvent({ title: told(error).message, variant: 'error' }));
        } finally {
            this.isCreating = false;
        }
    }
}
