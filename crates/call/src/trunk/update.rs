//! The two kinds of update: single fields, or everything at once.

use livekit_protocol::{
    ListUpdate, SipOutboundTrunkInfo, SipOutboundTrunkUpdate, UpdateSipOutboundTrunkRequest,
    update_sip_outbound_trunk_request::Action,
};

use super::{TrunkError, validate};

/// Applies an update to the stored trunk and checks the result. Times are the caller's to set.
///
/// # Errors
/// Says what is wrong with the update or with the trunk that it would make.
pub fn apply_update(
    stored: &SipOutboundTrunkInfo,
    request: &UpdateSipOutboundTrunkRequest,
) -> Result<SipOutboundTrunkInfo, TrunkError> {
    let updated = match request.action.as_ref().ok_or(TrunkError::NoAction)? {
        Action::Replace(replacement) => replace(stored, replacement)?,
        Action::Update(update) => change(stored.clone(), update)?,
    };
    validate(&updated)?;
    Ok(updated)
}

/// Checks what can be said of a request before the trunk is looked up.
///
/// # Errors
/// Without a trunk id or without an action.
pub fn validate_request(request: &UpdateSipOutboundTrunkRequest) -> Result<(), TrunkError> {
    if request.sip_trunk_id.is_empty() {
        return Err(TrunkError::IdMissing);
    }
    if request.action.is_none() {
        return Err(TrunkError::NoAction);
    }
    Ok(())
}

fn replace(
    stored: &SipOutboundTrunkInfo,
    replacement: &SipOutboundTrunkInfo,
) -> Result<SipOutboundTrunkInfo, TrunkError> {
    let id = &replacement.sip_trunk_id;
    if !id.is_empty() && *id != stored.sip_trunk_id {
        return Err(TrunkError::IdMismatch);
    }
    Ok(SipOutboundTrunkInfo {
        sip_trunk_id: stored.sip_trunk_id.clone(),
        created_at: stored.created_at,
        ..replacement.clone()
    })
}

fn change(
    mut trunk: SipOutboundTrunkInfo,
    update: &SipOutboundTrunkUpdate,
) -> Result<SipOutboundTrunkInfo, TrunkError> {
    set(&mut trunk.address, update.address.as_ref());
    set(&mut trunk.transport, update.transport.as_ref());
    set(&mut trunk.destination_country, update.destination_country.as_ref());
    set(&mut trunk.auth_username, update.auth_username.as_ref());
    set(&mut trunk.auth_password, update.auth_password.as_ref());
    set(&mut trunk.name, update.name.as_ref());
    set(&mut trunk.metadata, update.metadata.as_ref());
    set(&mut trunk.from_host, update.from_host.as_ref());
    if let Some(list) = &update.numbers {
        change_list(&mut trunk.numbers, list)?;
    }
    change_media(&mut trunk, update);
    Ok(trunk)
}

fn set<T: Clone>(field: &mut T, update: Option<&T>) {
    if let Some(value) = update {
        field.clone_from(value);
    }
}

/// A new `media` replaces the old one whole; the deprecated field follows it.
#[allow(deprecated, reason = "trunks of old clients still carry media_encryption")]
fn change_media(trunk: &mut SipOutboundTrunkInfo, update: &SipOutboundTrunkUpdate) {
    if let Some(encryption) = update.media_encryption {
        trunk.media_encryption = encryption;
        if let Some(media) = &mut trunk.media {
            media.encryption = Some(encryption);
        }
    }
    if let Some(media) = &update.media {
        trunk.media_encryption = media.encryption.unwrap_or_default();
        trunk.media = Some(media.clone());
    }
}

fn change_list(values: &mut Vec<String>, update: &ListUpdate) -> Result<(), TrunkError> {
    check_list(update)?;
    if update.clear {
        values.clear();
    } else if !update.set.is_empty() {
        values.clone_from(&update.set);
    }
    values.retain(|value| !update.remove.contains(value));
    for value in &update.add {
        if !values.contains(value) {
            values.push(value.clone());
        }
    }
    Ok(())
}

fn check_list(update: &ListUpdate) -> Result<(), TrunkError> {
    let changes = !update.add.is_empty() || !update.remove.is_empty();
    if !update.clear && update.set.is_empty() && !changes {
        return Err(TrunkError::List("list update must be set"));
    }
    if update.clear && (changes || !update.set.is_empty()) {
        return Err(TrunkError::List("clear cannot be combined with other changes"));
    }
    if !update.set.is_empty() && changes {
        return Err(TrunkError::List("set cannot be combined with add or remove"));
    }
    let mut all = update.set.iter().chain(&update.add).chain(&update.remove);
    if all.any(String::is_empty) {
        return Err(TrunkError::List("values must not be empty"));
    }
    Ok(())
}
