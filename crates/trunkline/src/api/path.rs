//! The paths that clients make of the URL they were given.

use axum::{extract::Request, http::Uri};

/// What begins one of our own paths.
const ROOTS: [&str; 2] = ["/rtc", "/twirp/"];

/// Takes off what stands before a path of ours: clients that were given `https://host/base/` ask for
/// `/base//rtc/v1`, and not every proxy takes the base off again.
pub(super) fn tidy(mut request: Request) -> Request {
    if let Some(uri) = tidied(request.uri()) {
        *request.uri_mut() = uri;
    }
    request
}

fn tidied(uri: &Uri) -> Option<Uri> {
    let path = uri.path();
    let start = ROOTS.iter().filter_map(|root| start_of(path, root)).max()?;
    if start == 0 {
        return None;
    }
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    format!("{}{query}", &path[start..]).parse().ok()
}

/// Where `root` begins the path's end, a whole segment of it.
fn start_of(path: &str, root: &str) -> Option<usize> {
    let start = path.rfind(root)?;
    let rest = &path[start + root.len()..];
    (root.ends_with('/') || rest.is_empty() || rest.starts_with('/')).then_some(start)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn path(text: &str) -> String {
        let uri: Uri = text.parse().unwrap();
        tidied(&uri).unwrap_or(uri).to_string()
    }

    #[test]
    fn a_base_path_is_taken_off() {
        for (asked, path_of_ours) in [
            ("/rtc/v1?a=b", "/rtc/v1?a=b"),
            ("//rtc", "/rtc"),
            ("/base/rtc/v1?join_request=/rtc", "/rtc/v1?join_request=/rtc"),
            ("/a/b//rtc/validate", "/rtc/validate"),
            ("/rtc/rtc/v1/validate", "/rtc/v1/validate"),
            ("/base/twirp/livekit.SIP/ListSIPTrunk", "/twirp/livekit.SIP/ListSIPTrunk"),
            ("/base", "/base"),
            ("/base/rtcx/v1", "/base/rtcx/v1"),
            ("/", "/"),
        ] {
            assert_eq!(path(asked), path_of_ours, "{asked}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_asked_for_is_tidied_once(text in "(/[a-z]{0,4}|/rtc|/twirp|/v1){0,6}") {
            if let Ok(uri) = format!("/{text}").parse::<Uri>() {
                let once = tidied(&uri).unwrap_or(uri);
                prop_assert!(tidied(&once).is_none(), "{once}");
            }
        }
    }
}
