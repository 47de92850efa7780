/**
 * @description Has a Case summarized when it changes hands or is escalated: that is when somebody has to read all of it.
 */
trigger BelayCaseTrigger on Case(after update) {
    BelayCaseHandler.afterUpdate(Trigger.new, Trigger.oldMap);
}
