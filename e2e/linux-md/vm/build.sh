#!/usr/bin/env bash
# Builds the guest: a Debian kernel, unpacked but not installed, and an initramfs that holds the given programs and
# the kernel modules that md needs.
#
# usage: build.sh OUT KERNEL_PACKAGE=VERSION PROGRAM...     leaves OUT/vmlinuz and OUT/initramfs.gz
set -euo pipefail

out=$(realpath -m "$1")
kernel_package=$2
shift 2
programs=("$@")
here=$(dirname "$(realpath "$0")")
PATH=$PATH:/usr/sbin:/sbin

# virtio carries the disks, 9p the shared directory. When raid456 starts an array, md asks the crypto API for
# "crc32c"; the guest has no modprobe that would answer, so its module is loaded first.
modules=(virtio_pci virtio_blk 9pnet_virtio 9p crc32c_generic raid456 ext4)

mkdir -p "$(dirname "$out")"
exec 9>"$out.lock"
flock 9
[ -e "$out/initramfs.gz" ] && exit

# Everything is made in a work directory beside OUT, and OUT appears complete or not at all.
work=$(mktemp -d "$out.XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work"
mkdir kernel root vm

apt-get -q download "$kernel_package"
dpkg-deb -x ./*.deb kernel
cp kernel/boot/vmlinuz-* vm/vmlinuz
# Newer Debian packages have their modules in /usr/lib only; modprobe looks in /lib.
[ -e kernel/lib ] || ln -s usr/lib kernel/lib
release=$(basename kernel/lib/modules/*)
depmod -b kernel "$release"

cd root
mkdir bin dev etc host mnt modules proc run sbin sys tmp usr usr/bin usr/sbin
install "$here/init" init
for program in "${programs[@]}"; do
  install "$program" sbin
  # ldd lists the libraries and the loader by path, and fails for a static program.
  if libraries=$(ldd "$program" 2>/dev/null); then
    grep -o '/[^ ]*' <<<"$libraries" | xargs cp -L --parents -t .
  fi
done
modprobe -d "$work/kernel" -S "$release" --show-depends -a "${modules[@]}" |
  awk '$1 == "insmod" && !seen[$2]++ { print $2 }' |
  while read -r module; do
    name=$(basename "$module" .xz)
    case $module in
      *.xz) xz -dc "$module" >"modules/$name" ;;
      *) cp "$module" "modules/$name" ;;
    esac
    echo "$name" >>modules/load-order
  done
find . | cpio --quiet --create --format=newc --owner=0:0 | gzip -1 >"$work/vm/initramfs.gz"

mv "$work/vm" "$out"
