#!/bin/busybox sh
# The first process of the guest that tests/platforms/kernels/run.sh boots. Mounts
# the disk that holds the tests, runs them inside it, and leaves what they say in
# its /results. Whatever goes wrong ends the guest: it must not hang.
#
# SPDX-License-Identifier: Apache-2.0
/bin/busybox mkdir -p /proc /sys /dev /disk
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev

give_up() {
  echo "init: $*"
  sync
  reboot -f
}

while read -r module; do
  options=
  # A queue that can be polled, which kernels before 5.19 ignore.
  [ "$module" != virtio_blk ] || options=poll_queues=1
  insmod "/modules/$module.ko" $options || give_up "cannot insert $module"
done </modules/order
mount -t ext4 /dev/vda /disk || give_up "cannot mount the disk"
for name in proc sys dev; do
  mkdir -p "/disk/$name"
  mount -o bind "/$name" "/disk/$name"
done
mkdir -p /disk/dev/shm /disk/tmp /disk/results
mount -t tmpfs shm /disk/dev/shm

chroot /disk /bin/busybox sh /run_all.sh
dmesg >/disk/results/dmesg
: >/disk/results/done
sync
umount /disk/dev/shm /disk/dev /disk/sys /disk/proc /disk
echo "init: the end"
reboot -f
