//! SIP headers to attributes (from the 200 OK) and attributes to SIP headers (on BYE and CANCEL).

use super::{CALL_ID_FULL, CALL_TAG};
use crate::plan::{IncludeHeaders, Mapping};

fn wants(include: IncludeHeaders, name: &str) -> bool {
    match include {
        IncludeHeaders::None => false,
        IncludeHeaders::X => name.get(..2).is_some_and(|prefix| prefix.eq_ignore_ascii_case("x-")),
        IncludeHeaders::All => true,
    }
}

/// Everything the 200 OK tells watchers, to be shown in one update: `sip.h.*`, the mapped headers, then the dialog's Call-ID
/// and remote tag. A header that repeats is shown by its last value under `sip.h.`, by its first when mapped.
#[must_use]
pub fn answered_attributes<'a, I>(
    mapping: &Mapping,
    headers: I,
    call_id: &str,
    remote_tag: &str,
) -> Vec<(String, String)>
where
    I: IntoIterator<Item = (&'a str, &'a str)> + Clone,
{
    let mut shown: Vec<(String, String)> = Vec::new();
    for (name, value) in headers.clone() {
        if wants(mapping.include_headers, name) {
            replace(&mut shown, format!("sip.h.{}", name.to_ascii_lowercase()), value);
        }
    }
    for (header, attribute) in &mapping.headers_to_attributes {
        let first = headers.clone().into_iter().find(|(name, _)| name.eq_ignore_ascii_case(header));
        if let Some((_, value)) = first {
            replace(&mut shown, attribute.clone(), value);
        }
    }
    replace(&mut shown, CALL_ID_FULL.to_owned(), call_id);
    replace(&mut shown, CALL_TAG.to_owned(), remote_tag);
    shown
}

fn replace(shown: &mut Vec<(String, String)>, key: String, value: &str) {
    match shown.iter_mut().find(|(present, _)| *present == key) {
        Some((_, old)) => value.clone_into(old),
        None => shown.push((key, value.to_owned())),
    }
}

/// The headers of a BYE or CANCEL: the attributes that the trunk maps to headers, as they stand now, then `extra`, which wins
/// over a mapped header of the same name.
pub fn headers_for_bye<'a>(
    mapping: &Mapping,
    live: impl Fn(&str) -> Option<&'a str>,
    extra: &[(String, String)],
) -> Vec<(String, String)> {
    let mapped = mapping
        .attributes_to_headers
        .iter()
        .filter(|(_, header)| !extra.iter().any(|(name, _)| name.eq_ignore_ascii_case(header)))
        .filter_map(|(attribute, header)| live(attribute).map(|value| (header.clone(), value.to_owned())));
    mapped.chain(extra.iter().cloned()).filter(|(_, value)| is_header_value(value)).collect()
}

/// An attribute may hold anything; a header value may not break the message.
fn is_header_value(value: &str) -> bool {
    value.len() <= 1024 && !value.contains(|c: char| c.is_control() && c != '\t')
}
