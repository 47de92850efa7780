import { LightningElement, api } from 'lwc';
import { told } from 'c/belayErrors';

/**
 * A component that asks about the record of its page: one question at a time, and never the answer about a record that the
 * page no longer shows.
 */
export default class BelayAsking extends LightningElement {
    answer;
    error;
    isBusy = false;

    _recordId;
    // Counts what makes an outcome outdated: a newer question, another record.
    turn = 0;

    /** The record of the page. */
    @api
    get recordId() {
        return this._recordId;
    }

    set recordId(value) {
        if (value !== this._recordId) {
            this._recordId = value;
            this.turn += 1;
            this.answer = undefined;
            this.error = undefined;
            this.isBusy = false;
        }
    }

    /**
     * Asks, and keeps what comes of it.
     * @param {function(string): Promise} question Asks about the record that it is given.
     */
    async askAbout(question) {
        if (this.isBusy) {
            return;
        }
        this.turn += 1;
        const turn = this.turn;
        this.isBusy = true;
        this.error = undefined;
        let outcome;
        try {
            outcome = { answer: await question(this._recordId) };
        } catch (error) {
            outcome = { answer: this.answer, error: told(error) };
        }
        if (turn === this.turn) {
            Object.assign(this, outcome, { isBusy: false });
        }
    }
}
