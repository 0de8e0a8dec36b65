//! Clusters without a way to the internet.

use hybridge_lab::isolate::isolated;

use crate::emulated::life::{lives, more_networks};
use crate::emulated::{Gateway, Provider, Site, Wanted};

fn in_a_vpc_of_its_own(site: &Site) {
    let first = Wanted::hybrid(Provider::Ssm, Gateway::Transit).private();
    let other_gateway = Wanted { gateway: Gateway::Private, ..more_networks(&first) };
    let other_provider = Wanted { provider: Provider::Anywhere, ..other_gateway.clone() };
    let plain = Wanted::plain().private();
    lives(site, &[first.clone(), more_networks(&first), other_gateway, other_provider, plain, first]);
}

/// What was there before is as it was.
fn in_subnets_of_others(site: &Site) {
    let (given, _) = site.bare();
    let first = Wanted { vpc: Some(given), ..Wanted::hybrid(Provider::Anywhere, Gateway::Transit).private() };
    let other_provider = Wanted { provider: Provider::Ssm, ..more_networks(&first) };
    // Endpoints of the first provider come again, while EC2 still tells of those that were deleted.
    lives(site, &[first.clone(), other_provider, Wanted { gateway: Gateway::Private, ..first }]);
}

#[test]
fn private_clusters_have_endpoints_and_the_way_back_through_all_changes() {
    isolated(|| {
        let site = Site::start();
        in_a_vpc_of_its_own(&site);
        in_subnets_of_others(&site);
    });
}
