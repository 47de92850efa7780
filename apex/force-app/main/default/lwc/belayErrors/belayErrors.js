import errorId from '@salesforce/label/c.Belay_Error_Id';
import errorWait from '@salesforce/label/c.Belay_Error_Wait';
import unnamed from '@salesforce/label/c.Belay_Unnamed_Error';

/**
 * Puts values into a label.
 * @param {string} label A text with {0}, {1} …
 * @param {...*} values What stands in their places.
 * @returns {string} The text.
 */
export function filled(label, ...values) {
    return values.reduce((text, value, nth) => text.replace(`{${nth}}`, () => value), label);
}

/**
 * What a component shows of an error that Apex threw: the controllers of this package put JSON into its message, and
 * everything else is shown as it is.
 * @param {*} error What was caught.
 * @returns {{message: string, code: string, wait: string, id: string}} Texts, empty where there is nothing to say.
 */
export function told(error) {
    const said = error?.body?.message ?? error?.message ?? '';
    let known = {};
    try {
        known = JSON.parse(said) ?? {};
    } catch {
        known = { message: said };
    }
    const seconds = Math.ceil((known.retryAfterMs ?? 0) / 1000);
    return {
        message: known.message || unnamed,
        code: known.code ?? '',
        wait: known.isRetryable && seconds > 0 ? filled(errorWait, seconds) : '',
        id: known.requestId ? filled(errorId, known.requestId) : ''
    };
}
