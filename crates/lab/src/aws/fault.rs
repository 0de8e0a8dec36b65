//! How a service is made to fail.

use std::time::Duration;

use super::service::Service;

/// One way to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Too many requests: `RequestLimitExceeded` of EC2, `ThrottlingException` or `Throttling` of the others.
    Throttle,
    /// 500 `InternalFailure` or `ServerException`.
    Internal,
    /// The answer comes this much later.
    Delay(Duration),
    /// The caller is who it says and may not do this.
    AccessDenied,
}

/// A fault of a service and for how many more requests.
#[derive(Clone, Copy, Debug)]
struct Planned {
    service: Service,
    fault: Fault,
    /// `None` is for good.
    left: Option<u32>,
}

/// Faults to come. Of several for one service the first planned comes first.
#[derive(Debug, Default)]
pub(super) struct Faults(Vec<Planned>);

impl Faults {
    pub(super) fn plan(&mut self, service: Service, fault: Fault, times: Option<u32>) {
        self.0.push(Planned { service, fault, left: times });
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// The fault of the next request to a service.
    pub(super) fn next(&mut self, service: Service) -> Option<Fault> {
        self.0.retain(|planned| planned.left != Some(0));
        let planned = self.0.iter_mut().find(|planned| planned.service == service)?;
        if let Some(left) = &mut planned.left {
            *left -= 1;
        }
        Some(planned.fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_come_in_order_and_end() {
        let mut faults = Faults::default();
        faults.plan(Service::Eks, Fault::Throttle, Some(2));
        faults.plan(Service::Sts, Fault::Internal, None);
        faults.plan(Service::Eks, Fault::AccessDenied, Some(1));
        let seen: Vec<_> = (0..4).map(|_| faults.next(Service::Eks)).collect();
        assert_eq!(seen, [Some(Fault::Throttle), Some(Fault::Throttle), Some(Fault::AccessDenied), None]);
        assert_eq!([faults.next(Service::Sts), faults.next(Service::Sts)], [Some(Fault::Internal); 2]);
        faults.clear();
        assert_eq!(faults.next(Service::Sts), None);
    }
}
