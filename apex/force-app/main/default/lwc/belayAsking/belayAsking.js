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

    /** The record of the page. */
    @api
    get recordId() {
        return this._recordId;
    }

    set recordId(value) {
        if (value !== this._recordId) {
            this._recordId = value;
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
        const recordId = this._recordId;
        const isShown = () => recordId === this._recordId;
        this.isBusy = true;
        this.error = undefined;
        try {
            const answer = await question(recordId);
            if (isShown()) {
                this.answer = answer;
            }
        } catch (error) {
            if (isShown()) {
                this.error = told(error);
            }
        } finally {
            if (isShown()) {
                this.isBusy = false;
            }
        }
    }
}
