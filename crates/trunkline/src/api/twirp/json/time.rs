//! Timestamps and durations as text (RFC 3339, and seconds with an `s`), as protobuf's JSON mapping has them.

/// The range that protobuf allows a duration: 10 000 years.
const MAX_SECONDS: u64 = 315_576_000_000;

/// Reads `"30s"` or `"-1.5s"` as seconds and nanoseconds of the same sign.
pub(super) fn parse_duration(text: &str) -> Option<(i64, i32)> {
    let number = text.strip_suffix('s')?;
    let (negative, number) = match number.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, number.strip_prefix('+').unwrap_or(number)),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let seconds: u64 = if whole.is_empty() { 0 } else { digits(whole)? };
    if seconds > MAX_SECONDS {
        return None;
    }
    let nanos = i32::try_from(fraction_nanos(fraction)?).ok()?;
    let seconds = i64::try_from(seconds).ok()?;
    Some(if negative { (-seconds, -nanos) } else { (seconds, nanos) })
}

/// Prints seconds and nanoseconds with no, three, six or nine decimals.
pub(super) fn print_duration(seconds: i64, nanos: i32) -> String {
    let sign = if seconds < 0 || nanos < 0 { "-" } else { "" };
    format!("{sign}{}{}s", seconds.unsigned_abs(), decimals(nanos.unsigned_abs()))
}

/// Reads RFC 3339 as seconds since 1970 and nanoseconds.
pub(super) fn parse_timestamp(text: &str) -> Option<(i64, i32)> {
    let (date, rest) = text.split_at_checked(10)?;
    let (year, month, day) = (digits(date.get(..4)?)?, digits(date.get(5..7)?)?, digits(date.get(8..)?)?);
    let clock = rest.strip_prefix('T')?;
    let (clock, zone) = clock.split_at_checked(8)?;
    let (hour, minute, second) =
        (digits(clock.get(..2)?)?, digits(clock.get(3..5)?)?, digits(clock.get(6..)?)?);
    let separators = [date.get(4..5)?, date.get(7..8)?, clock.get(2..3)?, clock.get(5..6)?];
    let in_range = (1..=9999).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day);
    if separators != ["-", "-", ":", ":"] || !in_range || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let (nanos, offset) = fraction_and_zone(zone)?;
    let days =
        days_from_civil(i64::try_from(year).ok()?, i64::try_from(month).ok()?, i64::try_from(day).ok()?);
    let of_day = i64::try_from(hour * 3600 + minute * 60 + second).ok()?;
    Some((days * 86_400 + of_day - offset, nanos))
}

fn fraction_and_zone(text: &str) -> Option<(i32, i64)> {
    let (nanos, zone) = match text.strip_prefix('.') {
        Some(rest) => {
            let end = rest.find(|c: char| !c.is_ascii_digit())?;
            if end == 0 {
                return None;
            }
            (i32::try_from(fraction_nanos(&rest[..end])?).ok()?, &rest[end..])
        }
        None => (0, text),
    };
    if zone == "Z" {
        return Some((nanos, 0));
    }
    let sign = match zone.get(..1)? {
        "+" => 1,
        "-" => -1,
        _ => return None,
    };
    let (hours, minutes) = zone.get(1..)?.split_once(':')?;
    let (hours, minutes) = (two_digits(hours)?, two_digits(minutes)?);
    if hours > 23 || minutes > 59 {
        return None;
    }
    Some((nanos, sign * (hours * 3600 + minutes * 60)))
}

fn two_digits(text: &str) -> Option<i64> {
    if text.len() == 2 { i64::try_from(digits(text)?).ok() } else { None }
}

/// Prints seconds since 1970 in UTC.
pub(super) fn print_timestamp(seconds: i64, nanos: i32) -> String {
    let (year, month, day) = civil_from_days(seconds.div_euclid(86_400));
    let of_day = seconds.rem_euclid(86_400);
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    let fraction = decimals(nanos.unsigned_abs());
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}Z")
}

fn digits(text: &str) -> Option<u64> {
    if text.bytes().all(|b| b.is_ascii_digit()) { text.parse().ok() } else { None }
}

fn fraction_nanos(text: &str) -> Option<u32> {
    if text.len() > 9 {
        return None;
    }
    if text.is_empty() {
        return Some(0);
    }
    let value = u32::try_from(digits(text)?).ok()?;
    Some(value * 10_u32.pow(9 - u32::try_from(text.len()).ok()?))
}

fn decimals(nanos: u32) -> String {
    match nanos {
        0 => String::new(),
        n if n % 1_000_000 == 0 => format!(".{:03}", n / 1_000_000),
        n if n % 1000 == 0 => format!(".{:06}", n / 1000),
        n => format!(".{n:09}"),
    }
}

/// Days since 1970-01-01 of a date of the proleptic Gregorian calendar; years begin in March.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The inverse of [`days_from_civil`].
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}
