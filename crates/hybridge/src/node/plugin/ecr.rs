//! `hybridge ecr-credential-provider`: credentials for images in Amazon ECR.

use std::io::Read as _;

use hybridge_aws::ecr::{Request, respond};
use hybridge_report::Exit;

use super::{Failure, run};

/// The kubelet's request names one image; no sound one is longer.
const LONGEST_REQUEST: u64 = 1 << 20;

/// Reads the kubelet's request and prints the response.
pub(crate) fn ecr_credential_provider() -> Exit {
    run(async {
        let mut text = Vec::new();
        let read = std::io::stdin().lock().take(LONGEST_REQUEST).read_to_end(&mut text);
        read.map_err(|error| Failure::new(&error, None))?;
        let fix = || Some("see `hybridge ecr-credential-provider --help`; the kubelet writes the request".to_owned());
        let request = Request::parse(&text).map_err(|error| Failure::new(&error, fix()))?;
        let response = respond(&request.image).await.map_err(|error| Failure::new(&error, error.fix()))?;
        Ok(response.reveal().to_owned())
    })
}
