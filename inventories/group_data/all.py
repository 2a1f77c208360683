"""Every setting with its default. The comment above a setting says what it means.

Override a setting for all hosts of a cluster in `<inventory>.py` beside this file (`oslo.py` here belongs to
`inventories/oslo.py`), or for one host in the inventory itself. Misspelt names and wrong types are refused before any
host is touched.
"""

# === Location ===
# Evidence for data residency. Skerry derives nothing from it.

# The provider's name of the region, such as "no-oslo-1".
region = ""

# Country code (ISO 3166-1 alpha-2), such as "NO".
country = ""

# === Connection ===

# Set True if `ssh_user` is not root. sudo must then work without a password.
_sudo = False

# The user that Skerry logs in as.
ssh_user = "root"

# "yes": a host's key must be recorded before the first command runs; `invoke trust INVENTORY` records it.
ssh_strict_host_key_checking = "yes"

# File of the recorded host keys, relative to the project. Commit it.
ssh_known_hosts_file = "inventories/known_hosts"

# Fingerprint of the host's key as `ssh-keygen -l` prints it, "SHA256:...". Set it per host. If it is empty,
# `invoke trust` asks you to compare the fingerprint.
ssh_fingerprint = ""

# === Preflight ===
# What a host must have before Skerry changes it. K3s itself needs 2 cores and 2 GiB of memory on a server, 1 core and
# 512 MiB on an agent.

# Free space on the file system that will hold /var/lib/rancher.
min_disk_free_gib = 10

# Largest difference between the host's clock and this machine's.
max_clock_skew_seconds = 30

# === Packages ===

# Packages to install besides those that Skerry needs. Skerry never removes them.
packages_extra: list[str] = []

# === Clock ===

# The time service: "systemd-timesyncd", "chrony", or "none" if the platform keeps the time.
time_sync = "systemd-timesyncd"

# Time servers. Empty: the distribution's pool.
ntp_servers: list[str] = []

# How long a host may take to synchronise its clock.
clock_sync_wait_seconds = 60

# False: an unsynchronised clock is only a warning. Use it where hosts reach no time server.
clock_sync_required = True

# === cgroup ===
# Kubernetes 1.35 and later refuse cgroup v1.

# "switch": change to v2 with one reboot if the K3s version needs it. "refuse": stop in preflight instead.
cgroup_v1 = "switch"

# How long a host may take to come back from a reboot.
reboot_timeout_seconds = 300

# === Hardening ===
# `invoke audit` lists every control with its id.

# False: deploys leave SSH, firewall, kernel and services unhardened.
harden = True

# Controls that are not applied: risks accepted for a reason until a date. Example:
# {"SYS-12": {"reason": "volumes are NFS v3", "until": "2027-06-30"}}
harden_exceptions: dict[str, dict[str, str]] = {}

# The host rolls back a change to SSH or the firewall unless a new login confirms it within this time.
rollback_seconds = 120

# Users with their complete list of public keys; users that are not listed stay as they are. Example:
# {"ada": {"keys": ["ssh-ed25519 AAAA... ada@work"], "sudo": True}}
users: dict[str, dict[str, object]] = {}

# "prohibit-password", or "no" if `ssh_user` is another user.
sshd_root_login = "prohibit-password"

# Further options of sshd_config(5), such as {"AllowUsers": "ada root"}.
sshd_extra: dict[str, str] = {}

# Networks that may reach SSH. Yours must be among them.
firewall_ssh_from = ["0.0.0.0/0", "::/0"]

# Networks that may reach the API server. The cluster's hosts and pods always may.
firewall_api_from = ["0.0.0.0/0", "::/0"]

# Further networks of the cluster's hosts, besides the addresses in `k3s_node_ip` and `ssh_hostname`.
firewall_members: list[str] = []

# Further ports of the host to open to everyone: "tcp/9100", "udp/60000-61000". Pods and services need none.
firewall_open: list[str] = []

# True: switch off an active ufw, firewalld or nftables.service. False: refuse such a host in preflight.
firewall_takeover = False

# Text shown before login.
login_banner = (
    "Authorised use of this system only. Access is monitored and recorded, misuse is prohibited by law."
)

# Largest size of the systemd journal on disk.
journal_max_mib = 1024

# When a host that needs a reboot may take it: "Sun 03:00" or "daily 03:00", in the host's time zone (UTC unless you
# changed it). Each further host's window starts 30 minutes later. "": never.
reboot_window = "Sun 03:00"

# How long draining a node may take. If it takes longer, the reboot waits for the next window.
reboot_drain_seconds = 600

# === Disk ===
# Skerry measures the disk that etcd will use before it installs K3s on a server (`invoke bench-disk`).

# A server whose disk failed or has no verdict: "refuse" it, or "warn" and go on.
disk_gate = "refuse"

# True: a deploy measures a disk that has no verdict, for 20 seconds. False: only `invoke bench-disk` measures.
disk_measure = True

# True: nothing else uses the datastore's disk, so the verdict ignores its speed under the load of other programs.
disk_dedicated = False

# === K3s ===

# The exact version. Channels such as "stable" are not supported.
k3s_version = "v1.36.3+k3s1"

# True: an older version may replace a newer one. `invoke rollback` sets it for its run; do not set it yourself.
k3s_downgrade = False

# "plain", or "cis": K3s's hardening guide (audit log, pod security, network policies, ...).
k3s_profile = "plain"

# "etcd": embedded etcd, also with one server. "sqlite": for tiny clusters of one server.
k3s_datastore = "etcd"

# Network of the pods.
k3s_cluster_cidr = "10.42.0.0/16"

# Network of the services.
k3s_service_cidr = "10.43.0.0/16"

# Backend of the pod network: "vxlan", "host-gw", "wireguard-native" or "none".
k3s_flannel_backend = "vxlan"

# The node's IP address. Empty: the address of the default route.
k3s_node_ip = ""

# "address:port" at which you reach the API server. Empty: the first server, port 6443.
k3s_api_endpoint = ""

# "address:port" at which nodes join, such as a load balancer or virtual IP. Empty: the first server, port 6443.
k3s_registration_endpoint = ""

# Further names and addresses for the API server's certificate.
k3s_tls_sans: list[str] = []

# Bundled components to leave out: "traefik", "servicelb", "metrics-server", ...
k3s_disable: list[str] = []

# Labels "key=value". K3s applies them when the node registers, not later.
k3s_node_labels: list[str] = []

# Taints "key=value:Effect". K3s applies them when the node registers, not later.
k3s_node_taints: list[str] = []

# Encrypt Secrets at rest in the datastore.
k3s_secrets_encryption = True

# The kubelet refuses to start unless the kernel's sysctls have the values it expects.
k3s_protect_kernel_defaults = True

# Further keys for K3s's config.yaml. Keys that other settings decide are refused.
k3s_config_extra: dict[str, object] = {}

# How long K3s may take from its start until the node is Ready.
k3s_ready_timeout_seconds = 300

# === Snapshots and backups ===
# K3s takes snapshots of etcd on every server; `invoke backup` fetches one, encrypted.

# When to take snapshots, in the host's time zone, in cron's format. "": never.
snapshot_schedule = "0 */12 * * *"

# How many snapshots each server keeps, and S3 too.
snapshot_keep = 5

# `invoke status` reports a newest snapshot that is older than this.
snapshot_max_age_hours = 25

# An S3 bucket, or a compatible one, that receives the snapshots, too. {}: none. Example:
# {"bucket": "oslo", "endpoint": "s3.example.org", "region": "eu-north-1", "folder": "k3s"}
# The credentials come from the environment variables SKERRY_S3_ACCESS_KEY and SKERRY_S3_SECRET_KEY, or from those
# that the keys access_key_variable and secret_key_variable name here.
snapshot_s3: dict[str, str] = {}

# Public age keys ("age1...") that can open backups besides this machine's own key.
backup_recipients: list[str] = []

# === Upgrades ===
# If `k3s_version` changes, servers are upgraded one by one, then the agents. Each node is drained (for at most
# `reboot_drain_seconds`), restarted, verified and uncordoned. `invoke upgrade` takes a backup first.

# Share of the agents to upgrade at the same time, at least one agent.
upgrade_batch_percent = 10

# === Reservations ===
# CPU and memory that pods can never take from SSH, systemd and the kubelet.

# "recipe": 500m CPU and 512Mi memory for each of system and kube. "auto": by cores, memory and role. Or amounts:
# {"system": {"cpu": "500m", "memory": "512Mi"}, "kube": {"cpu": "500m", "memory": "512Mi"}}
reserve: str | dict[str, dict[str, str]] = "recipe"

# Pods per node. "auto" reserves memory for each.
max_pods = 110

# Below these thresholds the kubelet evicts pods. Set every signal: K3s's own default leaves memory out.
eviction_hard = {
    "memory.available": "100Mi",
    "nodefs.available": "10%",
    "nodefs.inodesFree": "5%",
    "imagefs.available": "15%",
    "imagefs.inodesFree": "5%",
    "pid.available": "5%",
}

# === Artifacts ===
# Skerry looks for a release's files in the air-gap folder first, then on the mirror, then at the publisher.

# "download": each host downloads for itself. "push": this machine uploads the files (air gap).
artifact_delivery = "download"

# The air-gap folder, relative to the project. `invoke artifacts-fetch` fills it.
artifact_folder = "artifacts"

# File of the recorded checksums, relative to the project. Commit it.
artifact_lock = "artifacts.lock.yaml"

# URL such as "https://mirror.example/k3s" that serves <version>/<file>, as the release does. "": no mirror.
artifact_mirror = ""

# True: one host of each region downloads an artifact and serves it to the others on port tcp/6440.
artifact_relay = False

# True: also install the archive of container images, for hosts that reach no registry.
k3s_airgap_images = False

# === Flux ===
# `invoke up` ends by handing the cluster over to a Git repository; `invoke flux-bootstrap` does it alone. The forge's
# token comes from GITHUB_TOKEN, GITLAB_TOKEN or GITEA_TOKEN, or is asked for. It is never stored.

# "github", "gitlab", "gitea", or "git" for plain Git over SSH. "none": no hand-off.
flux_forge = "none"

# "owner/name" at a forge. For "git" the URL, such as "ssh://git@git.example.org/fleet.git".
flux_repository = ""

# Name of a self-hosted forge, such as "git.example.org". Empty: the public one.
flux_hostname = ""

# True: the owner is a user, not an organisation or group.
flux_personal = False

# The branch that Flux follows.
flux_branch = "main"

# The cluster's folder in the repository, such as "clusters/production".
flux_path = ""

# For "git": file of the SSH key that Flux uses. It must have no passphrase.
flux_private_key = ""

# False: leave out Flux's own network policies. Use it if the CNI does not support them.
flux_network_policy = True

# How long sources and Kustomizations may take to become Ready.
flux_timeout_seconds = 600

# === Uninstall ===

# True: `invoke uninstall` also deletes the data in local volumes. Its flag --delete-volumes is the better place.
uninstall_delete_volumes = False
