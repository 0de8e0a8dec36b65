//! The certificates against which EC2's are checked: Mozilla's, laid out as Debian does it.

use pem::{EncodeConfig, LineEnding, Pem};
use webpki_root_certs::TLS_SERVER_ROOT_CERTS;

use crate::tree::{DATA, Tree};

/// Where TLS libraries look on Debian, and `rustls-native-certs` on any Linux.
pub const BUNDLE: &str = "etc/ssl/certs/ca-certificates.crt";

/// One file with all roots that Mozilla trusts for TLS servers.
pub fn bundle() -> Tree {
    let blocks: Vec<_> = TLS_SERVER_ROOT_CERTS.iter().map(|certificate| Pem::new("CERTIFICATE", certificate.to_vec())).collect();
    let mut tree = Tree::default();
    tree.add(BUNDLE, DATA, pem::encode_many_config(&blocks, EncodeConfig::new().set_line_ending(LineEnding::LF)));
    tree
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bundle_holds_every_root_and_nothing_else() {
        let tree = bundle();
        assert_eq!(tree.paths().collect::<Vec<_>>(), [BUNDLE]);
        let blocks = pem::parse_many(tree.bytes(BUNDLE).unwrap()).unwrap();
        assert!(blocks.len() > 100, "{}", blocks.len());
        assert!(
            blocks.iter().zip(TLS_SERVER_ROOT_CERTS).all(|(block, root)| block.tag() == "CERTIFICATE" && block.contents() == root.as_ref())
        );
        assert_eq!(blocks.len(), TLS_SERVER_ROOT_CERTS.len());
    }
}
