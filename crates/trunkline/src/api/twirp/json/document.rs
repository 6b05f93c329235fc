//! JSON that a person wrote: read like a request, but a name that is not known is a typing error.

use serde_json::Value;
use thiserror::Error;

use super::{
    decode::{self, camel_case},
    messages::{Field, Kind, Message, Shape},
};

/// What is wrong with a document.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum DocumentError {
    #[error("it is no JSON: {0}")]
    Syntax(String),
    #[error("unknown field {0}")]
    UnknownField(String),
    #[error("a value has the wrong type: the fields of {0} are expected")]
    WrongType(&'static str),
}

/// Reads a document that describes `message`.
pub(crate) fn document<M: prost::Message + Default>(
    text: &str,
    message: &Message,
) -> Result<M, DocumentError> {
    let value: Value =
        serde_json::from_str(text).map_err(|error| DocumentError::Syntax(error.to_string()))?;
    if let Some(path) = unknown_field(&value, message) {
        return Err(DocumentError::UnknownField(path));
    }
    let wrong_type = || DocumentError::WrongType(message.name);
    let bytes = decode::decode(text.as_bytes(), message).map_err(|_| wrong_type())?;
    M::decode(bytes.as_slice()).map_err(|_| wrong_type())
}

/// The path of the first field that the message does not have.
fn unknown_field(value: &Value, message: &Message) -> Option<String> {
    for (name, value) in value.as_object()? {
        let known = message.fields.iter().find(|field| field.name == name || camel_case(field.name) == *name);
        let Some(field) = known else { return Some(name.clone()) };
        if let Some(inner) = unknown_inside(value, field) {
            return Some(format!("{name}.{inner}"));
        }
    }
    None
}

fn unknown_inside(value: &Value, field: &Field) -> Option<String> {
    let Kind::Message(message) = field.kind else { return None };
    match field.shape {
        Shape::Many => value.as_array()?.iter().find_map(|element| unknown_field(element, message)),
        _ => unknown_field(value, message),
    }
}
