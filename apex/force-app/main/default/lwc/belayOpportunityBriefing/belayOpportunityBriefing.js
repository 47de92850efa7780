import BelayAsking from 'c/belayAsking';
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
            badge: badges[risk.severity] ?? ''
        }));
    }

    get hasRisks() {
        return this.risks.length > 0;
    }

    get hasTalkingPoints() {
        return this.answer?.talking_points?.length > 0;
    }

    get hasNextSteps() {
        return this.answer?.next_steps?.length > 0;
    }

    ask(event) {
        return this.askAbout((recordId) => ask({ recordId, fresh: event.detail.fresh }));
    }
}
