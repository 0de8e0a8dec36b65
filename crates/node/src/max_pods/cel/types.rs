//! Which operators take what: CEL converts nothing unasked.

use std::fmt;

use super::CelError;
use super::parser::{Compute, Expr, Kind, Op};

/// Type of a value, known before anything is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    Int,
    Uint,
    Double,
    Text,
    Bool,
}

impl Type {
    /// The conversion of this name.
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "int" => Self::Int,
            "uint" => Self::Uint,
            "double" => Self::Double,
            "string" => Self::Text,
            _ => return None,
        })
    }

    fn is_number(self) -> bool {
        matches!(self, Self::Int | Self::Uint | Self::Double)
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Int => "int",
            Self::Uint => "uint",
            Self::Double => "double",
            Self::Text => "string",
            Self::Bool => "bool",
        })
    }
}

/// The type of an expression, or the first place where types do not fit.
pub(super) fn of(expression: &Expr) -> Result<Type, CelError> {
    let column = expression.column;
    let wrong = |what: String| Err(CelError::Type { column, what });
    match &expression.kind {
        Kind::Int(_) | Kind::Var(_) => Ok(Type::Int),
        Kind::Uint(_) => Ok(Type::Uint),
        Kind::Double(_) => Ok(Type::Double),
        Kind::Text(_) => Ok(Type::Text),
        Kind::Bool(_) => Ok(Type::Bool),
        Kind::Not(inner) => match of(inner)? {
            Type::Bool => Ok(Type::Bool),
            other @ (Type::Int | Type::Uint | Type::Double | Type::Text) => {
                wrong(format!("! takes true or false, not a value of type {other}"))
            }
        },
        Kind::Negative(inner) => match of(inner)? {
            number @ (Type::Int | Type::Double) => Ok(number),
            other @ (Type::Uint | Type::Text | Type::Bool) => wrong(format!("- takes an int or a double, not a value of type {other}")),
        },
        Kind::Convert(to, inner) => match (to, of(inner)?) {
            (_, Type::Bool) if *to != Type::Text => wrong(format!("{to}() takes no bool; write … ? 1 : 0")),
            (Type::Text, Type::Double) => Err(CelError::Unsupported { column, what: "string() of a double".to_owned() }),
            (to, _) => Ok(*to),
        },
        Kind::If(condition, then, otherwise) => {
            let (condition, then, otherwise) = (of(condition)?, of(then)?, of(otherwise)?);
            if condition != Type::Bool {
                return wrong(format!("before ? stands true or false, not a value of type {condition}"));
            }
            if then != otherwise {
                return wrong(format!("both sides of : must be of one type, not {then} and {otherwise}"));
            }
            Ok(then)
        }
        Kind::Binary(op, left, right) => binary(*op, of(left)?, of(right)?).map_or_else(wrong, Ok),
    }
}

fn binary(op: Op, left: Type, right: Type) -> Result<Type, String> {
    let sign = op.sign();
    if left != right {
        let hint = if left.is_number() && right.is_number() { "; convert one of them with int() or double()" } else { "" };
        return Err(format!("{sign} takes two values of one type, not {left} and {right}{hint}"));
    }
    let (fits, result) = match op {
        Op::Or | Op::And => (left == Type::Bool, Type::Bool),
        Op::Compare(_) => (true, Type::Bool),
        Op::Compute(Compute::Add) => (left != Type::Bool, left),
        Op::Compute(Compute::Subtract | Compute::Multiply | Compute::Divide) => (left.is_number(), left),
        Op::Compute(Compute::Remainder) => (matches!(left, Type::Int | Type::Uint), left),
    };
    if fits { Ok(result) } else { Err(format!("{sign} does not take values of type {left}")) }
}
