//! How the metadata service is made to fail.

use std::time::Duration;

/// One way to fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MetadataFault {
    /// No answer ever, as where there is no such service.
    Absent,
    /// The answer comes this much later.
    Slow(Duration),
    /// 401, as for a token that is nobody's.
    BadToken,
    /// 404 for this path, as `meta-data/mac`; about requests for it alone.
    Missing(String),
}

/// Faults to come, with how often each.
#[derive(Debug, Default)]
pub(super) struct Faults(Vec<(MetadataFault, u32)>);

impl Faults {
    pub(super) fn plan(&mut self, fault: MetadataFault, times: u32) {
        self.0.push((fault, times));
    }

    /// The fault of the next request, which is for `path`.
    pub(super) fn next(&mut self, path: &str) -> Option<MetadataFault> {
        self.0.retain(|(_, left)| *left > 0);
        let about = |fault: &MetadataFault| match fault {
            MetadataFault::Missing(missing) => path.trim_start_matches("/latest/").trim_end_matches('/') == missing,
            MetadataFault::Absent | MetadataFault::Slow(_) | MetadataFault::BadToken => true,
        };
        let (fault, left) = self.0.iter_mut().find(|(fault, _)| about(fault))?;
        *left -= 1;
        Some(fault.clone())
    }
}
