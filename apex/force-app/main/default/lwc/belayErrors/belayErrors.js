import lang from '@salesforce/i18n/lang';
import errorId from '@salesforce/label/c.Belay_Error_Id';
import errorWait from '@salesforce/label/c.Belay_Error_Wait';
import unnamed from '@salesforce/label/c.Belay_Unnamed_Error';

/** Units of a wait, in seconds, each with the number of it from which the next is easier to read. */
const UNITS = [
    ['second', 1, 120],
    ['minute', 60, 120],
    ['hour', 3600, 48],
    ['day', 86400, Infinity]
];

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
 * A wait in the words of the user's language, rounded up.
 * @param {number} ms Milliseconds.
 * @returns {string} Such as "42 seconds" or "8 hours".
 */
function spelt(ms) {
    const [unit, seconds] = UNITS.find(([, size, most]) => Math.ceil(ms / 1000 / size) <= most);
    return new Intl.NumberFormat(lang, { style: 'unit', unit, unitDisplay: 'long' }).format(
        Math.ceil(ms / 1000 / seconds)
    );
}

/**
 * The text of an error, wherever the platform has put it.
 * @param {*} error What was caught.
 * @returns {string} The text; empty where there is none.
 */
function saidBy(error) {
    const bodies = [error?.body].flat();
    return bodies.map((body) => body?.message).find(Boolean) ?? error?.message ?? '';
}

/**
 * What a controller of this package said.
 * @param {string} said The message of its exception.
 * @returns {Object} Its members; for any other text, the text as `message`.
 */
function read(said) {
    try {
        const members = JSON.parse(said);
        if (typeof members === 'object') {
            return members ?? {};
        }
    } catch {
        // Not ours: it is shown as it is.
    }
    return { message: said };
}

/**
 * What a component shows of an error that Apex threw: the controllers of this package put JSON into its message, and
 * everything else is shown as it is.
 * @param {*} error What was caught.
 * @returns {{message: string, code: string, wait: string, id: string}} Texts, empty where there is nothing to say.
 */
export function told(error) {
    const known = read(saidBy(error));
    return {
        message: known.message || unnamed,
        code: known.code ?? '',
        wait: known.isRetryable && known.retryAfterMs > 0 ? filled(errorWait, spelt(known.retryAfterMs)) : '',
        id: known.requestId ? filled(errorId, known.requestId) : ''
    };
}
