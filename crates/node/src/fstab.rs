//! `/etc/fstab`: swap files, which would come back at the next boot.

/// Stands before a line that was taken out of force.
const MARK: &str = "# off for kubelet (hybridge): ";

/// The text with each line of a swap *file* made a comment. Swap on partitions and other devices stays: it is for its owner to take away.
/// Everything else is left as it is, byte for byte, and done twice it changes nothing.
pub fn without_swap(text: &str) -> String {
    text.split_inclusive('\n').map(|line| if is_swap_file(line) { format!("{MARK}{line}") } else { line.to_owned() }).collect()
}

/// The lines that are about swap, of which alone a plan has to know: options of other file systems may hold passwords (`mount.cifs`).
pub fn swap_lines(text: &str) -> String {
    text.split_inclusive('\n').filter(|line| line.split_whitespace().nth(2) == Some("swap")).collect()
}

/// Whether there is such a line.
pub fn has_swap_file(text: &str) -> bool {
    text.lines().any(is_swap_file)
}

/// Fields are device, mount point, type … (fstab(5)); a device is a path below `/dev`, or a name such as `UUID=…`.
fn is_swap_file(line: &str) -> bool {
    let mut fields = line.split_whitespace();
    let file = fields.next().is_some_and(|device| device.starts_with('/') && !device.starts_with("/dev/"));
    file && fields.nth(1) == Some("swap")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn swap_files_alone_become_comments() {
        for (line, off) in [
            ("/swapfile none swap sw 0 0\n", true),
            ("  /var/swap\tswap\tswap\tdefaults\t0\t0", true),
            ("/swap\\040file none swap sw 0 0\r\n", true),
            ("/swap.img none swap\n", true),
            ("/dev/sda2 none swap sw 0 0\n", false),
            ("UUID=0a-1 none swap sw 0 0\n", false),
            ("LABEL=swap none swap sw 0 0\n", false),
            ("/dev/zram0 none swap sw 0 0\n", false),
            ("#/swapfile none swap sw 0 0\n", false),
            ("# /swapfile none swap sw 0 0\n", false),
            ("/data /swap ext4 defaults 0 0\n", false),
            ("/img /swap none bind,swap 0 0\n", false),
            ("/swapfile\n", false),
            ("\n", false),
            ("", false),
        ] {
            let expected = if off { format!("{MARK}{line}") } else { line.to_owned() };
            assert_eq!(without_swap(line), expected, "{line:?}");
        }
    }

    fn line() -> impl Strategy<Value = String> {
        prop_oneof![
            "/[a-z]{1,4} none swap sw 0 0",
            "/dev/sd[a-c] none swap sw 0 0",
            "[ #/a-z\t\r]{0,16}",
            "(UUID=[0-9]|/dev/a) / (xfs|ext4) [a-z]* 0 1"
        ]
    }

    proptest! {
        #[test]
        fn others_stay_as_they_are_and_twice_is_once(lines in prop::collection::vec(line(), 0..8), end in any::<bool>()) {
            let text = lines.join("\n") + if end { "\n" } else { "" };
            let once = without_swap(&text);
            prop_assert_eq!(&without_swap(&once), &once);
            prop_assert_eq!(has_swap_file(&text), once != text);
            prop_assert_eq!(has_swap_file(&swap_lines(&text)), once != text);
            prop_assert_eq!(once.replace(MARK, ""), text.clone());
            for (before, after) in text.split('\n').zip(once.split('\n')) {
                prop_assert!(before == after || is_swap_file(before));
                prop_assert!(!is_swap_file(after));
            }
        }
    }
}
