//! From words to a tree, with the precedence of CEL's grammar.

use super::CelError;
use super::lexer::{Token, Word, tokens};
use super::types::Type;

/// Enough for any sum over three variables; keeps the stack small.
const OPERATIONS: usize = 500;
const DEPTH: usize = 100;

/// A part of an expression and the column where it, or its operator, is.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Expr {
    pub(super) column: usize,
    pub(super) kind: Kind,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    Int(i64),
    Uint(u64),
    Double(f64),
    Text(String),
    Bool(bool),
    Var(Var),
    Not(Box<Expr>),
    Negative(Box<Expr>),
    Binary(Op, Box<Expr>, Box<Expr>),
    If(Box<Expr>, Box<Expr>, Box<Expr>),
    Convert(Type, Box<Expr>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Var {
    DefaultEnis,
    IpsPerEni,
    MaxPods,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Op {
    Or,
    And,
    Compare(Compare),
    Compute(Compute),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compare {
    Equal,
    Unequal,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compute {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

impl Op {
    /// As it is written.
    pub(super) fn sign(self) -> &'static str {
        LEVELS.iter().flat_map(|level| level.iter()).find(|(_, op)| *op == self).map_or("?", |(sign, _)| sign)
    }
}

/// Binary operators, loosest first; those of one level group from the left.
const LEVELS: [&[(&str, Op)]; 5] = [
    &[("||", Op::Or)],
    &[("&&", Op::And)],
    &[
        ("==", Op::Compare(Compare::Equal)),
        ("!=", Op::Compare(Compare::Unequal)),
        ("<=", Op::Compare(Compare::LessEqual)),
        (">=", Op::Compare(Compare::GreaterEqual)),
        ("<", Op::Compare(Compare::Less)),
        (">", Op::Compare(Compare::Greater)),
    ],
    &[("+", Op::Compute(Compute::Add)), ("-", Op::Compute(Compute::Subtract))],
    &[("*", Op::Compute(Compute::Multiply)), ("/", Op::Compute(Compute::Divide)), ("%", Op::Compute(Compute::Remainder))],
];

/// The whole text as one expression.
pub(super) fn parse(text: &str) -> Result<Expr, CelError> {
    let mut parser = Parser { tokens: tokens(text)?, at: 0, operations: 0, depth: 0 };
    let expression = parser.ternary()?;
    match &parser.here().kind {
        Word::End => Ok(expression),
        word @ (Word::Int(_) | Word::Uint(_) | Word::Double(_) | Word::Text(_) | Word::Name(_) | Word::Sign(_)) => {
            Err(parser.unexpected(word, "the end, or an operator"))
        }
    }
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    operations: usize,
    depth: usize,
}

impl Parser {
    fn here(&self) -> &Token {
        &self.tokens[self.at]
    }

    /// Steps over `sign` if it is next.
    fn accept(&mut self, sign: &str) -> bool {
        let is = matches!(self.here().kind, Word::Sign(here) if here == sign);
        self.at += usize::from(is);
        is
    }

    fn expect(&mut self, sign: &str, place: &str) -> Result<(), CelError> {
        if self.accept(sign) { Ok(()) } else { Err(self.unexpected(&self.here().kind, &format!("{sign:?} {place}"))) }
    }

    fn unexpected(&self, word: &Word, wanted: &str) -> CelError {
        let column = self.here().column;
        let what = match word {
            Word::End => "the end of the expression".to_owned(),
            Word::Sign(sign @ ("." | "[" | "{")) => {
                return CelError::Unsupported { column, what: format!("{sign:?} (a field, a method, a list or a map)") };
            }
            Word::Sign(sign) => format!("{sign:?}"),
            Word::Name(name) if name == "in" => return CelError::Unsupported { column, what: "\"in\" (lists and maps)".to_owned() },
            Word::Name(name) => format!("{name:?}"),
            Word::Text(_) => "a text".to_owned(),
            Word::Int(_) | Word::Uint(_) | Word::Double(_) => "a number".to_owned(),
        };
        CelError::Syntax { column, what: format!("expected {wanted}, found {what}") }
    }

    fn node(&mut self, column: usize, kind: Kind) -> Result<Expr, CelError> {
        self.operations += 1;
        if self.operations > OPERATIONS {
            return Err(CelError::Syntax { column, what: format!("more than {OPERATIONS} operations") });
        }
        Ok(Expr { column, kind })
    }

    fn ternary(&mut self) -> Result<Expr, CelError> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(CelError::Syntax { column: self.here().column, what: format!("nested more than {DEPTH} deep") });
        }
        let condition = self.binary(0)?;
        let column = self.here().column;
        let expression = if self.accept("?") {
            let then = self.binary(0)?;
            self.expect(":", "of ?:")?;
            let otherwise = self.ternary()?;
            self.node(column, Kind::If(Box::new(condition), Box::new(then), Box::new(otherwise)))?
        } else {
            condition
        };
        self.depth -= 1;
        Ok(expression)
    }

    fn binary(&mut self, level: usize) -> Result<Expr, CelError> {
        let Some(operators) = LEVELS.get(level) else { return self.unary() };
        let mut left = self.binary(level + 1)?;
        loop {
            let column = self.here().column;
            let Some((_, op)) = operators.iter().find(|(sign, _)| self.accept(sign)) else { return Ok(left) };
            let right = self.binary(level + 1)?;
            left = self.node(column, Kind::Binary(*op, Box::new(left), Box::new(right)))?;
        }
    }

    /// Signs in front of a value. As in cel-go, two of them cancel each other.
    fn unary(&mut self) -> Result<Expr, CelError> {
        let column = self.here().column;
        let (mut nots, mut minuses) = (0, 0);
        while self.accept("!") {
            nots += 1;
        }
        while nots == 0 && self.accept("-") {
            minuses += 1;
        }
        // The sign belongs to the literal, as the smallest integer has no positive counterpart.
        let literal = matches!(self.here().kind, Word::Int(_) | Word::Double(_));
        let inner = self.primary(literal && minuses == 1)?;
        if nots % 2 == 1 {
            self.node(column, Kind::Not(Box::new(inner)))
        } else if minuses % 2 == 1 && !(literal && minuses == 1) {
            self.node(column, Kind::Negative(Box::new(inner)))
        } else {
            Ok(inner)
        }
    }

    fn primary(&mut self, negative: bool) -> Result<Expr, CelError> {
        let Token { column, kind } = self.here().clone();
        self.at += usize::from(kind != Word::End);
        let kind = match kind {
            Word::Int(magnitude) => Kind::Int(
                signed(magnitude, negative)
                    .ok_or(CelError::Syntax { column, what: "this number does not fit into a 64-bit integer".to_owned() })?,
            ),
            Word::Uint(number) => Kind::Uint(number),
            Word::Double(number) => Kind::Double(if negative { -number } else { number }),
            Word::Text(text) => Kind::Text(text),
            Word::Name(name) => self.name(column, &name)?,
            Word::Sign("(") => {
                let inner = self.ternary()?;
                self.expect(")", "after (")?;
                return Ok(inner);
            }
            word @ (Word::Sign(_) | Word::End) => {
                self.at -= usize::from(word != Word::End);
                return Err(self.unexpected(&word, "a number, a variable or \"(\""));
            }
        };
        self.node(column, kind)
    }

    fn name(&mut self, column: usize, name: &str) -> Result<Kind, CelError> {
        if self.accept("(") {
            let Some(to) = Type::named(name) else {
                if matches!(name, "size" | "type" | "dyn" | "bytes" | "bool" | "duration" | "timestamp" | "matches" | "has") {
                    return Err(CelError::Unsupported { column, what: format!("{name}()") });
                }
                return Err(CelError::Unknown { column, name: name.to_owned(), known: "functions are int, uint, double and string" });
            };
            let inner = self.ternary()?;
            self.expect(")", "after one argument")?;
            return Ok(Kind::Convert(to, Box::new(inner)));
        }
        Ok(match name {
            "true" => Kind::Bool(true),
            "false" => Kind::Bool(false),
            "default_enis" => Kind::Var(Var::DefaultEnis),
            "ips_per_eni" => Kind::Var(Var::IpsPerEni),
            "max_pods" => Kind::Var(Var::MaxPods),
            "null" => return Err(CelError::Unsupported { column, what: "null".to_owned() }),
            _ => {
                let known = "variables are default_enis, ips_per_eni and max_pods";
                return Err(CelError::Unknown { column, name: name.to_owned(), known });
            }
        })
    }
}

fn signed(magnitude: u64, negative: bool) -> Option<i64> {
    if negative { 0i64.checked_sub_unsigned(magnitude) } else { i64::try_from(magnitude).ok() }
}
