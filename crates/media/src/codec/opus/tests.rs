//! Told as stories.
