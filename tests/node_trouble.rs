//! `hybridge node init` in trouble, end to end on a throw-away machine: run again, killed, given bad input, left alone by AWS.

#![allow(clippy::unwrap_used, reason = "what a test cannot do without fails it")]

mod machine;
mod trouble;

#[path = "trouble/again.rs"]
mod again;
#[path = "trouble/documents.rs"]
mod documents;
#[path = "trouble/killed.rs"]
mod killed;
#[path = "trouble/machines.rs"]
mod machines;
#[path = "trouble/surroundings.rs"]
mod surroundings;
