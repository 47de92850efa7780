import BelayAsking from 'c/belayAsking';
import ask from '@salesforce/apexContinuation/BelayDealHealthController.dealHealth';
import { filled } from 'c/belayErrors';
import { word } from 'c/belayWords';
import drivers from '@salesforce/label/c.Belay_Drivers';
import score from '@salesforce/label/c.Belay_Score';
import title from '@salesforce/label/c.Belay_Title_Health';

/** The length of the gauge's half circle. */
const HALF_CIRCLE = Math.PI * 80;
const COLOURS = { healthy: '#2e844a', watch: '#dd7a01', at_risk: '#dd7a01', critical: '#ba0517' };

/** The health of the Opportunity of the page, as a gauge with what drives it. */
export default class BelayDealHealth extends BelayAsking {
    label = { drivers, title };

    get band() {
        return word(this.answer?.band);
    }

    get spoken() {
        return filled(score, this.answer?.score, this.band);
    }

    get gauge() {
        const length = ((this.answer?.score ?? 0) / 100) * HALF_CIRCLE;
        return { dash: `${length} ${HALF_CIRCLE}`, colour: COLOURS[this.answer?.band] ?? '#706e6b' };
    }

    get drivers() {
        return (this.answer?.drivers ?? []).map((driver, key) => ({
            ...driver,
            key,
            icon: driver.effect?.endsWith('positive') ? 'utility:arrowup' : 'utility:arrowdown',
            effect: word(driver.effect)
        }));
    }

    get hasDrivers() {
        return this.drivers.length > 0;
    }

    ask(event) {
        return this.askAbout((recordId) => ask({ recordId, fresh: event.detail.fresh }));
    }
}
