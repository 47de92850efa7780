import BelayAsking from 'c/belayAsking';
import { keyed, word } from 'c/belayWords';
import ask from '@salesforce/apexContinuation/BelayCaseController.summary';
import nextStep from '@salesforce/label/c.Belay_Next_Step';
import openQuestions from '@salesforce/label/c.Belay_Open_Questions';
import sentiment from '@salesforce/label/c.Belay_Sentiment';
import title from '@salesforce/label/c.Belay_Title_Case';

/** A summary of the Case of the page, for whoever picks it up. */
export default class BelayCaseSummary extends BelayAsking {
    label = { nextStep, openQuestions, sentiment, title };

    get sentiment() {
        return word(this.answer?.sentiment);
    }

    get openQuestions() {
        return keyed(this.answer?.open_questions);
    }

    get hasOpenQuestions() {
        return this.openQuestions.length > 0;
    }

    ask(event) {
        return this.askAbout((recordId) => ask({ recordId, fresh: event.detail.fresh }));
    }
}
