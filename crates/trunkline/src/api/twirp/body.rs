//! Reading a request's body: so large at most, and not for ever.

use std::time::Duration;

use axum::{
    body::{Body, to_bytes},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use thiserror::Error;

/// How long a body may take; requests are small.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// Why there is no body. The client's fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(super) enum BodyError {
    #[error("request body too large")]
    TooLarge,
    #[error("the request body took too long")]
    TooSlow,
}

impl IntoResponse for BodyError {
    fn into_response(self) -> Response {
        let status = match self {
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
        };
        (status, self.to_string()).into_response()
    }
}

/// All of `body`, when it has at most `limit` bytes and is there within `patience`.
pub(super) async fn read(body: Body, limit: usize, patience: Duration) -> Result<Bytes, BodyError> {
    match tokio::time::timeout(patience, to_bytes(body, limit)).await {
        Ok(read) => read.map_err(|_| BodyError::TooLarge),
        Err(_) => Err(BodyError::TooSlow),
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{StreamExt, stream};

    use super::*;

    #[tokio::test]
    async fn a_body_that_does_not_end_is_given_up() {
        let begun = stream::once(async { Ok::<_, std::io::Error>(Bytes::from_static(b"{")) });
        let endless = Body::from_stream(begun.chain(stream::pending()));
        let refused = read(endless, 100, Duration::from_millis(20)).await.unwrap_err();
        assert_eq!(refused, BodyError::TooSlow);
        assert_eq!(refused.into_response().status(), StatusCode::REQUEST_TIMEOUT);
    }

    #[tokio::test]
    async fn a_body_of_the_longest_length_is_read() {
        assert_eq!(read(Body::from("12345"), 5, PATIENCE).await.unwrap(), "12345");
        assert_eq!(read(Body::from("123456"), 5, PATIENCE).await, Err(BodyError::TooLarge));
    }
}
