//! What needs no kernel. The nine causes are made and told in `tests/lni_matrix.rs`.

use super::*;
use crate::profile::tests::profile;

pub(crate) fn lni() -> Lni {
    Lni {
        profile: profile(),
        link: 3,
        name: "eth1".into(),
        mac: "02:ab:cd:00:00:01".parse().unwrap(),
        parent: None,
        vpc_routes: Vec::new(),
    }
}

fn attempt(outcome: Outcome, announced_by: Option<MacAddr>) -> Attempt {
    Attempt {
        client: Ipv4Addr::new(192, 168, 2, 100),
        vip: SocketAddrV4::new(Ipv4Addr::new(192, 168, 2, 169), 80),
        outcome,
        announced_by,
        backends: Vec::new(),
        on_the_node: None,
    }
}

#[test]
fn numbers_and_codes_are_told_apart() {
    let all = [
        Cause::WorksOnlyOnTheNode,
        Cause::ReversePath,
        Cause::Unnumbered,
        Cause::ReplyElsewhere,
        Cause::SourceRule,
        Cause::CniSource,
        Cause::CniAddress,
        Cause::SetUpAsVpc,
        Cause::SenderUnnumbered,
    ];
    assert_eq!(all.map(Cause::number), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
    let codes: std::collections::BTreeSet<_> = all.map(Cause::code).into();
    assert_eq!(codes.len(), all.len());
}

#[test]
fn what_is_none_of_the_nine_is_told_as_such() {
    let lni = lni();
    // A machine on which nothing is in the way.
    let mut facts = Facts::default();
    facts.routing.addresses.insert(hybridge_model::routing::InterfaceAddress {
        link: 3,
        address: Ipv4Addr::new(192, 168, 2, 10),
        prefix: 24,
    });
    let ruleset = crate::nft::ruleset(&lni);
    let other = "02:00:00:00:00:99".parse().unwrap();
    let told = |attempt: Attempt| {
        let attempts = [attempt];
        let evidence = Evidence { lni: &lni, facts: &facts, ruleset: &ruleset, attempts: &attempts, filtered: 0, seen_as: None };
        assert_eq!(causes(&evidence), [], "{attempts:?}");
        others(&evidence).into_iter().map(|finding| finding.code).collect::<Vec<_>>()
    };
    assert_eq!(told(attempt(Outcome::Answered, Some(lni.mac))), [""; 0]);
    assert_eq!(told(attempt(Outcome::Refused, Some(lni.mac))), ["lni.refused"]);
    assert_eq!(told(attempt(Outcome::Silent, None)), ["lni.not-announced"]);
    assert_eq!(told(attempt(Outcome::Silent, Some(other))), ["lni.announced-elsewhere"]);
    assert_eq!(told(attempt(Outcome::Silent, Some(lni.mac))), ["lni.unexplained"]);
    let routed = Attempt { client: Ipv4Addr::new(192, 168, 50, 7), ..attempt(Outcome::Silent, None) };
    assert_eq!(told(routed), ["lni.unexplained"], "behind a router nobody sees who announces");
}
