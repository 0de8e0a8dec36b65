//! One gateway ends while every pod pings every pod of the other side.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::{CROSSING, Story, StoryError};
use crate::netns::Netns;
use crate::world::{World, ping};

/// Echo requests of each hybrid pod, and the time between two.
const REQUESTS: u32 = 200;
const PACE: Duration = Duration::from_millis(50);

/// Pings before the gateway is asked to end.
const QUIET: Duration = Duration::from_secs(3);

/// How long a gateway may take to hand over and end.
const END: Duration = Duration::from_secs(30);

/// How long a reply may take. Emulated machines are slow to wake up.
const REPLY: Duration = Duration::from_secs(2);

/// What was seen while one gateway took over from another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Takeover {
    /// The gateway that carried the traffic, and ended.
    pub from: String,
    /// The one that carries it since.
    pub to: String,
    /// From the signal until the other one carried the traffic.
    pub within: Duration,
    /// Echo requests of the pod in the VPC, and how many were answered.
    pub of_cloud: (u32, u32),
    /// The same of the hybrid pods.
    pub of_hybrid: (u32, u32),
}

impl Takeover {
    /// Requests that nobody answered, of both sides.
    pub fn lost(&self) -> u32 {
        self.of_cloud.0 - self.of_cloud.1 + self.of_hybrid.0 - self.of_hybrid.1
    }
}

impl Story {
    /// Sends SIGTERM to the gateway that carries the traffic, under pings, and waits until the other one does.
    pub fn take_over(&mut self) -> Result<Takeover, StoryError> {
        let active = self.wait_crossing()?;
        let namespace = self.cloud_namespace()?;
        let [cloud, hybrid @ ..] = &self.pods;
        let ended = AtomicBool::new(false);
        let (world, machines) = (&mut self.world, &self.machines);
        let (replaced, of_cloud, of_hybrid) = thread::scope(|scope| {
            let ended = &ended;
            let of_cloud: Vec<_> = hybrid.iter().map(|pod| scope.spawn(|| ping_until(&namespace, pod.address, ended))).collect();
            let of_hybrid: Vec<_> = hybrid
                .iter()
                .zip(machines)
                .map(|(pod, machine)| {
                    let script =
                        format!("ping -q -n -c {REQUESTS} -i {} -W {} {} || true", PACE.as_secs_f64(), REPLY.as_secs(), cloud.address);
                    scope.spawn(move || summary(&machine.in_pod(pod.container(), &script, Duration::from_secs(120))?))
                })
                .collect();
            thread::sleep(QUIET);
            let replaced = replace(world, active);
            let of_hybrid: Vec<_> = of_hybrid.into_iter().map(joined).collect();
            ended.store(true, Ordering::Relaxed);
            (replaced, of_cloud.into_iter().map(joined).fold((0, 0), add), of_hybrid)
        });
        let (to, within) = replaced?;
        let of_hybrid = of_hybrid.into_iter().collect::<Result<Vec<_>, _>>()?.into_iter().fold((0, 0), add);
        let name = |index: usize| self.world.gateways[index].name().to_owned();
        Ok(Takeover { from: name(active), to: name(to), within, of_cloud, of_hybrid })
    }
}

fn joined<T>(thread: thread::ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

fn add(a: (u32, u32), b: (u32, u32)) -> (u32, u32) {
    (a.0 + b.0, a.1 + b.1)
}

/// Ends the gateway; which one carries the traffic instead, and how long that took.
fn replace(world: &mut World, active: usize) -> Result<(usize, Duration), StoryError> {
    let begin = Instant::now();
    world.gateways[active].signal(Signal::SIGTERM)?;
    let other = |world: &World| world.active().is_some_and(|index| index != active);
    world.wait("the other gateway to carry the traffic", CROSSING, other)?;
    let within = begin.elapsed();
    let status = world.gateways[active].wait(END)?;
    if !status.is_some_and(|status| status.success()) {
        return Err(StoryError::End { after: END, said: format!("{status:?}") });
    }
    Ok((world.wait_carrying(CROSSING)?, within))
}

/// Echo requests, one after the other, until it is ended; how many, and how many were answered.
fn ping_until(from: &Netns, to: Ipv4Addr, ended: &AtomicBool) -> (u32, u32) {
    let (mut sent, mut answered) = (0, 0);
    while !ended.load(Ordering::Relaxed) {
        sent += 1;
        answered += u32::from(ping(from, to, REPLY).is_ok_and(|reply| reply.is_some()));
        thread::sleep(PACE / 5);
    }
    (sent, answered)
}

/// Reads `200 packets transmitted, 200 received, …`.
fn summary(text: &str) -> Result<(u32, u32), StoryError> {
    let number = |before: &str| {
        let words: Vec<&str> = text.split([' ', ',', '\n']).filter(|word| !word.is_empty()).collect();
        let at = words.iter().position(|word| *word == before)?;
        words[..at].iter().rev().find_map(|word| word.parse().ok())
    };
    number("transmitted").zip(number("received")).ok_or_else(|| StoryError::Ping(text.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_of_ping_is_read() {
        let text = "PING 10.0.3.30 (10.0.3.30) 56(84) bytes of data.\n\n--- 10.0.3.30 ping statistics ---\n\
                    200 packets transmitted, 199 received, +3 duplicates, 0.5% packet loss, time 9999ms\n";
        assert_eq!(summary(text).unwrap(), (200, 199));
        assert!(summary("ping: no such host").is_err());
    }
}
