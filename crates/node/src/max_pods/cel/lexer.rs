//! Words of an expression.

use super::CelError;

/// One word and the column where it begins, from 1.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token {
    pub(super) column: usize,
    pub(super) kind: Word,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Word {
    /// Magnitude; the sign is an operator.
    Int(u64),
    Uint(u64),
    Double(f64),
    Text(String),
    Name(String),
    Sign(&'static str),
    End,
}

/// Longest first, so that `<=` is not read as `<`.
const SIGNS: [&str; 25] =
    ["&&", "||", "==", "!=", "<=", ">=", "<", ">", "+", "-", "*", "/", "%", "!", "?", ":", "(", ")", ",", ".", "[", "]", "{", "}", "="];

/// All words; the last is [`Word::End`].
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, CelError> {
    let chars: Vec<char> = text.chars().collect();
    let mut lexer = Lexer { chars: &chars, at: 0 };
    let mut tokens = Vec::new();
    loop {
        lexer.skip_blank();
        let column = lexer.at + 1;
        let kind = lexer.word()?;
        let end = kind == Word::End;
        tokens.push(Token { column, kind });
        if end {
            return Ok(tokens);
        }
    }
}

struct Lexer<'a> {
    chars: &'a [char],
    at: usize,
}

impl Lexer<'_> {
    fn peek(&self, ahead: usize) -> char {
        self.chars.get(self.at + ahead).copied().unwrap_or('\0')
    }

    fn take(&mut self, keep: impl Fn(char) -> bool) -> String {
        let rest = &self.chars[self.at..];
        let taken: String = rest.iter().take_while(|char| keep(**char)).collect();
        self.at += taken.chars().count();
        taken
    }

    fn skip_blank(&mut self) {
        loop {
            self.take(|char| matches!(char, ' ' | '\t' | '\n' | '\r' | '\x0c'));
            if self.peek(0) != '/' || self.peek(1) != '/' {
                return;
            }
            self.take(|char| char != '\n');
        }
    }

    fn syntax(&self, column: usize, what: impl Into<String>) -> CelError {
        CelError::Syntax { column, what: what.into() }
    }

    fn word(&mut self) -> Result<Word, CelError> {
        let column = self.at + 1;
        if self.at >= self.chars.len() {
            return Ok(Word::End);
        }
        let first = self.peek(0);
        if first.is_ascii_digit() || first == '.' && self.peek(1).is_ascii_digit() {
            return self.number();
        }
        if matches!(first, '"' | '\'') {
            return self.text(false);
        }
        if first.is_ascii_alphabetic() || first == '_' {
            let name = self.take(|char| char.is_ascii_alphanumeric() || char == '_');
            return match (name.as_str(), self.peek(0)) {
                ("r" | "R", '"' | '\'') => self.text(true),
                ("b" | "B" | "br" | "rb" | "bR" | "Rb" | "Br" | "rB" | "BR" | "RB", '"' | '\'') => {
                    Err(CelError::Unsupported { column, what: "a literal of bytes".to_owned() })
                }
                _ => Ok(Word::Name(name)),
            };
        }
        match SIGNS.into_iter().find(|sign| sign.chars().enumerate().all(|(ahead, char)| self.peek(ahead) == char)) {
            Some(sign) => {
                self.at += sign.len();
                Ok(Word::Sign(sign))
            }
            None => Err(self.syntax(column, format!("{first:?} means nothing in an expression"))),
        }
    }

    fn number(&mut self) -> Result<Word, CelError> {
        let column = self.at + 1;
        let too_big = |_| CelError::Syntax { column, what: "this number does not fit into 64 bits".to_owned() };
        let number = if self.peek(0) == '0' && self.peek(1) == 'x' {
            self.at += 2;
            let digits = self.take(|char| char.is_ascii_hexdigit());
            if digits.is_empty() {
                return Err(self.syntax(column, "0x needs digits"));
            }
            u64::from_str_radix(&digits, 16).map_err(too_big)?
        } else {
            let mut text = self.take(|char| char.is_ascii_digit());
            let whole = text.len();
            if self.peek(0) == '.' && self.peek(1).is_ascii_digit() {
                self.at += 1;
                text.push('.');
                text.push_str(&self.take(|char| char.is_ascii_digit()));
            }
            let signed = usize::from(matches!(self.peek(1), '+' | '-'));
            if matches!(self.peek(0), 'e' | 'E') && self.peek(1 + signed).is_ascii_digit() {
                text.push('e');
                text.extend(self.chars[self.at + 1..self.at + 1 + signed].iter());
                self.at += 1 + signed;
                text.push_str(&self.take(|char| char.is_ascii_digit()));
            }
            if text.len() > whole {
                return Ok(Word::Double(text.parse().expect("digits with a point or an exponent are a double")));
            }
            text.parse().map_err(too_big)?
        };
        if matches!(self.peek(0), 'u' | 'U') {
            self.at += 1;
            return Ok(Word::Uint(number));
        }
        if self.peek(0).is_ascii_alphanumeric() || self.peek(0) == '_' {
            return Err(self.syntax(self.at + 1, "a number ends where letters begin"));
        }
        Ok(Word::Int(number))
    }

    fn text(&mut self, raw: bool) -> Result<Word, CelError> {
        let column = self.at + 1;
        let quote = self.peek(0);
        let long = self.peek(1) == quote && self.peek(2) == quote;
        let ends = if long { 3 } else { 1 };
        self.at += ends;
        let mut text = String::new();
        loop {
            if self.at >= self.chars.len() || !long && self.peek(0) == '\n' {
                return Err(self.syntax(column, "this text has no end"));
            }
            if (0..ends).all(|ahead| self.peek(ahead) == quote) {
                self.at += ends;
                return Ok(Word::Text(text));
            }
            if self.peek(0) != '\\' || raw {
                text.push(self.peek(0));
                self.at += 1;
                continue;
            }
            let char = match self.peek(1) {
                'n' => '\n',
                't' => '\t',
                'r' => '\r',
                char @ ('\\' | '\'' | '"' | '`' | '?') => char,
                other => {
                    return Err(CelError::Unsupported { column: self.at + 1, what: format!("the escape \\{}", other.escape_default()) });
                }
            };
            text.push(char);
            self.at += 2;
        }
    }
}
