#!/usr/bin/env bash
# Run tests on Debian 12's own kernel, Linux 6.1: the oldest one that rings are used on. By hand, not by the suite.
#
#   tests/kernel61/run.sh                          tests/hal and tests/system
#   tests/kernel61/run.sh tests/io_manager -x      whatever else pytest is to be given
#   PYTHON=.venv/bin/python tests/kernel61/run.sh  the interpreter with NumPy, pytest and hypothesis (default: .venv's)
#   KERNEL=/boot/vmlinuz-6.1.0-56-amd64            an installed kernel; else the package is fetched for this run
#
# A virtual machine is started in which this machine's whole file system is the root, read-only (9p), and an empty ext4
# disk is where temporary files go, so that files, O_DIRECT and fsync are those of a real file system and block device.
# Nothing is installed and nothing outside a temporary folder is written. Needs Debian's packages qemu-system-x86,
# busybox-static, cpio and e2fsprogs; without /dev/kvm it runs, some ten times slower. What is missing is said,
# and ends the run with 77, the customary number for "skipped".
set -euo pipefail
tree=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
python=${PYTHON:-$tree/.venv/bin/python}
seconds=${SECONDS_AT_MOST:-1800}
[ "$#" != 0 ] || set -- tests/hal tests/system

skip() {
  echo "skipped: $*" >&2
  exit 77
}

PATH=$PATH:/usr/sbin:/sbin
for need in qemu-system-x86_64:qemu-system-x86 busybox:busybox-static cpio:cpio mke2fs:e2fsprogs; do
  command -v "${need%:*}" >/dev/null || skip "no ${need%:*}; Debian has it in the package ${need#*:}"
done
[ "$(uname -m)" = x86_64 ] || skip "the rings are for x86-64, this is $(uname -m)"
"$python" -c 'import hypothesis, numpy, pytest' || skip "PYTHON=$python lacks NumPy, pytest or hypothesis"
python=$(cd "$(dirname "$python")" && pwd)/$(basename "$python") # not resolved: the link is what makes it a venv's

work=$(mktemp -d "${TMPDIR:-/tmp}/ntio-kernel61.XXXXXX")
trap 'rm -rf "$work"' EXIT

# --- the kernel and its modules ---------------------------------------------------------------------------------------

kernel=${KERNEL:-}
modules=/lib/modules
if [ -z "$kernel" ]; then
  package=$(apt-cache depends linux-image-amd64 2>/dev/null | sed -n 's/^ *Depends: \(linux-image-6\.1\..*\)/\1/p' | head -n 1)
  [ -n "$package" ] || skip "apt knows no linux-image-6.1 (Debian 12 does); KERNEL=/boot/vmlinuz-6.1... names one"
  (cd "$work" && apt-get download -qq "$package" 2>/dev/null) || skip "could not download $package"
  dpkg-deb -x "$work"/"$package"_*.deb "$work/package"
  kernel=$(echo "$work"/package/boot/vmlinuz-*)
  modules=$work/package/lib/modules
fi
release=${kernel##*/vmlinuz-}
[ -d "$modules/$release" ] || skip "no modules for $kernel in $modules"

# --- the first file system: busybox, the modules that reach the real root, and what to do there -----------------------

first=$work/first
mkdir -p "$first"/{bin,host,proc,dev} "$first/lib/modules/$release"
cp "$(command -v busybox)" "$first/bin/busybox"
(cd "$modules/$release" && find kernel/{arch/x86/crypto,crypto,drivers/virtio,fs/{9p,ext4,fscache,jbd2,netfs},lib,net/9p} \
  kernel/drivers/block/virtio_blk.ko* kernel/fs/mbcache.ko* -name '*.ko*' -print0 | cpio -0pdm --quiet "$first/lib/modules/$release")

printf -v run '%q ' "$python" -m pytest -p no:cacheprovider -q "$@"
cat >"$first/init" <<INIT
#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t devtmpfs dev /dev
depmod
for module in virtio_pci virtio_blk 9pnet_virtio 9p crc32c_generic ext4; do modprobe \$module; done
mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000,cache=loose,ro host /host &&
mount -t ext4 /dev/vda /host/mnt && mount -t proc proc /host/proc && mount -t sysfs sys /host/sys &&
mount -t devtmpfs dev /host/dev && mkdir -p /host/dev/shm /host/dev/pts &&
mount -t tmpfs shm /host/dev/shm && mount -t devpts pts /host/dev/pts && ifconfig lo up &&
chroot /host /bin/sh <<'GUEST'
export HOME=/mnt TMPDIR=/mnt LANG=C.UTF-8 PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin
export PYTHONDONTWRITEBYTECODE=1 PYTHONPATH='$tree/src' HYPOTHESIS_STORAGE_DIRECTORY=/mnt/hypothesis NTIO_HAL='${NTIO_HAL:-}'
cd '$tree'
echo "######## Linux \$(uname -r), \$(nproc) processors"
$run </dev/null
echo "######## ended with \$?"
GUEST
sync
poweroff -f
INIT
chmod 755 "$first/init"
(cd "$first" && find . -print0 | cpio -0o -H newc --quiet) | gzip -1 >"$work/first.gz"
truncate -s 2G "$work/disk"
mke2fs -q -t ext4 "$work/disk"

# --- run --------------------------------------------------------------------------------------------------------------

# /dev/kvm alone is no promise: on a processor without these flags it started machines that hung in their first code.
processor=(-accel tcg,thread=multi -cpu max)
if [ -w /dev/kvm ] && grep -Eqw 'vmx|svm' /proc/cpuinfo; then
  processor=(-accel kvm -cpu host)
fi
timeout "$seconds" qemu-system-x86_64 "${processor[@]}" -m 2G -smp 2 -nodefaults -no-reboot -nographic -serial stdio \
  -kernel "$kernel" -initrd "$work/first.gz" -append "console=ttyS0 quiet panic=-1" \
  -drive "file=$work/disk,format=raw,if=virtio,cache=unsafe" \
  -virtfs "local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap" \
  </dev/null | tee "$work/console" || echo "######## the machine did not end by itself (at most $seconds s)"
code=$(tr -d '\r' <"$work/console" | sed -n 's/^######## ended with \([0-9]*\)$/\1/p')
exit "${code:-1}"
