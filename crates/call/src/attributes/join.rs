//! The attributes with which the participant joins.

use super::CallStatus;
use crate::plan::Plan;

/// The user's attributes under the call's own: a `sip.*` key of the user's that the call sets is overwritten.
#[must_use]
pub fn at_join(plan: &Plan) -> Vec<(String, String)> {
    let mut attributes = plan.participant.attributes.clone();
    let mut set = |key: &str, value: &str| attributes.insert(key.to_owned(), value.to_owned());
    set("sip.callID", &plan.call_id);
    set("sip.trunkID", &plan.trunk_id);
    if !plan.numbers.hidden {
        set("sip.phoneNumber", &plan.numbers.called);
        set("sip.hostname", &plan.numbers.hostname);
        set("sip.trunkPhoneNumber", &plan.numbers.caller);
    }
    let (key, value) = CallStatus::Dialing.attribute();
    set(&key, &value);
    attributes.into_iter().collect()
}
