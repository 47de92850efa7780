import angry from '@salesforce/label/c.Belay_Word_Angry';
import atRisk from '@salesforce/label/c.Belay_Word_At_Risk';
import calm from '@salesforce/label/c.Belay_Word_Calm';
import concerned from '@salesforce/label/c.Belay_Word_Concerned';
import critical from '@salesforce/label/c.Belay_Word_Critical';
import frustrated from '@salesforce/label/c.Belay_Word_Frustrated';
import healthy from '@salesforce/label/c.Belay_Word_Healthy';
import high from '@salesforce/label/c.Belay_Word_High';
import low from '@salesforce/label/c.Belay_Word_Low';
import medium from '@salesforce/label/c.Belay_Word_Medium';
import negative from '@salesforce/label/c.Belay_Word_Negative';
import positive from '@salesforce/label/c.Belay_Word_Positive';
import satisfied from '@salesforce/label/c.Belay_Word_Satisfied';
import strongNegative from '@salesforce/label/c.Belay_Word_Strong_Negative';
import strongPositive from '@salesforce/label/c.Belay_Word_Strong_Positive';
import unclear from '@salesforce/label/c.Belay_Word_Unclear';
import watch from '@salesforce/label/c.Belay_Word_Watch';

const WORDS = {
    angry,
    at_risk: atRisk,
    calm,
    concerned,
    critical,
    frustrated,
    healthy,
    high,
    low,
    medium,
    negative,
    positive,
    satisfied,
    strong_negative: strongNegative,
    strong_positive: strongPositive,
    unclear,
    watch
};

/**
 * A fixed value of an answer, such as a band or a sentiment, in the language of the page.
 * @param {string} value The value as the gateway says it.
 * @returns {string} Its label; where there is none, as of a newer gateway's value, the value in plain letters.
 */
export function word(value) {
    return WORDS[value] ?? String(value ?? '').replaceAll('_', ' ');
}

/**
 * Texts as a template's loop wants them: two of them may be the same.
 * @param {string[]} texts Texts of an answer.
 * @returns {{key: number, text: string}[]} The same with keys.
 */
export function keyed(texts) {
    return (texts ?? []).map((text, key) => ({ key, text }));
}
