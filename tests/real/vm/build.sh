#!/bin/sh
# Builds the virtual machine of the tests: OUT/vmlinux, OUT/root.img and OUT/made.txt. Needs root.
#
# Usage: build.sh OUT
set -eu
here=$(dirname "$(readlink -f "$0")")
mkdir -p "$1"
out=$(readlink -f "$1")
suite=bookworm
kernel_series=linux-image-6.12-cloud-amd64
# A sparse file. Nodes keep images, swap files and the like on it.
image_size=6G
work=$(mktemp -d "${TMPDIR:-/var/tmp}/hybridge-vm.XXXXXX")
trap 'rm -rf --one-file-system "$work"' EXIT
root=$work/root

packages=$(sed 's/#.*//' "$here/packages.txt" | tr -s ' \n' ',,')
# The package lists are there until the hooks have run. A kernel is unpacked but not installed: that would bring an initramfs.
cat >"$work/fetch-kernel" <<'HOOK'
set -eu
cd "$2"
export APT_CONFIG="$MMDEBSTRAP_APT_CONFIG"
package=$(apt-cache depends "$3" | sed -n 's/.*Depends: //p' | head -n 1)
apt-get download "$package"
dpkg-deb --extract "$package"_*.deb kernel
HOOK
# Without documentation and translations, which nobody reads there.
mmdebstrap --mode=root --variant=minbase --format=directory --include="$packages" \
    --aptopt='APT::Install-Recommends "false"' \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/info/*' \
    --customize-hook="sh '$work/fetch-kernel' \"\$1\" '$work' '$kernel_series'" \
    "$suite" "$root"

# The ELF kernel lies compressed inside vmlinuz, and would be decompressed under emulation at every boot. Where it lies is said by
# the header: https://docs.kernel.org/arch/x86/boot.html (setup_sects, payload_offset, payload_length). The last 4 bytes of the
# payload are the length of the plain kernel.
vmlinuz=$(echo "$work"/kernel/boot/vmlinuz-*)
version=${vmlinuz##*/vmlinuz-}
number() { od -An -v -t "u$2" -j "$1" -N "$2" "$vmlinuz" | tr -d ' '; }
start=$((($(number 497 1) + 1) * 512 + $(number 584 4)))
tail -c "+$((start + 1))" "$vmlinuz" | head -c "$(($(number 588 4) - 4))" | zstd --decompress --quiet >"$work/vmlinux"
[ "$(head -c 4 "$work/vmlinux" | tail -c 3)" = ELF ]
mkdir -p "$root/usr/lib/modules"
cp -a "$work/kernel/lib/modules/$version" "$root/usr/lib/modules/"
chroot "$root" depmod "$version"

cp -r --no-preserve=ownership "$here/root/." "$root/"
chmod 755 "$root"/usr/local/lib/lab/*
# An unset identity: every machine makes its own at its first boot, without what systemd does only then.
: >"$root/etc/machine-id"
# With name servers that nobody answers for, a kubelet waits 10 to 20 s for the name of its own host.
rm -f "$root/etc/resolv.conf"
: >"$root/etc/resolv.conf"
: >"$root/etc/fstab"
rm -rf "$root/etc/containerd" "$root/etc/cni/net.d" "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* "$root"/var/log/*.log "$root"/var/log/apt
chroot "$root" systemctl --quiet enable lab-address.service mnt-lab.mount
chroot "$root" systemctl --quiet disable containerd.service systemd-resolved.service systemd-timesyncd.service 2>/dev/null || true
# Nobody logs in, and nothing is to run by itself while a test measures.
chroot "$root" systemctl --quiet mask getty.target serial-getty@hvc0.service apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer \
    e2scrub_all.timer e2scrub_reap.service fstrim.timer mdcheck_start.timer mdcheck_continue.timer mdmonitor-oneshot.timer

size=$(du -sm "$root" | cut -f 1)
mke2fs -q -t ext4 -L root -m 0 -E lazy_itable_init=1,root_owner=0:0 -J size=16 -d "$root" "$work/root.img" "$image_size"
mv "$work/vmlinux" "$out/vmlinux"
cp --sparse=always "$work/root.img" "$out/root.img.partial"
mv "$out/root.img.partial" "$out/root.img"
{
    echo "kernel $version"
    echo "files in the root: $size MB"
    chroot "$root" dpkg-query --show
} >"$out/made.txt"
