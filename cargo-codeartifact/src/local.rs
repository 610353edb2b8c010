//! `local`: the embedded service in the foreground.
