//! `GET /` for load balancers and for browsers that look whether the server is there; what every unknown path gets.

use axum::{
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};

/// The health answer. HEAD gets the same without the body.
pub(super) async fn ok() -> Response {
    "OK".into_response()
}

/// An unknown path.
pub(super) async fn not_found() -> Response {
    (StatusCode::NOT_FOUND, [(header::X_CONTENT_TYPE_OPTIONS, "nosniff")], "404 page not found\n")
        .into_response()
}
