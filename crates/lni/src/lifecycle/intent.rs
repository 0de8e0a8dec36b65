//! The wish that a Node has an LNI, by a name that EC2 keeps: the same wish, asked for again, makes no second interface.

use std::collections::BTreeMap;

use hybridge_model::InstanceId;
use sha2::{Digest as _, Sha256};

use super::world::{CLUSTER_TAG, INSTANCE_TAG, INTENT_TAG, LNI_TAG, NO_MANAGE_TAG};

/// Who wants an LNI where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Intent<'a> {
    pub(super) cluster: &'a str,
    pub(super) node_uid: &'a str,
    pub(super) instance: &'a InstanceId,
    pub(super) subnet: &'a str,
    /// Raised when what was made is gone again: EC2 answers a token that it knows with what it made then.
    pub(super) generation: u32,
}

impl Intent<'_> {
    /// A UUID (RFC 9562, version 8) of everything above. Nothing is stored: who starts anew comes to the same one.
    pub(super) fn token(&self) -> String {
        let Self { cluster, node_uid, instance, subnet, generation } = self;
        let digest = Sha256::digest(format!("{cluster}\n{node_uid}\n{instance}\n{subnet}\n{generation}"));
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        bytes[6] = (bytes[6] & 0x0f) | 0x80;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
    }

    /// Tags to be set with the creation, so that there is no moment without them.
    pub(super) fn tags(&self) -> BTreeMap<String, String> {
        let Self { cluster, node_uid, instance, .. } = self;
        [
            (CLUSTER_TAG, (*cluster).to_owned()),
            (LNI_TAG, format!("{cluster}/{node_uid}")),
            (INTENT_TAG, self.token()),
            (INSTANCE_TAG, instance.to_string()),
            (NO_MANAGE_TAG, "true".to_owned()),
            ("Name", format!("{cluster}-lni")),
        ]
        .map(|(key, value)| (key.to_owned(), value))
        .into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_wish_has_the_same_token_and_another_one_another() {
        let instance = "i-0a".parse().unwrap();
        let wish = Intent { cluster: "shop", node_uid: "u", instance: &instance, subnet: "subnet-1", generation: 0 };
        let token = wish.token();
        assert_eq!(token, wish.clone().token());
        assert!(token.len() == 36 && &token[14..15] == "8", "{token}");
        assert_ne!(token, Intent { generation: 1, ..wish.clone() }.token());
        assert_ne!(token, Intent { node_uid: "v", ..wish.clone() }.token());
        assert_eq!(wish.tags()[INTENT_TAG], token);
    }
}
