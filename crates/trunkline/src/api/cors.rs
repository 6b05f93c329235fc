//! Cross-origin requests (Fetch standard): browsers of any origin may use the API, with tokens as the only key.

use axum::{
    extract::Request,
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

/// How long a browser may remember a preflight answer, in seconds.
const MAX_AGE: HeaderValue = HeaderValue::from_static("86400");
/// What a browser may be allowed to send.
const METHODS: [&str; 6] = ["OPTIONS", "HEAD", "GET", "POST", "PATCH", "DELETE"];
const ANY: HeaderValue = HeaderValue::from_static("*");
const VARY: HeaderValue = HeaderValue::from_static("Origin");

/// Answers preflights and marks every other answer.
pub(super) async fn apply(request: Request, next: Next) -> Response {
    let origin = request.headers().get(header::ORIGIN).cloned();
    let preflight = request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    // A browser must be able to read why it may not join, whatever it sent.
    let always = request.uri().path().ends_with("/validate");
    if *request.method() == Method::OPTIONS && preflight {
        return (StatusCode::NO_CONTENT, preflight_headers(&request, origin)).into_response();
    }
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.append(header::VARY, VARY);
    if origin.is_some() {
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, ANY);
    }
    if let Some(allowed) = if always { Some(ANY) } else { origin } {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
    }
    response
}

fn preflight_headers(request: &Request, origin: Option<HeaderValue>) -> HeaderMap {
    let asked = request.headers();
    let mut headers = HeaderMap::new();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.unwrap_or(ANY));
    let method = asked.get(header::ACCESS_CONTROL_REQUEST_METHOD);
    if let Some(method) = method.filter(|method| METHODS.iter().any(|allowed| *method == allowed)) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, method.clone());
    }
    let wanted = asked.get(header::ACCESS_CONTROL_REQUEST_HEADERS).cloned();
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, wanted.unwrap_or(ANY));
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
    headers.insert(
        header::VARY,
        HeaderValue::from_static("Origin, Access-Control-Request-Method, Access-Control-Request-Headers"),
    );
    headers
}
