//! What a well-typed expression comes to.

use std::cmp::Ordering;
use std::fmt;

use super::parser::{Compare, Compute, Expr, Kind, Op, Var};
use super::types::Type;
use super::{CelError, Vars};

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Int(i64),
    Uint(u64),
    Double(f64),
    Text(String),
    Bool(bool),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(number) => write!(f, "{number}"),
            Self::Uint(number) => write!(f, "{number}"),
            Self::Double(number) => write!(f, "{number}"),
            Self::Text(text) => write!(f, "{text:?}"),
            Self::Bool(truth) => write!(f, "{truth}"),
        }
    }
}

/// The value; types have been checked.
pub(super) fn value(expression: &Expr, vars: &Vars) -> Result<Value, CelError> {
    let column = expression.column;
    let none = |what: String| CelError::Value { column, what };
    Ok(match &expression.kind {
        Kind::Int(number) => Value::Int(*number),
        Kind::Uint(number) => Value::Uint(*number),
        Kind::Double(number) => Value::Double(*number),
        Kind::Text(text) => Value::Text(text.clone()),
        Kind::Bool(truth) => Value::Bool(*truth),
        Kind::Var(Var::DefaultEnis) => Value::Int(vars.default_enis),
        Kind::Var(Var::IpsPerEni) => Value::Int(vars.ips_per_eni),
        Kind::Var(Var::MaxPods) => Value::Int(vars.max_pods),
        Kind::Not(inner) => Value::Bool(!truth(inner, vars)?),
        Kind::Negative(inner) => match value(inner, vars)? {
            Value::Int(number) => Value::Int(number.checked_neg().ok_or_else(|| none(format!("-({number}) overflows 64 bits")))?),
            Value::Double(number) => Value::Double(-number),
            other @ (Value::Uint(_) | Value::Text(_) | Value::Bool(_)) => return Err(none(format!("- does not take {other}"))),
        },
        Kind::If(condition, then, otherwise) => value(if truth(condition, vars)? { then } else { otherwise }, vars)?,
        Kind::Convert(to, inner) => {
            let from = value(inner, vars)?;
            convert(*to, &from).ok_or_else(|| none(format!("{from} cannot become a value of type {to}")))?
        }
        Kind::Binary(op @ (Op::And | Op::Or), left, right) => either(*op == Op::Or, truth(left, vars), || truth(right, vars))?,
        Kind::Binary(Op::Compare(compare), left, right) => Value::Bool(compared(*compare, &value(left, vars)?, &value(right, vars)?)),
        Kind::Binary(op @ Op::Compute(compute), left, right) => {
            let (left, right) = (value(left, vars)?, value(right, vars)?);
            computed(*compute, &left, &right).ok_or_else(|| {
                let by_zero = matches!(compute, Compute::Divide | Compute::Remainder) && matches!(right, Value::Int(0) | Value::Uint(0));
                none(format!("{left} {} {right} {}", op.sign(), if by_zero { "divides by zero" } else { "overflows 64 bits" }))
            })?
        }
    })
}

fn truth(expression: &Expr, vars: &Vars) -> Result<bool, CelError> {
    match value(expression, vars)? {
        Value::Bool(truth) => Ok(truth),
        other @ (Value::Int(_) | Value::Uint(_) | Value::Double(_) | Value::Text(_)) => {
            Err(CelError::Value { column: expression.column, what: format!("{other} is neither true nor false") })
        }
    }
}

/// `||` is decided by a true half, `&&` by a false one, even if the other half is an error.
fn either(decides: bool, left: Result<bool, CelError>, right: impl FnOnce() -> Result<bool, CelError>) -> Result<Value, CelError> {
    if left == Ok(decides) {
        return Ok(Value::Bool(decides));
    }
    match right() {
        Ok(right) if right == decides => Ok(Value::Bool(decides)),
        Ok(_) => left.map(Value::Bool),
        Err(error) => Err(left.err().unwrap_or(error)),
    }
}

/// None where the result does not fit into 64 bits, or there is none.
fn computed(compute: Compute, left: &Value, right: &Value) -> Option<Value> {
    match (left, right) {
        (Value::Int(left), Value::Int(right)) => match compute {
            Compute::Add => left.checked_add(*right),
            Compute::Subtract => left.checked_sub(*right),
            Compute::Multiply => left.checked_mul(*right),
            Compute::Divide => left.checked_div(*right),
            Compute::Remainder => left.checked_rem(*right),
        }
        .map(Value::Int),
        (Value::Uint(left), Value::Uint(right)) => match compute {
            Compute::Add => left.checked_add(*right),
            Compute::Subtract => left.checked_sub(*right),
            Compute::Multiply => left.checked_mul(*right),
            Compute::Divide => left.checked_div(*right),
            Compute::Remainder => left.checked_rem(*right),
        }
        .map(Value::Uint),
        (Value::Double(left), Value::Double(right)) => match compute {
            Compute::Add => Some(left + right),
            Compute::Subtract => Some(left - right),
            Compute::Multiply => Some(left * right),
            Compute::Divide => Some(left / right),
            Compute::Remainder => None,
        }
        .map(Value::Double),
        (Value::Text(left), Value::Text(right)) => (compute == Compute::Add).then(|| Value::Text(format!("{left}{right}"))),
        _ => None,
    }
}

fn compared(compare: Compare, left: &Value, right: &Value) -> bool {
    let order = match (left, right) {
        (Value::Int(left), Value::Int(right)) => Some(left.cmp(right)),
        (Value::Uint(left), Value::Uint(right)) => Some(left.cmp(right)),
        (Value::Double(left), Value::Double(right)) => left.partial_cmp(right),
        (Value::Text(left), Value::Text(right)) => Some(left.cmp(right)),
        (Value::Bool(left), Value::Bool(right)) => Some(left.cmp(right)),
        _ => None,
    };
    match compare {
        Compare::Equal => order == Some(Ordering::Equal),
        Compare::Unequal => order != Some(Ordering::Equal),
        Compare::Less => order == Some(Ordering::Less),
        Compare::LessEqual => matches!(order, Some(Ordering::Less | Ordering::Equal)),
        Compare::Greater => order == Some(Ordering::Greater),
        Compare::GreaterEqual => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
    }
}

/// A conversion, where there is a value to be had.
fn convert(to: Type, from: &Value) -> Option<Value> {
    match to {
        Type::Int => to_int(from).map(Value::Int),
        Type::Uint => match from {
            Value::Int(number) => u64::try_from(*number).ok(),
            Value::Uint(number) => Some(*number),
            Value::Double(number) => (*number >= 0.0 && *number < 18_446_744_073_709_551_616.0).then_some(*number as u64),
            // A sign is no part of an unsigned number.
            Value::Text(text) if text.starts_with('+') => None,
            Value::Text(text) => text.parse().ok(),
            Value::Bool(_) => None,
        }
        .map(Value::Uint),
        Type::Double => match from {
            Value::Int(number) => Some(*number as f64),
            Value::Uint(number) => Some(*number as f64),
            Value::Double(number) => Some(*number),
            Value::Text(text) => text.parse().ok(),
            Value::Bool(_) => None,
        }
        .map(Value::Double),
        Type::Text => Some(Value::Text(match from {
            Value::Text(text) => text.clone(),
            other @ (Value::Int(_) | Value::Uint(_) | Value::Double(_) | Value::Bool(_)) => other.to_string(),
        })),
        Type::Bool => None,
    }
}

/// A whole number: a double loses what is behind the point, a text is read as decimal digits.
pub(super) fn to_int(from: &Value) -> Option<i64> {
    match from {
        Value::Int(number) => Some(*number),
        Value::Uint(number) => i64::try_from(*number).ok(),
        // cel-go refuses both ends of the range, as a double cannot tell them from what lies beyond.
        Value::Double(number) => {
            (*number > -9_223_372_036_854_775_808.0 && *number < 9_223_372_036_854_775_808.0).then_some(*number as i64)
        }
        Value::Text(text) => text.parse().ok(),
        Value::Bool(_) => None,
    }
}
