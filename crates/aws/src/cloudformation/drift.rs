//! Drift: where resources are no longer what their template says.

use crate::call::{Call, CallError};
use crate::query::{Element, Query};
use crate::session::Session;

/// How far the search for drift is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DriftDetection {
    /// `DETECTION_IN_PROGRESS`, `DETECTION_FAILED`, `DETECTION_COMPLETE`.
    pub detection_status: String,
    /// Why it failed.
    pub detection_status_reason: String,
    /// `DRIFTED`, `IN_SYNC`, `UNKNOWN`, `NOT_CHECKED`.
    pub stack_drift_status: String,
}

/// A resource that was compared with its template.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResourceDrift {
    /// Name in the template.
    pub logical_resource_id: String,
    /// Name in AWS.
    pub physical_resource_id: String,
    /// `AWS::EC2::Route` and so on.
    pub resource_type: String,
    /// `IN_SYNC`, `MODIFIED`, `DELETED`, `NOT_CHECKED`.
    pub status: String,
    /// What differs.
    pub differences: Vec<PropertyDifference>,
}

/// A property that is not what the template says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PropertyDifference {
    /// Path, such as `/RemoteNetworkConfig/RemoteNodeNetworks`.
    pub path: String,
    /// The template's value.
    pub expected: String,
    /// The value there is.
    pub actual: String,
    /// `ADD`, `REMOVE`, `NOT_EQUAL`.
    pub kind: String,
}

impl Session {
    /// Has CloudFormation look for drift (DetectStackDrift) and gives the identifier of the search.
    ///
    /// # Errors
    /// CloudFormation refused (the stack is being changed), or could not be reached.
    pub async fn detect_stack_drift(&self, stack: &str) -> Result<String, CallError> {
        let call = Call::new("DetectStackDrift", stack);
        let query = Query::cloud_formation("DetectStackDrift").with("StackName", stack);
        self.query(&call, &query, |answer| answer.need("StackDriftDetectionId")).await
    }

    /// How far a search is (DescribeStackDriftDetectionStatus).
    ///
    /// # Errors
    /// CloudFormation refused, could not be reached, or answered with something else.
    pub async fn drift_detection(&self, detection: &str) -> Result<DriftDetection, CallError> {
        let call = Call::new("DescribeStackDriftDetectionStatus", detection);
        let query = Query::cloud_formation("DescribeStackDriftDetectionStatus").with("StackDriftDetectionId", detection);
        let decode = |answer: Element<'_, '_>| -> Result<DriftDetection, String> {
            Ok(DriftDetection {
                detection_status: answer.need("DetectionStatus")?,
                detection_status_reason: answer.text("DetectionStatusReason"),
                stack_drift_status: answer.text("StackDriftStatus"),
            })
        };
        self.query(&call, &query, decode).await
    }

    /// What the last search found (DescribeStackResourceDrifts, all pages); `statuses` such as `MODIFIED`, none: all.
    ///
    /// # Errors
    /// CloudFormation refused, could not be reached, or answered with something else.
    pub async fn resource_drifts(&self, stack: &str, statuses: &[&str]) -> Result<Vec<ResourceDrift>, CallError> {
        let call = Call::new("DescribeStackResourceDrifts", stack);
        let query = Query::cloud_formation("DescribeStackResourceDrifts").with("StackName", stack).with("MaxResults", "100");
        let query = query.members("StackResourceDriftStatusFilters", statuses.iter().copied());
        self.query_all(&call, &query, "StackResourceDrifts", drift).await
    }
}

fn drift(element: Element<'_, '_>) -> Result<ResourceDrift, String> {
    let difference = |difference: Element<'_, '_>| -> Result<PropertyDifference, String> {
        Ok(PropertyDifference {
            path: difference.need("PropertyPath")?,
            expected: difference.text("ExpectedValue"),
            actual: difference.text("ActualValue"),
            kind: difference.text("DifferenceType"),
        })
    };
    Ok(ResourceDrift {
        logical_resource_id: element.need("LogicalResourceId")?,
        physical_resource_id: element.text("PhysicalResourceId"),
        resource_type: element.text("ResourceType"),
        status: element.need("StackResourceDriftStatus")?,
        differences: element.items("PropertyDifferences").map(difference).collect::<Result<_, _>>()?,
    })
}
