"""A stand-in for the `k3s` binary: not Kubernetes, runs no containers, for tests of Skerry only.

It exists because no K3s release can be downloaded where the lab tests run. It behaves as K3s does in
what a provisioner sees: the command line, the configuration files, sd_notify, the log, the files it
leaves, the exit codes, the HTTPS API about nodes. `k3s --version` says `(stand-in)`.

What the real K3s does and this does not:

- Containers, images, pods, CNI, services, storage, Helm charts, manifests: none. `crictl` and `ctr` exit 1,
  pods and volumes are empty lists, air-gap images are not read, `drain` finds nothing to evict (the switch
  `drain_blocked` plays a pod that its disruption budget keeps).
- SQLite: one row that holds everything, in a real database at the place of the real one.
- etcd: the datastore is one JSON file at the place where the real file would be. Servers share it as `etcd.py`
  says: the whole file goes to every member, and a write counts once a majority has it on disk; terms and votes are
  Raft's, a log there is none. Members join as learners and are promoted once they have what the leader has; one
  that is removed ends its process and does not come back. Elections take five to eight seconds, under K3s five to
  ten, and requests wait for a leader as long as etcd has them wait. Snapshots and `--cluster-reset` carry the file,
  without the members. None is scheduled, none goes to S3.
- etcd's ports: 2380 takes `/members` and words of its own, HTTP/1 alone (etcd's speaks gRPC, too, and takes HTTP/2
  for it); 2381 has `/health` and who leads, but no latency: a made-up one would look measured; 2379 and 2382 are
  not listened on, no etcdctl. `/health` says what the member last heard of its leader; etcd's asks a majority.
- Every request is answered by the server whose member leads, asked by the one that got it: real API servers each
  answer for themselves. Settings that must be alike on all servers are not compared.
- The API knows nodes (get, list, merge patch, delete), empty lists and discovery: no watch, no create, no
  RBAC, no admission, no audit; of Secrets only the names of the nodes' passwords, each of which can be deleted.
  Clients with a certificate from its client CA may do all.
- The kubelet is arithmetic: reservations, eviction, maxPods, labels, kernel flags and cgroup are checked
  and reported, never enforced or set. It listens on no port, reads no drop-ins (refused loudly).
- Agents and joining servers register over private paths; agents send a heartbeat to one server after another and
  nothing else; no tunnel, no port 10250, no load balancer on 6444: kubelet.kubeconfig names a server.
- Flags and kubelet arguments that concern the above are checked for their name and type, then ignored;
  `secrets-encryption` leaves an encryption-config.json without providers.
- It listens on IPv4 only, does not insist on root, and every certificate is valid for ten years.

Where it is deliberately not K3s, though K3s has the behaviour:

- `k3s server` warns about an unknown key in config.yaml and goes on ("Unknown flag ... skipping"); only
  `k3s agent` and the command line refuse. Here all refuse, so that a misspelt key fails a test.
  `{"unknown_keys": "skip"}` gives the real behaviour.
- YAML that K3s would read but that is ambiguous (0644, yes, 1.0, duplicates, maps) is refused.
- A missing token file is fatal after `token_wait_seconds` (4); K3s waits four minutes.
- A failing kubelet ends the process before READY=1; the real one may end it shortly after.

Faults and pace are switches, by environment (`SKERRY_DOUBLE_START_SECONDS=5`) or in
/etc/skerry-double.json (`{"start_seconds": 5}`): see `switches.py`.

The keys it makes are test keys from arithmetic that leaks its timing: worthless by design.
"""

# Tests build other versions by rewriting this line.
VERSION = "v1.36.3+k3s1"
