"""A stand-in for the `k3s` binary, for tests of Skerry only: not Kubernetes, runs no containers.

It behaves like K3s wherever Skerry can see it: command line, configuration files, sd_notify, log, files on disk, exit
codes, and the HTTPS API for nodes. `k3s --version` says `(stand-in)`. Why it exists: tests/doubles/README.md.

What the real K3s does and this does not:

- Workloads: there are no containers, images, pods, CNI, services, storage, Helm charts or manifests. `crictl` and
  `ctr` exit 1, lists of pods and volumes are empty, air-gap images are not read. `drain` has nothing to evict; the
  switch `drain_blocked` simulates a pod that its disruption budget protects.
- SQLite: the database is real and has K3s's path, but all state is one row.
- etcd: the datastore is one JSON file at the path of the real one. `etcd.py` replicates the whole file to every
  member; a write is acknowledged when a majority has it on disk. Terms and votes are Raft's, but there is no log.
  Members join as learners and are promoted when they have the leader's state; a removed member ends its process and
  does not come back. Elections take five to eight seconds (K3s: five to ten), and requests wait for a leader as long
  as etcd makes them wait. Snapshots and `--cluster-reset` include the file without the members. There are no
  scheduled snapshots and none on S3.
- etcd's ports: 2380 speaks HTTP/1 alone, with `/members` and paths of its own (etcd also speaks gRPC). 2381 has
  `/health` and the leader, but no latencies, because invented ones would look measured. Nothing listens on 2379 and
  2382, and there is no etcdctl. `/health` reports what the member last heard from its leader; etcd asks a majority.
- The server whose member leads answers every request, and the others forward to it; real API servers answer for
  themselves. Settings that must be equal on all servers are not compared.
- The API has nodes (get, list, merge patch, delete), empty lists and discovery: no watch, create, RBAC, admission or
  audit. Of Secrets it has only the names of node passwords, each of which can be deleted. A client with a certificate
  of the client CA may do everything.
- The kubelet only calculates: reservations, eviction thresholds, maxPods, labels, kernel flags and cgroup are checked
  and reported, never enforced or set. It listens on no port and refuses drop-in directories.
- Agents and joining servers register over private paths. Agents send heartbeats to one server after another and
  nothing else: no tunnel, no port 10250, no load balancer on 6444. kubelet.kubeconfig names a server.
- Flags and kubelet arguments for any of the above are checked for name and type, then ignored.
  `secrets-encryption` writes an encryption-config.json without providers.
- It listens on IPv4 only, runs without root, and makes certificates that are valid for ten years.

Where it deliberately differs from K3s:

- `k3s server` only warns about an unknown key in config.yaml ("Unknown flag ... skipping"), while `k3s agent` and the
  command line refuse it. Here all refuse it, so that a misspelt key fails a test. The switch
  `{"unknown_keys": "skip"}` restores K3s's behaviour.
- Ambiguous YAML that K3s would read (0644, yes, 1.0, duplicates, maps) is refused.
- A missing token file is fatal after `token_wait_seconds` (4); K3s waits four minutes.
- A failing kubelet ends the process before READY=1; K3s's may end it shortly afterwards.

Faults and speed are set by switches, in the environment (`SKERRY_DOUBLE_START_SECONDS=5`) or in
/etc/skerry-double.json (`{"start_seconds": 5}`): see `switches.py`.

The keys it makes are test keys from arithmetic whose timing leaks them. Never use them elsewhere.
"""

# Tests build other versions by rewriting this line.
VERSION = "v1.36.3+k3s1"
