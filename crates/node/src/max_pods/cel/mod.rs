//! `kubelet.maxPodsExpression`: the part of the Common Expression Language (google/cel-spec, langdef.md) that is arithmetic.
//!
//! Upstream takes CEL's standard environment with three integers in it. Of that, numbers, texts and booleans, their operators and
//! conversions are here, with CEL's types (nothing is converted unasked), its errors on overflow and its rule that `&&` and `||`
//! hide an error in the half that does not matter. Lists, maps, messages, macros and methods are refused by name: nothing they do
//! leads from three integers to a fourth that a ternary does not. The crate `cel` 0.15 would cost 4.4 MB and 50 crates, and
//! checks no types.

mod eval;
mod lexer;
mod parser;
mod types;

/// What an expression may use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Vars {
    /// Network interfaces of the default card.
    pub default_enis: i64,
    /// IPv4 addresses of each.
    pub ips_per_eni: i64,
    /// Pods by the standard rule.
    pub max_pods: i64,
}

/// Why an expression has no result. Columns count characters from 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CelError {
    /// Not CEL.
    #[error("column {column}: {what}")]
    Syntax {
        /// Where.
        column: usize,
        /// What is wrong there.
        what: String,
    },
    /// CEL, but not the part that is understood here.
    #[error("column {column}: {what} cannot be used here; there are numbers, texts, + - * / %, comparisons, && || !, ?: and conversions")]
    Unsupported {
        /// Where.
        column: usize,
        /// What of CEL.
        what: String,
    },
    /// No such variable or function.
    #[error("column {column}: there is no {name:?}; {known}")]
    Unknown {
        /// Where.
        column: usize,
        /// As written.
        name: String,
        /// What there is.
        known: &'static str,
    },
    /// An operator or conversion that does not take these types.
    #[error("column {column}: {what}")]
    Type {
        /// Where.
        column: usize,
        /// Which, and what to write instead.
        what: String,
    },
    /// The numbers do not allow it: overflow, division by zero, a text that is no number.
    #[error("column {column}: {what}")]
    Value {
        /// Where.
        column: usize,
        /// What happened.
        what: String,
    },
    /// A result that is no number of pods.
    #[error("it comes to {0}; a number of pods is a whole number from 1 to 2147483647")]
    Result(String),
}

/// Whether `text` is an expression that can have a number as its result, whatever the variables are.
///
/// # Errors
/// What is wrong with it, with its column.
pub fn check(text: &str) -> Result<(), CelError> {
    let expression = parser::parse(text)?;
    match types::of(&expression)? {
        types::Type::Bool => Err(CelError::Result("true or false".to_owned())),
        types::Type::Int | types::Type::Uint | types::Type::Double | types::Type::Text => Ok(()),
    }
}

/// The result as a number of pods: a double is cut off (12.9 is 12), a text is read ("42" is 42), as upstream does it.
///
/// # Errors
/// As [`check`], or the expression cannot be computed, or its result is below 1 or above 2147483647.
pub fn evaluate(text: &str, vars: Vars) -> Result<i64, CelError> {
    let expression = parser::parse(text)?;
    types::of(&expression)?;
    let value = eval::value(&expression, &vars)?;
    match eval::to_int(&value) {
        Some(pods) if (1..=i64::from(i32::MAX)).contains(&pods) => Ok(pods),
        Some(_) | None => Err(CelError::Result(value.to_string())),
    }
}

#[cfg(test)]
mod tests;
