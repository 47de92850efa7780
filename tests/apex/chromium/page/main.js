// The page that the browser is driven on: one component, named by the address.
import '@lwc/synthetic-shadow';
import { createElement } from 'lwc';
import BelayCallNotes from 'c/belayCallNotes';
import BelayCaseSummary from 'c/belayCaseSummary';
import BelayDealHealth from 'c/belayDealHealth';
import BelayOpportunityBriefing from 'c/belayOpportunityBriefing';

const COMPONENTS = { BelayCallNotes, BelayCaseSummary, BelayDealHealth, BelayOpportunityBriefing };
const asked = new URLSearchParams(window.location.search);
const element = createElement('c-shown', { is: COMPONENTS[asked.get('component')] });
element.recordId = asked.get('recordId');
document.addEventListener('lightning__showtoast', (event) => {
    document.querySelector('#toast').textContent = event.detail.title;
});
document.querySelector('#place').appendChild(element);
