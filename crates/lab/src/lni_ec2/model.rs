//! What calls do to the state, by EC2's rules, without sockets or clocks: time is counted in calls.

use std::collections::{BTreeMap, VecDeque};

use super::state::{Attachment, Instance, Interface, Refusal, State};

/// How it behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conduct {
    /// Describe calls tell of what was so many calls ago.
    pub lag: u64,
    /// Calls until what is `pending`, `attaching`, `detaching` or `shutting-down` is done.
    pub slow: u64,
    /// Calls after which a terminated instance is no longer told of.
    pub forget: u64,
    /// Largest page, whatever `MaxResults` says.
    pub page: usize,
}

impl Default for Conduct {
    fn default() -> Self {
        Self { lag: 0, slow: 0, forget: 1000, page: 1000 }
    }
}

/// What happens by itself, later.
#[derive(Clone, Debug)]
enum Later {
    Available(String),
    Attached(String),
    Detached(String),
    Terminated(String),
    Forgotten(String),
}

/// An interface to be made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct New {
    /// `SubnetId`.
    pub subnet: String,
    /// `Description`.
    pub description: String,
    /// Tags of `TagSpecification`.
    pub tags: BTreeMap<String, String>,
}

/// An interface of RunInstances.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Launched {
    /// `DeviceIndex`.
    pub device_index: u8,
    /// `SubnetId`.
    pub subnet: String,
    /// `DeleteOnTermination`; true where it is left out.
    pub delete_on_termination: bool,
}

/// The EC2.
#[derive(Clone, Debug, Default)]
pub struct Model {
    /// What is.
    pub state: State,
    /// How it behaves.
    pub conduct: Conduct,
    seen: VecDeque<(u64, State)>,
    later: Vec<(u64, Later)>,
    tokens: BTreeMap<String, (New, String)>,
    calls: u64,
    made: u64,
}

impl Model {
    /// An EC2 that holds `state`.
    pub fn new(state: State, conduct: Conduct) -> Self {
        Self { seen: VecDeque::from([(0, state.clone())]), state, conduct, ..Self::default() }
    }

    /// A call comes in: what was to happen by now happens.
    pub fn call(&mut self) {
        self.calls += 1;
        self.settle();
        self.publish();
    }

    /// What Describe calls tell now.
    pub fn visible(&self) -> &State {
        self.seen.front().map_or(&self.state, |(_, state)| state)
    }

    /// Changes the state past the API, as another owner of the account may.
    pub fn change(&mut self, change: impl FnOnce(&mut State)) {
        change(&mut self.state);
        self.publish();
    }

    fn publish(&mut self) {
        if self.seen.back().is_none_or(|(_, last)| *last != self.state) {
            self.seen.push_back((self.calls + self.conduct.lag, self.state.clone()));
        }
        while self.seen.get(1).is_some_and(|(at, _)| *at <= self.calls) {
            self.seen.pop_front();
        }
    }

    fn id(&mut self, prefix: &str) -> String {
        self.made += 1;
        format!("{prefix}-{:017x}", 0x0a00_0000 + self.made)
    }

    fn later(&mut self, after: u64, what: Later) {
        self.later.push((self.calls + after, what));
        self.settle();
    }

    fn settle(&mut self) {
        let (due, rest) = std::mem::take(&mut self.later).into_iter().partition(|(at, _)| *at <= self.calls);
        self.later = rest;
        let due: Vec<(u64, Later)> = due;
        due.into_iter().for_each(|(_, what)| self.happen(what));
    }

    fn happen(&mut self, what: Later) {
        match what {
            Later::Available(id) => self.interface_mut(&id, |one| {
                if one.status == "pending" {
                    one.status = "available".into();
                }
            }),
            Later::Attached(id) => self.interface_mut(&id, |one| {
                if let Some(attachment) = one.attachment.as_mut().filter(|attachment| attachment.status == "attaching") {
                    attachment.status = "attached".into();
                }
            }),
            Later::Detached(id) => self.interface_mut(&id, |one| {
                if one.attachment.as_ref().is_some_and(|attachment| attachment.status == "detaching") {
                    (one.attachment, one.status) = (None, "available".into());
                }
            }),
            Later::Terminated(instance) => {
                let held: Vec<(String, bool)> =
                    self.state.held(&instance).map(|(id, _, attachment)| (id.clone(), attachment.delete_on_termination)).collect();
                for (id, goes) in held {
                    if goes {
                        self.state.interfaces.remove(&id);
                    } else {
                        self.interface_mut(&id, |one| (one.attachment, one.status) = (None, "available".into()));
                    }
                }
                if let Some(one) = self.state.instances.get_mut(&instance) {
                    one.state = "terminated".into();
                    self.later.push((self.calls + self.conduct.forget, Later::Forgotten(instance)));
                }
            }
            Later::Forgotten(instance) => {
                self.state.instances.remove(&instance);
            }
        }
    }

    fn interface_mut(&mut self, id: &str, change: impl FnOnce(&mut Interface)) {
        if let Some(one) = self.state.interfaces.get_mut(id) {
            change(one);
        }
    }

    /// CreateNetworkInterface. The same token with the same parameters gives the same interface, even one that is deleted by now.
    ///
    /// # Errors
    /// The token was used for something else, or there is no such subnet or no free address.
    pub fn create(&mut self, new: New, token: &str) -> Result<String, Refusal> {
        if let Some((before, id)) = self.tokens.get(token) {
            let other = || Refusal::new("IdempotentParameterMismatch", "The client token was used with other parameters.");
            return if *before == new { Ok(id.clone()) } else { Err(other()) };
        }
        let id = self.add(&new)?;
        if !token.is_empty() {
            self.tokens.insert(token.to_owned(), (new, id.clone()));
        }
        self.later(self.conduct.slow, Later::Available(id.clone()));
        self.publish();
        Ok(id)
    }

    fn add(&mut self, new: &New) -> Result<String, Refusal> {
        if !self.state.subnets.contains_key(&new.subnet) {
            return Err(Refusal::no_subnet(&new.subnet));
        }
        let full = || Refusal::new("InsufficientFreeAddressesInSubnet", "There are not enough free addresses in the subnet.");
        let address = self.state.free_address(&new.subnet).ok_or_else(full)?;
        let id = self.id("eni");
        let mac = format!("02:00:00:{:02x}:{:02x}:{:02x}", self.made >> 16 & 0xff, self.made >> 8 & 0xff, self.made & 0xff);
        let (subnet, description, tags) = (new.subnet.clone(), new.description.clone(), new.tags.clone());
        let one = Interface { subnet, status: "pending".into(), mac, address, description, tags, attachment: None };
        self.state.interfaces.insert(id.clone(), one);
        Ok(id)
    }

    /// AttachNetworkInterface.
    ///
    /// # Errors
    /// One of them does not exist, is elsewhere or not in a state for it, or the index is taken.
    pub fn attach(&mut self, interface: &str, instance: &str, device_index: u8) -> Result<String, Refusal> {
        let one = self.state.interfaces.get(interface).ok_or_else(|| Refusal::no_interface(interface))?;
        let to = self.state.instances.get(instance).ok_or_else(|| Refusal::no_instance(instance))?;
        if one.attachment.is_some() {
            return Err(Refusal::new("InvalidNetworkInterface.InUse", format!("Interface: [{interface}] in use.")));
        }
        if one.status != "available" {
            return Err(Refusal::new("IncorrectState", format!("Network interface '{interface}' is '{}'.", one.status)));
        }
        if to.state != "running" && to.state != "stopped" {
            return Err(Refusal::new("IncorrectState", format!("Instance '{instance}' is not 'running', 'stopped'.")));
        }
        if self.state.held(instance).any(|(_, _, held)| held.device_index == device_index) {
            let message = format!("Instance '{instance}' already has an interface attached at device index '{device_index}'.");
            return Err(Refusal::value(message));
        }
        let zone = |subnet: &str| self.state.subnets.get(subnet).map(|subnet| (&subnet.vpc, &subnet.outpost_arn));
        if zone(&one.subnet) != zone(&to.subnet) {
            return Err(Refusal::value("You may not attach a network interface to an instance in another VPC or Outpost."));
        }
        // What is attached later does not go with its instance unless that is asked for.
        let attachment = self.hold(interface, instance, (device_index, false));
        self.later(self.conduct.slow, Later::Attached(interface.to_owned()));
        self.publish();
        Ok(attachment)
    }

    fn hold(&mut self, interface: &str, instance: &str, (device_index, delete_on_termination): (u8, bool)) -> String {
        let id = self.id("eni-attach");
        let attachment =
            Attachment { id: id.clone(), instance: instance.to_owned(), device_index, status: "attaching".into(), delete_on_termination };
        self.interface_mut(interface, |one| (one.attachment, one.status) = (Some(attachment), "in-use".into()));
        id
    }

    fn by_attachment(&self, attachment: &str) -> Result<String, Refusal> {
        let found = self.state.interfaces.iter().find(|(_, one)| one.attachment.as_ref().is_some_and(|held| held.id == attachment));
        let none = || Refusal::new("InvalidAttachmentID.NotFound", format!("The attachment '{attachment}' does not exist"));
        found.map(|(id, _)| id.clone()).ok_or_else(none)
    }

    /// DetachNetworkInterface.
    ///
    /// # Errors
    /// There is no such attachment, or it is the instance's first.
    pub fn detach(&mut self, attachment: &str) -> Result<(), Refusal> {
        let id = self.by_attachment(attachment)?;
        if self.state.interfaces[&id].attachment.as_ref().is_some_and(|held| held.device_index == 0) {
            return Err(Refusal::new("OperationNotPermitted", "The network interface at device index 0 cannot be detached."));
        }
        self.interface_mut(&id, |one| one.attachment.iter_mut().for_each(|held| held.status = "detaching".into()));
        self.later(self.conduct.slow, Later::Detached(id));
        self.publish();
        Ok(())
    }

    /// ModifyNetworkInterfaceAttribute of an attachment.
    ///
    /// # Errors
    /// There is no such interface, or it has another attachment or none.
    pub fn set_delete_on_termination(&mut self, interface: &str, attachment: &str, on: bool) -> Result<(), Refusal> {
        let one = self.state.interfaces.get_mut(interface).ok_or_else(|| Refusal::no_interface(interface))?;
        let held = one.attachment.as_mut().filter(|held| held.id == attachment);
        let none = || Refusal::new("InvalidAttachmentID.NotFound", format!("The attachment '{attachment}' does not exist"));
        held.ok_or_else(none)?.delete_on_termination = on;
        self.publish();
        Ok(())
    }

    /// DeleteNetworkInterface.
    ///
    /// # Errors
    /// There is no such interface, or somebody has it.
    pub fn delete(&mut self, interface: &str) -> Result<(), Refusal> {
        let one = self.state.interfaces.get(interface).ok_or_else(|| Refusal::no_interface(interface))?;
        if one.attachment.is_some() {
            return Err(Refusal::value(format!("Network interface '{interface}' is currently in use.")));
        }
        self.state.interfaces.remove(interface);
        self.publish();
        Ok(())
    }

    /// ModifySubnetAttribute `EnableLniAtDeviceIndex`.
    ///
    /// # Errors
    /// There is no such subnet, or it is in no Outpost, or the index is that of the first interface.
    pub fn enable_lni(&mut self, subnet: &str, device_index: u8) -> Result<(), Refusal> {
        let one = self.state.subnets.get_mut(subnet).ok_or_else(|| Refusal::no_subnet(subnet))?;
        if device_index == 0 || one.outpost_arn.is_empty() {
            return Err(Refusal::value(format!("Value ({device_index}) for parameter EnableLniAtDeviceIndex is invalid.")));
        }
        one.lni_device_index = Some(device_index);
        self.publish();
        Ok(())
    }

    /// RunInstances of one instance, with the interfaces that a launch template asks for and the tags for them.
    ///
    /// # Errors
    /// The first interface, a subnet or an address is missing. Nothing is made then.
    pub fn run(&mut self, instance: Instance, interfaces: &[Launched], tags: &BTreeMap<String, String>) -> Result<String, Refusal> {
        if !interfaces.iter().any(|one| one.device_index == 0) {
            return Err(Refusal::value("Interface with device index '0' must be present."));
        }
        let before = self.state.clone();
        let id = self.id("i");
        self.state.instances.insert(id.clone(), Instance { state: "running".into(), ..instance });
        for one in interfaces {
            match self.add(&New { subnet: one.subnet.clone(), description: String::new(), tags: tags.clone() }) {
                Ok(interface) => {
                    self.hold(&interface, &id, (one.device_index, one.delete_on_termination));
                    self.later(self.conduct.slow, Later::Attached(interface));
                }
                Err(refusal) => {
                    self.state = before;
                    return Err(refusal);
                }
            }
        }
        self.publish();
        Ok(id)
    }

    /// TerminateInstances of one instance.
    ///
    /// # Errors
    /// There is no such instance.
    pub fn terminate(&mut self, instance: &str) -> Result<(), Refusal> {
        let one = self.state.instances.get_mut(instance).ok_or_else(|| Refusal::no_instance(instance))?;
        if one.state != "terminated" && one.state != "shutting-down" {
            one.state = "shutting-down".into();
            self.later(self.conduct.slow, Later::Terminated(instance.to_owned()));
        }
        self.publish();
        Ok(())
    }
}
