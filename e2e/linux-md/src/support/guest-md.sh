# What the guest's scripts have in common; it comes before each of them. The array is always /dev/md0.
set -eu
md=/sys/block/md0/md
# Without this, md resyncs at 1 MB/s while anything else uses the array.
echo 1000000 >/proc/sys/dev/raid/speed_limit_min

# Waits until every slot is in sync, nothing is being resynced, and the superblocks say "clean".
settled() {
  until [ "$(cat $md/degraded $md/resync_start $md/sync_action $md/array_state | xargs)" = "0 none idle clean" ]; do
    usleep 100000
  done
}

# Prints how many sectors' parity md finds wrong.
mismatches() {
  echo check >$md/sync_action
  until [ "$(cat $md/sync_action)" = idle ]; do
    usleep 100000
  done
  cat $md/mismatch_cnt
}

# Prints the SHA-256 of the array's content, as it is on the disks.
content() {
  echo 3 >/proc/sys/vm/drop_caches
  sha256sum </dev/md0 | cut -d ' ' -f 1
}

# create_and_fill OPTION... DISK...: creates an array, writes /host/random all over it, and prints its size and what it contains. It runs afterwards.
create_and_fill() {
  mdadm --create /dev/md0 --run "$@"
  settled
  size=$(blockdev --getsize64 /dev/md0)
  head -c "$size" /host/random >/dev/md0
  sync
  echo "size=$size"
  echo "sha256=$(content)"
  settled
}

# judge DISK...: assembles the array of these disks, and prints what it contains and how much of its parity is wrong.
judge() {
  mdadm --assemble /dev/md0 "$@"
  settled
  echo "sha256=$(content)"
  echo "mismatches=$(mismatches)"
  mdadm --stop /dev/md0
}
