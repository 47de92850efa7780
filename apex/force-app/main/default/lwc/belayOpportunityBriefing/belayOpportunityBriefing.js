import BelayAsking from 'c/belayAsking';
import { keyed, word } from 'c/belayWords';
import ask from '@salesforce/apexContinuation/BelayOpportunityController.briefing';
import nextSteps from '@salesforce/label/c.Belay_Next_Steps';
import riskFactors from '@salesforce/label/c.Belay_Risk_Factors';
import talkingPoints from '@salesforce/label/c.Belay_Talking_Points';
import title from '@salesforce/label/c.Belay_Title_Briefing';

/** A one-page briefing on the Opportunity of the page. */
export default class BelayOpportunityBriefing extends BelayAsking {
    label = { nextSteps, riskFactors, talkingPoints, title };

    get risks() {
        const badges = { high: 'slds-theme_error', medium: 'slds-theme_warning' };
        return (this.answer?.risk_factors ?? []).map((risk, key) => ({
            ...risk,
            key,
            severity: word(risk.severity),
            badge: badges[risk.severity] ?? ''
        }));
    }

    get hasRisks() {
        return this.risks.length > 0;
    }

    get talkingPoints() {
        return keyed(this.answer?.talking_points);
    }

    get hasTalkingPoints() {
        return this.talkingPoints.length > 0;
    }

    get nextSteps() {
        return keyed(this.answer?.next_steps);
    }

    get hasNextSteps() {
        return this.nextSteps.length > 0;
    }

    ask(event) {
        return this.askAbout((recordId) => ask({ recordId, fresh: event.detail.fresh }));
    }
}
