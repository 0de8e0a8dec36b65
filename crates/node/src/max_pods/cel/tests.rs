use proptest::prelude::*;

use super::*;

fn vars(default_enis: i64, ips_per_eni: i64, max_pods: i64) -> Vars {
    Vars { default_enis, ips_per_eni, max_pods }
}

#[test]
fn upstreams_table_holds() {
    // amazon-eks-ami, nodeadm/internal/kubelet/eni_max_pods_test.go.
    for (text, vars, pods) in [
        ("417", vars(0, 0, 0), 417),
        ("(default_enis * (ips_per_eni - 1)) + 2", vars(3, 6, 0), 17),
        ("(default_enis * ((ips_per_eni - 1) * 16)) + 2", vars(3, 6, 0), 242),
        ("((default_enis * ((ips_per_eni * 16) - 1)) + 2) < 30 ? ((default_enis * ((ips_per_eni * 16) - 1)) + 2) : 30", vars(3, 6, 0), 30),
        ("((default_enis - 1) * (ips_per_eni - 1)) + 2", vars(3, 6, 0), 12),
        ("max_pods < 30 ? max_pods : 30", vars(0, 0, 35), 30),
        ("max_pods", vars(0, 0, 7), 7),
        ("max_pods + 2", vars(999, 9999, 7), 9),
    ] {
        assert_eq!(check(text), Ok(()), "{text}");
        assert_eq!(evaluate(text, vars), Ok(pods), "{text}");
    }
    for (text, vars, error) in [
        (
            "default_enis + fake_variable",
            vars(0, 0, 0),
            "column 16: there is no \"fake_variable\"; variables are default_enis, ips_per_eni and max_pods",
        ),
        (
            "default_enis * 2",
            vars(i64::from(i32::MAX), 0, 0),
            "it comes to 4294967294; a number of pods is a whole number from 1 to 2147483647",
        ),
        (
            "max_pods - ((default_enis * (ips_per_eni - 1)) + 2)",
            vars(3, 6, 17),
            "it comes to 0; a number of pods is a whole number from 1 to 2147483647",
        ),
        ("max_pods - 2", vars(0, 0, 1), "it comes to -1; a number of pods is a whole number from 1 to 2147483647"),
        ("true", vars(0, 0, 0), "it comes to true; a number of pods is a whole number from 1 to 2147483647"),
    ] {
        assert_eq!(evaluate(text, vars).unwrap_err().to_string(), error, "{text}");
    }
}

#[test]
fn what_can_become_a_number_does() {
    for (text, pods) in [
        ("'42'", 42),
        ("\"4\" + '''2'''", 42),
        ("r'42'", 42),
        ("12.9", 12),
        ("0x2A", 42),
        ("42u", 42),
        ("int(110.0 * 0.9)", 99),
        ("110.0 * 0.9e0", 99),
        ("int('7') + int(3u) + int(2.999)", 12),
        ("int(string(4) + string(2u))", 42),
        ("double(max_pods) * 1.5 // half as many again", 87),
        ("uint(max_pods) % 50u", 8),
        ("true && !(max_pods > 100) ? 1 : 2", 1),
        ("max_pods == 58 ? 1 : max_pods == 59 ? 2 : 3", 1),
        ("- -5", 5),
        ("---5 + 7", 2),
        ("!!true ? 1 : 2", 1),
        ("-9223372036854775808 + 9223372036854775807 + 2", 1),
        ("7 / 2 - -7 / 2 + 7 % 4", 9),
        ("'b' > 'a' && 1.5 <= 1.5 && false < true && 'a' + 'b' == 'ab' ? 1 : 2", 1),
        // One half decides, whatever the other is.
        ("max_pods > 0 || 1 / 0 > 0 ? 1 : 2", 1),
        ("1 / 0 > 0 || max_pods > 0 ? 1 : 2", 1),
        ("1 / 0 > 0 && false ? 1 : 2", 2),
        ("false ? 1 / 0 : 4", 4),
    ] {
        assert_eq!(evaluate(text, vars(4, 15, 58)), Ok(pods), "{text}");
    }
}

#[test]
fn errors_say_where_and_why() {
    for (text, start) in [
        ("", "column 1: expected a number, a variable or \"(\", found the end of the expression"),
        ("max_pods +", "column 11: expected a number"),
        ("max_pods 30", "column 10: expected the end, or an operator, found a number"),
        ("(max_pods", "column 10: expected \")\" after ("),
        ("1 ? 2", "column 6: expected \":\" of ?:"),
        ("max_pods = 3", "column 10: expected the end, or an operator, found \"=\""),
        ("max_pods & 3", "column 10: '&' means nothing"),
        ("30px", "column 3: a number ends where letters begin"),
        ("'thirty", "column 1: this text has no end"),
        ("99999999999999999999", "column 1: this number does not fit into 64 bits"),
        ("9223372036854775808", "column 1: this number does not fit into a 64-bit integer"),
        ("max_pods + 1.5", "column 10: + takes two values of one type, not int and double; convert one of them with int() or double()"),
        ("max_pods ? 1 : 2", "column 10: before ? stands true or false, not a value of type int"),
        ("true ? 1 : '2'", "column 6: both sides of : must be of one type, not int and string"),
        ("1.5 % 2.0", "column 5: % does not take values of type double"),
        ("!max_pods", "column 1: ! takes true or false"),
        ("!-5 ? 1 : 2", "column 2: expected a number"),
        ("uint('+3')", "column 1: \"+3\" cannot become a value of type uint"),
        ("-'5'", "column 1: - takes an int or a double"),
        ("int(true)", "column 1: int() takes no bool"),
        ("min(1, 2)", "column 1: there is no \"min\"; functions are int, uint, double and string"),
        ("math.least(1, 2)", "column 1: there is no \"math\""),
        ("[1, 2][0]", "column 1: \"[\" (a field, a method, a list or a map) cannot be used here"),
        ("max_pods in [1]", "column 10: \"in\" (lists and maps) cannot be used here"),
        ("size('abc')", "column 1: size() cannot be used here"),
        ("string(1.5)", "column 1: string() of a double cannot be used here"),
        ("b'42'", "column 1: a literal of bytes cannot be used here"),
        ("null", "column 1: null cannot be used here"),
        ("max_pods / 0", "column 10: 58 / 0 divides by zero"),
        ("max_pods * 9223372036854775807", "column 10: 58 * 9223372036854775807 overflows 64 bits"),
        ("int('many')", "column 1: \"many\" cannot become a value of type int"),
        ("int(1.0 / 0.0)", "column 1: inf cannot become a value of type int"),
        ("'many'", "it comes to \"many\"; a number of pods"),
    ] {
        let error = evaluate(text, vars(4, 15, 58)).unwrap_err().to_string();
        assert!(error.starts_with(start), "{text}: {error}");
    }
    assert_eq!(check("max_pods > 3"), Err(CelError::Result("true or false".to_owned())));
    assert_eq!(check("1 / 0"), Ok(()), "a check knows types, not values");
}

#[test]
fn endless_expressions_are_refused() {
    let nested = format!("{}1{}", "(".repeat(5000), ")".repeat(5000));
    assert!(check(&nested).unwrap_err().to_string().contains("nested more than 100 deep"));
    let long = vec!["1"; 5000].join("+");
    assert!(check(&long).unwrap_err().to_string().contains("more than 500 operations"));
    assert_eq!(evaluate(&format!("{}7", "-".repeat(5000)), Vars::default()), Ok(7));
}

proptest! {
    #[test]
    fn sums_are_those_of_64_bit_integers(a in -1000i64..1000, b in -1000i64..1000, c in 1i64..1000) {
        let text = format!("default_enis * (ips_per_eni + {a}) - {b} % {c}");
        let expected = 7 * (9 + a) - b % c;
        match evaluate(&text, vars(7, 9, 0)) {
            Ok(pods) => prop_assert_eq!(pods, expected),
            Err(error) => prop_assert!(expected < 1, "{}: {}", text, error),
        }
    }

    #[test]
    fn no_text_makes_it_panic(text in "[a-z0-9 .,+*/%<>=!&|?:()'\"\\\\-]{0,60}") {
        let _ = evaluate(&text, vars(4, 15, 58));
    }
}

/// 125,000 such expressions were compared when this was written: cel-go takes nothing that is not refused here by name, and the
/// numbers are the same.
#[test]
fn cel_go_comes_to_the_same() {
    let mut rows = 0;
    for line in include_str!("../data/cel-go-cases.txt").lines().filter(|line| !line.starts_with('#')) {
        let (text, expected) = line.rsplit_once(' ').unwrap();
        let text: String = serde_json::from_str(text).unwrap();
        assert_eq!(evaluate(&text, vars(4, 15, 58)).ok(), expected.parse().ok(), "{text}");
        rows += 1;
    }
    assert_eq!(rows, 400);
}
