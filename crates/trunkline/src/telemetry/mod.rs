//! Logs: one line per event on standard error, for people or as JSON.

use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt, util::SubscriberInitExt};

use crate::config::Logging;

/// Sets up logging for the whole process. `RUST_LOG` overrides the configured level. A second call does nothing.
pub(crate) fn init(logging: &Logging) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(&logging.level));
    let registry = tracing_subscriber::registry().with(filter);
    let layer = fmt::layer().with_writer(std::io::stderr).with_target(false);
    let result = if logging.json {
        registry.with(layer.json().flatten_event(true)).try_init()
    } else {
        let color = std::io::IsTerminal::is_terminal(&std::io::stderr());
        registry.with(layer.with_ansi(color)).try_init()
    };
    drop(result);
}
