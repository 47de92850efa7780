import { LightningElement, api } from 'lwc';
import { filled } from 'c/belayErrors';
import ask from '@salesforce/label/c.Belay_Ask';
import askAnew from '@salesforce/label/c.Belay_Ask_Anew';
import asking from '@salesforce/label/c.Belay_Asking';
import cached from '@salesforce/label/c.Belay_Cached';
import copied from '@salesforce/label/c.Belay_Copied';
import copy from '@salesforce/label/c.Belay_Copy';
import retry from '@salesforce/label/c.Belay_Retry';
import truncated from '@salesforce/label/c.Belay_Truncated';
import ungrounded from '@salesforce/label/c.Belay_Ungrounded';

/**
 * The card around an answer: a button that asks, a spinner, the error with its request id, the hints, copying.
 * What the answer looks like is in its slot. It fires `ask` with `detail.fresh`.
 */
export default class BelayPanel extends LightningElement {
    label = { askAnew, asking, retry };

    /** The title of the card. */
    @api title;
    /** Its icon. */
    @api iconName;
    /** Whether an answer is waited for. */
    @api isBusy = false;
    /** What went wrong, as `told` of belayErrors says it. */
    @api error;
    /** The answer, with the members that every task has. */
    @api answer;
    /** What the button says. */
    @api askLabel = ask;
    /** Whether an answer can be asked for although one is cached. */
    @api canAskAnew = false;
    /** Whether the button stays when there is an answer. */
    @api keepsAsk = false;

    wasCopied = false;
    wasFresh = false;
    shown;

    get showsAsk() {
        return this.keepsAsk || (!this.showsAnswer && !this.error);
    }

    get showsAnswer() {
        return Boolean(this.answer) && !this.isBusy && !this.error;
    }

    get copyLabel() {
        return this.wasCopied ? copied : copy;
    }

    get hints() {
        const hints = [];
        if (this.answer?.ungrounded?.length > 0) {
            hints.push(filled(ungrounded, this.answer.ungrounded.join(', ')));
        }
        if (this.answer?.input_truncated || this.answer?.truncated) {
            hints.push(truncated);
        }
        if (this.answer?.cached) {
            hints.push(cached);
        }
        return hints;
    }

    renderedCallback() {
        // A new answer takes the focus, so that a keyboard goes on where the answer begins.
        if (this.showsAnswer && this.shown !== this.answer) {
            this.shown = this.answer;
            this.wasCopied = false;
            this.template.querySelector('[data-id="answer"]').focus();
        }
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
        this.dispatchEvent(new CustomEvent('ask', { detail: { fresh } }));
    }

    async copy() {
        await navigator.clipboard.writeText(this.answer.text ?? '');
        this.wasCopied = true;
    }
}
