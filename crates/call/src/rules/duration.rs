//! Durations as protobuf writes them (google.protobuf.Duration): seconds and nanoseconds of one sign.

use std::time::Duration;

use super::RuleError;

/// Ten thousand years, which is where the type ends.
const MAX_SECONDS: i64 = 315_576_000_000;
const MAX_NANOS: i32 = 999_999_999;

/// A duration above zero; `None` when it is absent, zero or negative, which in LiveKit's API all mean "the default".
pub(crate) fn positive(
    field: &'static str,
    value: Option<&pbjson_types::Duration>,
) -> Result<Option<Duration>, RuleError> {
    let Some(value) = value else { return Ok(None) };
    let in_range = (-MAX_SECONDS..=MAX_SECONDS).contains(&value.seconds)
        && (-MAX_NANOS..=MAX_NANOS).contains(&value.nanos);
    let one_sign = value.seconds.signum() * i64::from(value.nanos.signum()) >= 0;
    if !in_range || !one_sign {
        return Err(RuleError::Duration(field));
    }
    let (Ok(seconds), Ok(nanos)) = (u64::try_from(value.seconds), u32::try_from(value.nanos)) else {
        return Ok(None);
    };
    Ok(Some(Duration::new(seconds, nanos)).filter(|duration| !duration.is_zero()))
}
