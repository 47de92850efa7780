// What the tests of the components that ask about a record have in common.
import { createElement } from 'lwc';

/** A promise that its test settles. */
export function deferred() {
    let settle = {};
    const promise = new Promise((resolve, reject) => (settle = { resolve, reject }));
    return { promise, ...settle };
}

/** A few turns: for the question, for its answer, and for what is drawn of it. */
export const settled = () => [1, 2, 3, 4, 5].reduce((turn) => turn.then(() => {}), Promise.resolve());

/** A component on the page of a record. */
export async function shown(Component, recordId = 'one') {
    const element = createElement('c-component', { is: Component });
    element.recordId = recordId;
    document.body.appendChild(element);
    await settled();
    return element;
}

export const panel = (element) => element.shadowRoot.querySelector('c-belay-panel');

export const click = (element, fresh = false) =>
    panel(element).dispatchEvent(new CustomEvent('ask', { detail: { fresh } }));
