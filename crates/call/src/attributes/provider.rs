//! Attributes made from the headers by which well-known carriers name a call.

/// Header name (compared without case) and the attribute that shows it.
const PROVIDER_HEADERS: &[(&str, &str)] = &[
    ("X-Twilio-AccountSid", "sip.twilio.accountSid"),
    ("X-Twilio-CallSid", "sip.twilio.callSid"),
    ("X-call_leg_id", "sip.telnyx.callLegID"),
    ("X-call_session_id", "sip.telnyx.callSessionID"),
    ("X-Amzn-ConnectContactId", "sip.amazon.contactId"),
    ("X-Amzn-ConnectInitialContactId", "sip.amazon.initialContactId"),
    ("X-Amzn-SourceAccount", "sip.amazon.sourceAccount"),
    ("X-Amzn-SourceArn", "sip.amazon.sourceArn"),
    ("X-Amzn-TargetArn", "sip.amazon.targetArn"),
    ("X-Lk-Test-Id", "lktest.id"),
];

/// The carrier's own names for the call, as found in any response to the INVITE.
pub fn provider_attributes<'a>(
    headers: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (name, value) in headers {
        let known = PROVIDER_HEADERS.iter().find(|(header, _)| header.eq_ignore_ascii_case(name));
        if let Some((_, attribute)) = known
            && !value.is_empty()
            && !found.iter().any(|(key, _): &(String, String)| key == attribute)
        {
            found.push(((*attribute).to_owned(), value.to_owned()));
        }
    }
    found
}
