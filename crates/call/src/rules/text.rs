//! Display names, user parts and countries.

use super::{RuleError, headers::is_token};

/// The longest display name, in bytes.
const MAX_DISPLAY_NAME: usize = 128;

/// The officially assigned codes of ISO 3166-1 alpha-2, each followed by a blank.
const COUNTRIES: &str = "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV \
     BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM \
     FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM \
     JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR \
     MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS \
     RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ \
     UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW ";

/// A display name as users write it: what may stand between double quotes, escapes included. Returns the plain
/// text.
pub(crate) fn display_name(value: &str) -> Result<String, RuleError> {
    let refuse = |flaw: &str| Err(RuleError::Field(format!("display_name {flaw}")));
    if value.len() > MAX_DISPLAY_NAME {
        return refuse("is longer than 128 bytes");
    }
    let mut plain = String::with_capacity(value.len());
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => return refuse("holds a double quote without a backslash"),
            '\\' => match unescape(&mut chars) {
                Some(c) if !c.is_control() => plain.push(c),
                Some(_) => return refuse("holds control characters"),
                None => return refuse("holds a backslash that escapes nothing"),
            },
            c if c.is_control() => return refuse("holds control characters"),
            c => plain.push(c),
        }
    }
    Ok(plain)
}

/// The character that an escape stands for; the backslash is consumed.
fn unescape(chars: &mut std::str::Chars<'_>) -> Option<char> {
    match chars.next()? {
        c @ ('"' | '\\') => Some(c),
        'a' => Some('\x07'),
        'b' => Some('\x08'),
        'f' => Some('\x0c'),
        'n' => Some('\n'),
        'r' => Some('\r'),
        't' => Some('\t'),
        'v' => Some('\x0b'),
        'x' => coded(chars, 2, 16),
        'u' => coded(chars, 4, 16),
        'U' => coded(chars, 8, 16),
        first @ '0'..='3' => {
            let rest = digits(chars, 2, 8)?;
            char::from_u32(first.to_digit(8)? * 64 + rest)
        }
        _ => None,
    }
}

fn coded(chars: &mut std::str::Chars<'_>, count: usize, radix: u32) -> Option<char> {
    char::from_u32(digits(chars, count, radix)?)
}

fn digits(chars: &mut std::str::Chars<'_>, count: usize, radix: u32) -> Option<u32> {
    let mut value: u32 = 0;
    for _ in 0..count {
        value = value.checked_mul(radix)?.checked_add(chars.next()?.to_digit(radix)?)?;
    }
    Some(value)
}

/// A user part that replaces the one of To.
pub(crate) fn user_override(field: &str, value: &str) -> Result<(), RuleError> {
    if value.contains('@') {
        return Err(RuleError::Field(format!(
            "{field} should be a phone number or SIP user, not a full SIP URI"
        )));
    }
    if !value.chars().all(is_token) {
        return Err(RuleError::Field(format!("{field} holds characters that are not allowed")));
    }
    Ok(())
}

/// A country by its two capital letters.
pub(crate) fn country(field: &str, value: &str) -> Result<(), RuleError> {
    let known = value.len() == 2
        && value.bytes().all(|b| b.is_ascii_uppercase())
        && COUNTRIES.contains(&format!("{value} "));
    if known {
        return Ok(());
    }
    Err(RuleError::Field(format!(
        "{field} must be an ISO 3166-1 alpha-2 code in capitals, for example US or GB"
    )))
}
