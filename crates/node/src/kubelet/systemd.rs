//! How systemd reads flags: from an environment file into a variable (`src/basic/env-file.c`), and from `$VARIABLE` as a word of
//! its own on a command line into arguments (systemd.service(5), "Command lines").
//!
//! The second step splits at blanks, but what stands in quotes stays together, and a backslash keeps the character behind it. So a
//! flag with a blank can be given, in quotes.

/// Arguments that `$VARIABLE` becomes, or none where a quote is not closed.
pub(super) fn words(text: &str) -> Option<Vec<String>> {
    let mut words: Vec<String> = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        match (quote, char) {
            (_, '\\') => word.get_or_insert_default().push(chars.next()?),
            (Some(open), _) if char == open => quote = None,
            (None, '"' | '\'') => {
                quote = Some(char);
                word.get_or_insert_default();
            }
            (None, ' ' | '\t' | '\n' | '\r') => words.extend(word.take()),
            (Some(_) | None, _) => word.get_or_insert_default().push(char),
        }
    }
    words.extend(word);
    if quote.is_none() { Some(words) } else { None }
}

/// `text` as one word.
pub(super) fn quoted(text: &str) -> String {
    if !text.is_empty() && !text.contains([' ', '\t', '"', '\'', '\\']) {
        return text.to_owned();
    }
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// A line of an environment file, as EC2's nodeadm writes it: without quotes around the value, whose quotes inside are then kept. A
/// backslash would be dropped, so it is doubled. The value must not begin with a quote: the first flag is always one of ours.
pub(super) fn plain_line(name: &str, value: &str) -> String {
    format!("{name}={}\n", value.replace('\\', "\\\\"))
}

/// The same as nodeadm for hybrid nodes writes it.
pub(super) fn quoted_line(name: &str, value: &str) -> String {
    format!("{name}=\"{}\"\n", value.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What systemd makes of the file, by the states of its parser.
    pub(crate) fn read(file: &str) -> Vec<(String, String)> {
        file.lines()
            .map(|line| {
                let (name, raw) = line.split_once('=').unwrap();
                let mut value = String::new();
                let mut chars = raw.chars();
                let double = raw.starts_with('"');
                if double {
                    chars.next();
                }
                while let Some(char) = chars.next() {
                    match char {
                        '"' if double => {
                            assert_eq!(chars.as_str(), "", "a quote ends the value early: {line}");
                        }
                        '\\' => {
                            let next = chars.next().unwrap();
                            if double && !"\"\\`$".contains(next) {
                                value.push('\\');
                            }
                            value.push(next);
                        }
                        char => value.push(char),
                    }
                }
                (name.to_owned(), value.trim_end_matches([' ', '\t']).to_owned())
            })
            .collect()
    }

    #[test]
    fn words_are_split_as_the_manual_says() {
        // The example of systemd.service(5): ONE='one', TWO='two two' too, THREE empty.
        assert_eq!(words("'one'").unwrap(), ["one"]);
        assert_eq!(words("'two two' too").unwrap(), ["two two", "too"]);
        assert_eq!(words("").unwrap(), [""; 0]);
        assert_eq!(words(" --a=b\t--c=\"d e\"'f g'\\ h --i=\"\" ").unwrap(), ["--a=b", "--c=d ef g h", "--i="]);
        assert_eq!(words("--a=\"b"), None);
        assert_eq!(words("--a=b\\"), None);
    }

    proptest! {
        #[test]
        fn every_word_arrives_as_it_was(given in prop::collection::vec("[ -~]{0,12}", 1..5)) {
            let value = format!("--first {}", given.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" "));
            for line in [plain_line("NAME", &value), quoted_line("NAME", &value)] {
                let read = read(&line);
                prop_assert_eq!(&read[0].0, "NAME");
                prop_assert_eq!(&words(&read[0].1).unwrap()[1..], &given, "{}", line);
            }
        }
    }
}
