/** Outside Salesforce there is no container that shows toasts; the page shows their titles. */
export class ShowToastEvent extends CustomEvent {
    constructor(toast) {
        super('lightning__showtoast', { composed: true, bubbles: true, cancelable: true, detail: toast });
    }
}
