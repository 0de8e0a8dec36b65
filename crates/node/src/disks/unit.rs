//! systemd units of mounts: names and texts.

/// `path` without repeated slashes, `.` components and slashes at its end; none if it is relative or has a `..`.
pub fn simplify(path: &str) -> Option<String> {
    let rest = path.strip_prefix('/')?;
    let components: Vec<&str> = rest.split('/').filter(|component| !component.is_empty() && *component != ".").collect();
    (!components.contains(&"..")).then(|| format!("/{}", components.join("/")))
}

/// Name of the mount unit of `path`, after systemd.unit(5) "String escaping for inclusion in unit names": `/` becomes `-`, what is
/// neither an ASCII letter, a digit, `:`, `_` nor `.` becomes `\xHH`, and so does a dot at the beginning. None as [`simplify`].
pub fn name(path: &str) -> Option<String> {
    let path = simplify(path)?;
    if path == "/" {
        return Some("-.mount".to_owned());
    }
    let mut name = String::with_capacity(path.len() + 8);
    for (at, byte) in path.trim_start_matches('/').bytes().enumerate() {
        match byte {
            b'/' => name.push('-'),
            b'.' if at == 0 => name.push_str("\\x2e"),
            b':' | b'_' | b'.' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => name.push(char::from(byte)),
            other => name.push_str(&format!("\\x{other:02x}")),
        }
    }
    Some(name + ".mount")
}

/// Text of the unit that mounts the file system of this UUID. By UUID, as kernel names of NVMe disks change from boot to boot.
pub fn mount(uuid: &str, path: &str, filesystem: &str) -> String {
    format!(
        "[Unit]\nDescription=Disk of the instance store at {path}\n\n[Mount]\nWhat=UUID={uuid}\nWhere={where_}\nType={filesystem}\nOptions=defaults,noatime\n\n[Install]\nWantedBy=multi-user.target\n",
        path = specifiers(path),
        where_ = specifiers(path),
    )
}

/// Text of the unit that mounts a disk which was chosen by what it is. `nofail`: a boot without the disk goes on (systemd.mount(5)).
pub fn volume(uuid: &str, path: &str, filesystem: &str) -> String {
    format!(
        "[Unit]\nDescription=Disk at {where_}\n\n[Mount]\nWhat=UUID={uuid}\nWhere={where_}\nType={filesystem}\nOptions=defaults,noatime,nofail\n\n[Install]\nWantedBy=multi-user.target\n",
        where_ = specifiers(path),
    )
}

/// Text of the unit that binds `source`, a directory on the disks, to `path`.
pub fn bind(source: &str, path: &str) -> String {
    format!(
        "[Unit]\nDescription={path} on the instance store\nRequiresMountsFor={quoted}\n\n[Mount]\nWhat={source}\nWhere={path}\nType=none\nOptions=bind\n\n[Install]\nWantedBy=multi-user.target\n",
        path = specifiers(path),
        source = specifiers(source),
        quoted = quote(&specifiers(source)),
    )
}

/// `%` begins a specifier in values of units.
fn specifiers(value: &str) -> String {
    value.replace('%', "%%")
}

fn quote(value: &str) -> String {
    if value.contains([' ', '\t']) { format!("\"{value}\"") } else { value.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_systemd_escape() {
        // As `systemd-escape --path --suffix=mount` of systemd 252 prints them.
        for (path, unit) in [
            ("/mnt/k8s-disks/0", r"mnt-k8s\x2ddisks-0.mount"),
            ("/var/lib/soci-snapshotter-grpc", r"var-lib-soci\x2dsnapshotter\x2dgrpc.mount"),
            ("/", "-.mount"),
            ("//", "-.mount"),
            ("/a//b/./c/", "a-b-c.mount"),
            ("/.hidden/.x", r"\x2ehidden-.x.mount"),
            ("/a b", r"a\x20b.mount"),
            ("/ä", r"\xc3\xa4.mount"),
            ("/a:b_c.d", "a:b_c.d.mount"),
            (r"/a\b", r"a\x5cb.mount"),
        ] {
            assert_eq!(name(path).as_deref(), Some(unit), "{path}");
        }
        for wrong in ["", "relative", "/a/../b", ".."] {
            assert_eq!(name(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn units_name_the_file_system_by_uuid_and_hide_percent_signs() {
        let text = mount("12-34", "/mnt/a%b/0", "xfs");
        assert!(text.contains("What=UUID=12-34\nWhere=/mnt/a%%b/0\nType=xfs\n"), "{text}");
        let text = bind("/mnt/k8s disks/0/pods", "/var/log/pods");
        assert!(text.contains("RequiresMountsFor=\"/mnt/k8s disks/0/pods\"\n"), "{text}");
        assert!(text.contains("What=/mnt/k8s disks/0/pods\nWhere=/var/log/pods\nType=none\nOptions=bind\n"), "{text}");
    }

    proptest::proptest! {
        #[test]
        fn different_directories_have_different_units(a in "(/[a-z .\\\\-]{1,4}){1,3}", b in "(/[a-z .\\\\-]{1,4}){1,3}") {
            proptest::prop_assert_eq!(name(&a) == name(&b), simplify(&a) == simplify(&b));
        }
    }
}
