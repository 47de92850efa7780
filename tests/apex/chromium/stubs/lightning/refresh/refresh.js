/** Outside Salesforce there is no page whose other components show data. */
export class RefreshEvent extends CustomEvent {
    constructor() {
        super('lightning__refresh', { composed: true, bubbles: true, cancelable: true });
    }
}
