//! Trees, names and problems; crates that read documents test the rest with their own.

use hybridge_report::Severity;
use serde_json::{Value, json};

use super::*;

const FORM: Form = Form { kind: "Thing", nodes: 200, second: "put it elsewhere" };

fn problems() -> Problems {
    Problems::new("f", 0, Vec::new())
}

fn read_value(text: &str) -> (Option<Value>, Vec<Problem>) {
    let mut problems = problems();
    let value = read(text, FORM, &mut problems).ok().flatten().map(|tree| value(&tree, &mut problems));
    (value, problems.finish())
}

fn codes(problems: &[Problem]) -> Vec<&str> {
    problems.iter().map(|problem| problem.code).collect()
}

#[test]
fn merged_keys_give_way_to_own_ones_and_later_maps_to_earlier_ones() {
    let (value, problems) = read_value("a: &a {x: 1, k: 1}\nb: &b {k: 2, z: 2}\nc: {k: 3, <<: [*a, *b]}\nd: {<<: *b, z: 4}\n");
    assert_eq!(problems, []);
    let value = value.unwrap();
    assert_eq!((&value["c"], &value["d"]), (&json!({"k": 3, "x": 1, "z": 2}), &json!({"k": 2, "z": 4})));
}

#[test]
fn trees_have_an_end() {
    let laughs = format!("a: &a [{}]\nb: [*a, *a, *a, *a]\n", "x,".repeat(60));
    assert_eq!(codes(&read_value(&laughs).1), ["yaml.too-large"]);
    assert_eq!(codes(&read_value(&"- ".repeat(150)).1), ["yaml.too-large"]);
    assert_eq!(codes(&read_value("a: &a [*a]").1), ["yaml.alias"]);
    assert_eq!(codes(&read_value("a: !thing x").1), ["yaml.tag"]);
    assert_eq!(codes(&read_value("a: 1\n---\nb: 2\n").1), ["yaml.second-document"]);
}

#[test]
fn places_are_lines_and_columns_of_characters() {
    let mut problems = problems();
    let tree = read("é: {ü: ä}\nb:\n- x\n", FORM, &mut problems).unwrap().unwrap();
    assert_eq!(tree.get("é").unwrap().get("ü").unwrap().at, At { line: 1, column: 8 });
    let Node::List(items) = &tree.get("b").unwrap().node else { panic!("{tree:?}") };
    assert_eq!((items[0].at, items[0].text()), (At { line: 3, column: 3 }, Some("x")));
}

#[test]
fn too_many_warnings_are_no_error() {
    for (count, worse, wanted) in [(100, false, None), (150, false, Some(Severity::Warning)), (150, true, Some(Severity::Error))] {
        let mut problems = problems();
        for line in 1..=count {
            problems.warning("a.warning", At { line, column: 1 }, "", "is odd");
        }
        if worse {
            problems.error("an.error", At { line: 500, column: 1 }, "", "is wrong");
        }
        let found = problems.finish();
        let rest = found.last().filter(|problem| problem.code == "document.problems");
        assert_eq!((rest.map(|problem| problem.severity), found.len() <= 101), (wanted, true));
    }
}

#[test]
fn secrets_are_shown_in_no_part_of_a_problem() {
    let mut problems = Problems::new("f", 0, vec!["hunter2hunter2".to_owned()]);
    problems.look_at("a.hunter2hunter2");
    problems.error("a.code", At { line: 1, column: 1 }, "hunter2hunter2", "has hunter2hunter2 in it").fix("write hunter2hunter2");
    problems.error("a.code", At { line: 1, column: 1 }, &format!("{}hunter2hunter2", "x".repeat(75)), "is cut off");
    let shown = serde_json::to_string(&problems.finish()).unwrap();
    assert!(!shown.contains("hunter") && shown.contains(HIDDEN), "{shown}");
}

#[test]
fn names_are_guessed_where_they_are_near() {
    let names = ["clusterEndpoints", "cidr", "id"];
    for (text, near) in [("clusterEndpoint", Some("clusterEndpoints")), ("CIDRS", Some("cidr")), ("subnets", None), (&"c".repeat(65), None)]
    {
        assert_eq!(nearest(text, names.into_iter()), near, "{text}");
    }
}

#[test]
fn a_problem_names_its_path_once() {
    let mut problems = problems();
    problems.look_at("vpc.cidr");
    problems.error("a.code", At { line: 1, column: 2 }, "x", "is no network");
    problems.error("a.code", At { line: 1, column: 3 }, "", "vpc.cidr must be set");
    let shown: Vec<String> = problems.finish().into_iter().map(|problem| hybridge_report::Finding::from(problem).to_string()).collect();
    assert_eq!(shown, ["error[a.code]: f:1:2: vpc.cidr: \"x\" is no network", "error[a.code]: f:1:3: vpc.cidr must be set"]);
}
