import { LightningElement, api } from 'lwc';
import { filled } from 'c/belayErrors';
import { keyed } from 'c/belayWords';
import answered from '@salesforce/label/c.Belay_Answered';
import ask from '@salesforce/label/c.Belay_Ask';
import askAnew from '@salesforce/label/c.Belay_Ask_Anew';
import asking from '@salesforce/label/c.Belay_Asking';
import cached from '@salesforce/label/c.Belay_Cached';
import copied from '@salesforce/label/c.Belay_Copied';
import copy from '@salesforce/label/c.Belay_Copy';
import inputTruncated from '@salesforce/label/c.Belay_Input_Truncated';
import notCopied from '@salesforce/label/c.Belay_Not_Copied';
import retry from '@salesforce/label/c.Belay_Retry';
import simulated from '@salesforce/label/c.Belay_Simulated';
import truncated from '@salesforce/label/c.Belay_Truncated';
import ungrounded from '@salesforce/label/c.Belay_Ungrounded';

/**
 * The card around an answer: a button that asks, a spinner, the error with its request id, the hints, copying.
 * What the answer looks like is in its slot. It fires `ask` with `detail.fresh`.
 */
export default class BelayPanel extends LightningElement {
    label = { askAnew, asking, copy, retry };

    /** The title of the card. */
    @api title;
    /** Its icon. */
    @api iconName;
    /** Whether an answer is waited for. */
    @api isBusy = false;
    /** What went wrong, as `told` of belayErrors says it. */
    @api error;
    /** What the button says. */
    @api askLabel = ask;
    /** Whether an answer can be asked for although one is cached. */
    @api canAskAnew = false;
    /** Whether the button stays when there is an answer. */
    @api keepsAsk = false;

    _answer;
    copying = '';
    wasFresh = false;
    // Where the focus goes next: to the waiting after a click, from there to what comes of it.
    focusOn;

    /** The answer, with the members that every task has. */
    @api
    get answer() {
        return this._answer;
    }

    set answer(value) {
        this._answer = value;
        this.copying = '';
    }

    get showsAsk() {
        return this.keepsAsk || (!this.showsAnswer && !this.error);
    }

    get showsAnswer() {
        return Boolean(this.answer) && !this.isBusy && !this.error;
    }

    get announced() {
        return this.copying || (this.showsAnswer ? answered : '');
    }

    get hints() {
        const { ungrounded: doubtful, ...said } = this.answer ?? {};
        return keyed(
            [
                doubtful?.length > 0 && filled(ungrounded, doubtful.join(', ')),
                said.input_truncated && inputTruncated,
                said.truncated && truncated,
                said.cached && cached,
                said.simulated && simulated
            ].filter(Boolean)
        );
    }

    get hasHints() {
        return this.hints.length > 0;
    }

    // The button that was clicked goes away or can no longer be used, so the focus follows what it began. Whoever has gone
    // on to something else meanwhile is left there.
    renderedCallback() {
        const status = this.part('status');
        if (this.focusOn === 'status' && this.isBusy) {
            this.focusOn = 'outcome';
            status.focus();
        } else if (this.focusOn === 'outcome' && !this.isBusy) {
            this.focusOn = undefined;
            if (this.template.activeElement === status) {
                (this.part('answer') ?? this.part('error'))?.focus();
            }
        }
    }

    part(id) {
        return this.template.querySelector(`[data-id="${id}"]`);
    }

    ask() {
        this.fire(false);
    }

    askAnew() {
        this.fire(true);
    }

    retry() {
        this.fire(this.wasFresh);
    }

    fire(fresh) {
        this.wasFresh = fresh;
        this.focusOn = 'status';
        this.dispatchEvent(new CustomEvent('ask', { detail: { fresh } }));
    }

    async copy() {
        const copiedOf = this.answer;
        let outcome = copied;
        try {
            await navigator.clipboard.writeText(copiedOf.text ?? '');
        } catch {
            // No clipboard, or none for this page.
            outcome = notCopied;
        }
        if (copiedOf === this.answer) {
            this.copying = outcome;
        }
    }
}
