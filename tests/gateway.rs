//! The gateway in the lab's world: real processes, real packets, built-in Kubernetes and EC2 APIs.

#![allow(clippy::unwrap_used, reason = "what a test cannot do without fails it")]

mod setting;

use std::time::{Duration, Instant};

use hybridge_lab::ec2::{Failure, RouteTarget};
use hybridge_lab::isolate::isolated;
use hybridge_lab::kube::{Kind, VtepCrd};
use hybridge_lab::topology::pod_cidr;
use hybridge_lab::world::{HostKind, KubeKind, NAMESPACE, World, ping};
use hybridge_model::kernel::{Change, NextHop, Route};
use nix::sys::signal::Signal;
use serde_json::json;
use setting::*;

#[test]
fn two_gateways_start_get_ready_and_packets_cross_both_ways() {
    isolated(|| {
        let mut world = start(|_| {});
        let leader = world.wait_settled(LONG).unwrap();
        for index in 0..2 {
            world.wait_ready(index, LONG).unwrap();
            let metrics = metrics(&world, index);
            assert!(metrics.contains(&format!("hybrid_gateway_leader_is_active {}\n", u8::from(index == leader))), "{metrics}");
            assert!(metrics.contains("hybrid_gateway_hybrid_nodes_configured 2\n"), "{metrics}");
        }
        finish(world);
    });
}

#[test]
fn every_metric_of_the_reference_is_served_under_both_spellings() {
    isolated(|| {
        let mut world = start(|_| {});
        let leader = world.wait_settled(LONG).unwrap();
        world.wait_ready(leader, LONG).unwrap();
        let text = metrics(&world, leader);
        let nic =
            ["rx", "tx"].into_iter().flat_map(|way| ["bytes", "packets", "dropped", "errors"].map(|what| format!("{way}_{what}_total")));
        let devices = nic.flat_map(|name| [format!("vxlan_{name}"), format!("primary_nic_{name}")]);
        let named = [
            "hybrid_nodes_configured",
            "vtep_add_total",
            "vtep_add_errors_total",
            "vtep_remove_total",
            "vtep_remove_errors_total",
            "aws_route_table_update_total",
            "aws_route_table_update_errors_total",
            "aws_route_table_update_duration_seconds_count",
            "route_table_update_total",
            "route_table_update_errors_total",
            "route_table_update_duration_seconds_count",
            "leader_is_active",
            "leader_setup_duration_seconds_count",
            "vxlan_interface_up",
            "vxlan_up",
            "vxlan_fdb_entries",
            "vxlan_route_count",
        ];
        for name in named.into_iter().map(str::to_owned).chain(devices) {
            assert!(text.lines().any(|line| line.starts_with(&format!("hybrid_gateway_{name} "))), "{name} is missing in\n{text}");
        }
        for label in ["node_ip=", "node_name=", "vxlan_interface=\"hybrid_vxlan0\"", "vpc_cidr=", "pod_cidr=", "pod_cidrs="] {
            let info = text.lines().find(|line| line.starts_with("hybrid_gateway_info{")).unwrap();
            assert!(info.contains(label), "{label} is missing in {info}");
        }
        assert!(text.contains("hybrid_gateway_primary_nic_info{interface_name=\"eth0\"} 1"), "{text}");
        assert!(text.contains("hybrid_gateway_vtep_add_total 2\n") && text.contains("leader_setup_duration_seconds_count 1\n"), "{text}");
        finish(world);
    });
}

#[test]
fn killed_processes_cut_nothing_and_the_next_one_adopts_the_device() {
    isolated(|| {
        let mut world = start(|_| {});
        let leader = world.wait_settled(LONG).unwrap();
        let before = device_index(&world, leader);
        let watch = watch(&world);
        world.gateways[leader].signal(Signal::SIGKILL).unwrap();
        world.gateways[leader].wait(LONG).unwrap();
        let next = world.wait_settled(LONG).unwrap();
        assert_ne!(next, leader);
        world.start_gateway(leader).unwrap();
        world.wait_ready(leader, LONG).unwrap();
        assert_eq!(device_index(&world, leader), before, "the device was made again");
        assert_eq!(watch.lost(), 0, "packets were lost though the kernel went on forwarding");
        finish(world);
    });
}

#[test]
fn sigterm_hands_the_lease_back_and_leaves_the_data_path() {
    isolated(|| {
        let mut world = start(|_| {});
        let leader = world.wait_settled(LONG).unwrap();
        world.wait_ready(1 - leader, LONG).unwrap();
        let watch = watch(&world);
        end(&mut world, leader);
        world
            .wait("the other gateway to take the Lease that was released", Duration::from_secs(2), |w| w.active() == Some(1 - leader))
            .unwrap();
        assert!(device_index(&world, leader) > 0);
        assert_eq!(watch.lost(), 0);
        finish(world);
    });
}

#[test]
fn when_the_leaders_host_is_lost_the_other_takes_over() {
    isolated(|| {
        let mut world = start(|_| {});
        let leader = world.wait_settled(LONG).unwrap();
        world.wait_ready(1 - leader, LONG).unwrap();
        world.cut(leader).unwrap();
        let at = Instant::now();
        assert_eq!(world.wait_settled(LONG).unwrap(), 1 - leader);
        assert!(at.elapsed() < Duration::from_secs(6), "took {:?}", at.elapsed());
        finish(world);
    });
}

#[test]
fn gateways_that_were_all_replaced_at_once_take_over_without_a_flag() {
    isolated(|| {
        let mut world = start(|config| config.size.gateway_hosts = 4);
        world.wait_settled(LONG).unwrap();
        // EC2 still shows the routes of the old ones as active: only the history tells whose they are.
        for index in 0..2 {
            world.cut(index).unwrap();
            world.gateways[index].signal(Signal::SIGKILL).unwrap();
            let node = world.gateways[index].node.clone();
            world.cluster.delete_node(&node).unwrap();
        }
        world.start_gateway(2).unwrap();
        world.start_gateway(3).unwrap();
        let active = world.wait_settled(LONG).unwrap();
        assert!(active >= 2);
        world.wait_ready(active, LONG).unwrap();
        finish(world);
    });
}

#[test]
fn terminated_instances_leave_blackholes_that_are_taken_over_even_without_history() {
    isolated(|| {
        let mut world = start(|config| config.size.gateway_hosts = 4);
        world.wait_settled(LONG).unwrap();
        world.terminate(0).unwrap();
        world.terminate(1).unwrap();
        assert!(fake(&world).delete_object(Kind::ConfigMap, NAMESPACE, "hybrid-gateway-state"), "the history was not kept");
        world.start_gateway(2).unwrap();
        assert_eq!(world.wait_settled(LONG).unwrap(), 2);
        finish(world);
    });
}

#[test]
fn nodes_that_come_change_and_go_are_followed_in_the_kernel() {
    isolated(|| {
        let mut world = start(|_| {});
        let leader = world.wait_settled(LONG).unwrap();
        assert_eq!(destinations(&world, leader), ["10.250.1.0/24", "10.250.2.0/24"]);
        // A second pod CIDR.
        world.cluster.set_pod_cidrs("hybrid-1", &cidrs(&["10.250.1.0/24", "10.250.77.0/24"])).unwrap();
        wait_destinations(&world, leader, &["10.250.1.0/24", "10.250.2.0/24", "10.250.77.0/24"]);
        // Another one instead of the first.
        world.move_pods(0, cidrs(&["10.250.88.0/24"])[0]).unwrap();
        wait_destinations(&world, leader, &["10.250.2.0/24", "10.250.88.0/24"]);
        world.wait("packets to the moved pods", LONG, World::all_pods_connected).unwrap();
        // Gone, with neighbour and forwarding entry.
        world.cluster.delete_cilium_node("hybrid-1").unwrap();
        wait_destinations(&world, leader, &["10.250.2.0/24"]);
        for index in 0..2 {
            world
                .wait("the entries of the deleted node to go", LONG, |w| {
                    snapshot(w, index).fdb.len() == 1 && snapshot(w, index).neighbours.len() == 1
                })
                .unwrap();
        }
        finish(world);
    });
}

#[test]
fn conflicting_claims_go_to_the_oldest_and_are_told_by_event_and_metric() {
    isolated(|| {
        let mut world = start(|_| {});
        let leader = world.wait_settled(LONG).unwrap();
        create_cilium_node(&world, "thief", "192.168.10.99", json!(["10.250.1.128/25", "10.250.60.0/24"]));
        wait_destinations(&world, leader, &["10.250.1.0/24", "10.250.2.0/24", "10.250.60.0/24"]);
        let told = |w: &World| {
            fake(w).list(Kind::Event).iter().any(|e| e["reason"] == "HybridGatewayConflict" && e["involvedObject"]["name"] == "thief")
        };
        world.wait("the Event", LONG, told).unwrap();
        assert!(metrics(&world, leader).contains("hybrid_gateway_node_conflicts 1\n"));
        world.cluster.delete_cilium_node("thief").unwrap();
        wait_destinations(&world, leader, &["10.250.1.0/24", "10.250.2.0/24"]);
        finish(world);
    });
}

#[test]
fn objects_that_cannot_be_understood_are_skipped_and_counted() {
    isolated(|| {
        let mut world = start(|_| {});
        let leader = world.wait_settled(LONG).unwrap();
        create_cilium_node(&world, "broken", "192.168.10.98", json!("10.250.50.0/24"));
        create_cilium_node(&world, "good", "192.168.10.97", json!(["10.250.51.0/24"]));
        wait_destinations(&world, leader, &["10.250.1.0/24", "10.250.2.0/24", "10.250.51.0/24"]);
        assert!(metrics(&world, leader).contains("hybrid_gateway_nodes_undecodable 1\n"));
        world.wait_ready(leader, LONG).unwrap();
        finish(world);
    });
}

#[test]
fn what_somebody_deletes_is_put_back() {
    isolated(|| {
        let mut world = start(|_| {});
        let leader = world.wait_settled(LONG).unwrap();
        world.wait_ready(leader, LONG).unwrap();
        world.cloud.delete_route(pod_cidr()).unwrap();
        world.wait("the VPC route to be put back", LONG, |w| w.routes_to() == Some(leader)).unwrap();
        world.cluster.delete_vtep().unwrap();
        world.wait("the CiliumVTEPConfig to be put back", LONG, |w| w.vtep_to() == Some(leader)).unwrap();
        let route = Route { destination: cidrs(&["10.250.1.0/24"])[0], metric: 0, via: NextHop::Other, protocol: 0 };
        change(&world, leader, &[Change::DeleteRoute(route)]);
        wait_destinations(&world, leader, &["10.250.1.0/24", "10.250.2.0/24"]);
        let before = device_index(&world, leader);
        change(&world, leader, &[Change::DeleteLink { name: "hybrid_vxlan0".into() }]);
        world.wait("the device to be made again", LONG, |w| device_index(w, leader) > before).unwrap();
        world.wait("packets to cross", LONG, World::all_pods_connected).unwrap();
        finish(world);
    });
}

#[test]
fn a_packet_to_a_pod_address_that_nobody_owns_crosses_once() {
    isolated(|| {
        let mut world = start(|_| {});
        let leader = world.wait_settled(LONG).unwrap();
        let received = |w: &World| counters(w, leader).rx_packets;
        let before = received(&world);
        let nobody = "10.250.200.10".parse().unwrap();
        for _ in 0..10 {
            // Answered by ICMP host unreachable, or not at all: no reply either way.
            assert!(ping(&world.topology.cloud_pod.ns, nobody, Duration::from_millis(50)).ok().flatten().is_none());
        }
        let crossed = received(&world) - before;
        assert!((10..60).contains(&crossed), "10 packets crossed the gateway's interface {crossed} times");
        finish(world);
    });
}

#[test]
fn routes_of_others_are_refused_named_and_left_alone_unless_adopted() {
    isolated(|| {
        for adopt in [false, true] {
            let mut world = start(|config| {
                config.replicas = 0;
                config.gateway_args = if adopt { vec!["--adopt-routes".into()] } else { Vec::new() };
            });
            let tables = world.cloud.tables();
            let transit = RouteTarget::Other("tgw-0000000000000000f".into());
            world.cloud.ec2.update(|state| state.create_route(&tables[0], pod_cidr(), transit.clone()).unwrap());
            world.start_gateway(0).unwrap();
            let target = |w: &World| w.cloud.ec2.state().tables[&tables[0]].routes[&pod_cidr()].target.clone();
            if adopt {
                world.wait_settled(LONG).unwrap();
                assert_ne!(target(&world), transit);
            } else {
                let named = |w: &World| readiness(w, 0).contains("route.foreign: ") && readiness(w, 0).contains("tgw-0000000000000000f");
                world.wait("the refusal to be named", LONG, named).unwrap();
                let event = |w: &World| fake(w).list(Kind::Event).iter().any(|e| e["reason"] == "HybridGatewayForeignRoute");
                world.wait("the Event", LONG, event).unwrap();
                assert_eq!(target(&world), transit);
                // The other table is served all the same.
                let other = |w: &World| w.cloud.ec2.state().tables[&tables[1]].routes.contains_key(&pod_cidr());
                world.wait("the route in the other table", LONG, other).unwrap();
            }
            finish(world);
        }
    });
}

#[test]
fn nodes_that_vanish_together_are_held() {
    isolated(|| {
        let mut world = start(|config| (config.size.hybrid_nodes, config.gateway_args) = (6, vec!["--mass-delete-hold=3s".into()]));
        let leader = world.wait_settled(LONG).unwrap();
        world.wait_ready(leader, LONG).unwrap();
        for number in 1..=6 {
            world.cluster.delete_cilium_node(&format!("hybrid-{number}")).unwrap();
        }
        world.wait("readiness to say so", LONG, |w| readiness(w, leader).contains("nodes.held: ")).unwrap();
        assert!(world.all_pods_connected(), "entries were not held");
        let event = |w: &World| fake(w).list(Kind::Event).iter().any(|e| e["reason"] == "HybridGatewayMassDeletion");
        world.wait("the Event", LONG, event).unwrap();
        wait_destinations(&world, leader, &[]);
        finish(world);
    });
}

#[test]
fn without_the_api_server_packets_flow_nobody_takes_over_and_readiness_says_so() {
    isolated(|| {
        let mut world = start(|_| {});
        let leader = world.wait_settled(LONG).unwrap();
        world.wait_ready(leader, LONG).unwrap();
        let watch = watch(&world);
        world.set_kube_down(true).unwrap();
        world.wait("readiness to say so", LONG, |w| readiness(w, leader).contains("lease.error: ")).unwrap();
        std::thread::sleep(Duration::from_secs(5));
        assert_eq!(world.routes_to(), Some(leader));
        assert_eq!(watch.lost(), 0);
        world.set_kube_down(false).unwrap();
        for index in 0..2 {
            world.wait_ready(index, LONG).unwrap();
        }
        finish(world);
    });
}

#[test]
fn gateways_that_start_without_the_api_server_or_ec2_get_there_once_these_are_back() {
    isolated(|| {
        let mut world = start(|config| config.replicas = 0);
        world.set_kube_down(true).unwrap();
        world.cloud.ec2.set_failure(Some(Failure::Unavailable));
        world.start_gateway(0).unwrap();
        world.wait("the device", LONG, |w| device_index(w, 0) > 0).unwrap();
        world
            .wait("the reasons", LONG, |w| readiness(w, 0).contains("nodes.unknown: ") && readiness(w, 0).contains("routes.error: "))
            .unwrap();
        world.set_kube_down(false).unwrap();
        world.cloud.ec2.set_failure(None);
        world.wait_ready(0, LONG).unwrap();
        assert_eq!(world.wait_settled(LONG).unwrap(), 0);
        finish(world);
    });
}

#[test]
fn ec2_that_fails_is_told_and_tried_again() {
    isolated(|| {
        let mut world = start(|_| {});
        let leader = world.wait_settled(LONG).unwrap();
        world.wait_ready(leader, LONG).unwrap();
        for failure in [Failure::Throttle, Failure::Unauthorized, Failure::Unavailable] {
            world.cloud.ec2.set_failure(Some(failure));
            world.wait("readiness to say so", LONG, |w| readiness(w, leader).contains("routes.error: ")).unwrap();
            assert!(world.all_pods_connected());
            world.cloud.ec2.set_failure(None);
            world.wait_ready(leader, Duration::from_secs(30)).unwrap();
        }
        finish(world);
    });
}

#[test]
fn an_instance_whose_source_destination_check_is_on_says_so() {
    isolated(|| {
        let mut world = start(|config| config.replicas = 0);
        let instance = world.gateways[0].instance.clone();
        world.cloud.set_source_dest_check(&instance, true).unwrap();
        world.start_gateway(0).unwrap();
        world.wait("readiness to say so", LONG, |w| readiness(w, 0).contains("instance.source-dest-check: ")).unwrap();
        assert!(!world.all_pods_connected(), "the VPC router lets transit packets pass though the check is on");
        finish(world);
    });
}

#[test]
fn forms_of_the_crd_that_cannot_be_written_leave_the_rest_working() {
    isolated(|| {
        for (crd, reason) in
            [(VtepCrd::Missing, "serves no CiliumVTEPConfig"), (VtepCrd::Unknown, "of a form that this version does not know")]
        {
            let world = start(|config| config.kube = KubeKind::Builtin(crd));
            world.wait("readiness to say so", LONG, |w| readiness(w, 0).contains(reason)).unwrap();
            world.wait("the VPC route", LONG, |w| w.routes_to().is_some()).unwrap();
            wait_destinations(&world, 0, &["10.250.1.0/24", "10.250.2.0/24"]);
            finish(world);
        }
    });
}

#[test]
fn the_crd_with_one_mask_for_all_carries_two_vpc_networks() {
    isolated(|| {
        for crd in [VtepCrd::OneMask, VtepCrd::LongestPrefix] {
            let mut world = start(|config| {
                config.kube = KubeKind::Builtin(crd);
                config.size.second_vpc_cidr = true;
            });
            world.wait_settled(LONG).unwrap();
            assert_eq!(world.cluster.vtep().unwrap().unwrap()["spec"]["endpoints"].as_array().unwrap().len(), 2);
            finish(world);
        }
    });
}

#[test]
fn endpoints_of_others_are_kept() {
    isolated(|| {
        let mut world = start(|config| config.replicas = 0);
        let theirs = json!({"name": "lab", "tunnelEndpoint": "10.0.9.9", "cidr": "172.16.0.0/16", "mac": "02:00:00:00:00:09"});
        world.cluster.create("/apis/cilium.io/v2/ciliumvtepconfigs", &json!({
            "apiVersion": "cilium.io/v2", "kind": "CiliumVTEPConfig", "metadata": {"name": "hybrid-gateway"}, "spec": {"endpoints": [theirs]}})).unwrap();
        world.start_gateway(0).unwrap();
        world
            .wait("our endpoint beside theirs", LONG, |w| {
                let object = w.cluster.vtep().unwrap().unwrap();
                let endpoints = object["spec"]["endpoints"].as_array().unwrap();
                endpoints.len() == 2 && endpoints.contains(&theirs) && endpoints[0]["name"] == "vpc-gateway"
            })
            .unwrap();
        finish(world);
    });
}

#[test]
fn on_a_plain_host_established_connections_live_through_a_takeover() {
    isolated(|| {
        let mut world = start(|_| {});
        let leader = world.wait_settled(LONG).unwrap();
        world.wait_ready(1 - leader, LONG).unwrap();
        let mut connection = connect(&world);
        connection.exchange().unwrap();
        end(&mut world, leader);
        assert_eq!(world.wait_settled(LONG).unwrap(), 1 - leader);
        for _ in 0..20 {
            connection.exchange().unwrap();
        }
        finish(world);
    });
}

/// To be turned round when the data path learns to bypass connection tracking.
#[test]
fn on_an_eks_host_established_connections_from_the_vpc_die_at_a_takeover() {
    isolated(|| {
        let mut world = start(|config| config.host = HostKind::Eks);
        let leader = world.wait_settled(LONG).unwrap();
        world.wait_ready(1 - leader, LONG).unwrap();
        let mut connection = connect(&world);
        connection.exchange().unwrap();
        end(&mut world, leader);
        assert_eq!(world.wait_settled(LONG).unwrap(), 1 - leader);
        let broken = (0..20).any(|_| connection.exchange().is_err());
        assert!(broken, "connection tracking let the connection live: turn this test round");
        assert!(world.all_pods_connected(), "new flows must pass");
        finish(world);
    });
}
