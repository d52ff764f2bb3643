# In the guest, with the disk as root: each line of /jobs is a name, the seconds
# that it may take, and a command. Its output and exit status stay in /results.
#
# SPDX-License-Identifier: Apache-2.0
export PATH=/usr/bin:/bin HOME=/ TEST_TMPDIR=/tmp ROCKSDB_URING_REQUIRE=1
uname -r >/results/release
while read -r name seconds command; do
  echo "guest: $name" >/dev/console
  began=$(cut -d ' ' -f 1 /proc/uptime)
  timeout -s KILL "$seconds" sh -c "$command" \
    >"/results/$name.log" 2>&1 </dev/null
  echo $? >"/results/$name.status"
  echo "$began $(cut -d ' ' -f 1 /proc/uptime)" >"/results/$name.uptime"
done </jobs
