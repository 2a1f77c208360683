"""Every setting, its default and its meaning. Override one for a cluster in `<inventory>.py` beside
this file (`oslo.py` here applies to `inventories/oslo.py`), for a host in the inventory itself.
Misspelt names and wrong types are refused before any host is touched."""

# Place: where the hosts stand. Evidence for data residency; nothing is derived from it.
region = ""  # the provider's name of the region, such as "no-oslo-1"
country = ""  # ISO 3166-1 alpha-2, such as "NO"

# Connection and rights.
_sudo = False  # True where `ssh_user` is not root; sudo must work without a password
ssh_user = "root"
ssh_strict_host_key_checking = (
    "yes"  # a host's key is known before the first command: `invoke trust INVENTORY`
)
ssh_known_hosts_file = "inventories/known_hosts"  # of this project, to be committed

ssh_fingerprint = (
    ""  # a host's key as `ssh-keygen -l` prints it, "SHA256:..."; set per host, else first contact asks
)

# Preflight: what a host must have. Minimums for K3s are 2 cores / 2 GiB (server), 1 core / 512 MiB (agent).
min_disk_free_gib = 10  # free on the file system that will hold /var/lib/rancher
max_clock_skew_seconds = 30  # between the host and this machine

# Packages.
packages_extra: list[str] = []  # installed beside what Skerry needs, never removed

# Clock.
time_sync = "systemd-timesyncd"  # or "chrony", or "none" (the platform keeps the time)
ntp_servers: list[str] = []  # empty: the distribution's pool
clock_sync_wait_seconds = 60  # how long a host may take to synchronise
clock_sync_required = True  # False: an unsynchronised clock is a warning (no NTP server in reach)

# cgroup: Kubernetes 1.35 and later refuse cgroup v1.
cgroup_v1 = (
    "switch"  # "switch": to v2, one reboot, only if the K3s version needs it; "refuse": stop in preflight
)
reboot_timeout_seconds = 300  # how long a host may take to come back

# Hardening: `invoke audit` lists every control with its id.
harden = True  # False: deploys leave SSH, firewall, kernel and services as they are
harden_exceptions: dict[str, dict[str, str]] = {}
# {"SYS-12": {"reason": "volumes are NFS v3", "until": "2027-06-30"}}: not applied, an accepted risk until that day
rollback_seconds = 120  # the host takes back a change to SSH or the firewall unless it is proven within these
users: dict[str, dict[str, object]] = {}
# {"ada": {"keys": ["ssh-ed25519 AAAA... ada@work"], "sudo": True}}: these keys and no others; who is not listed stays
sshd_root_login = "prohibit-password"  # or "no", when `ssh_user` is another
sshd_extra: dict[str, str] = {}  # further options of sshd_config(5), such as {"AllowUsers": "ada root"}
firewall_ssh_from = ["0.0.0.0/0", "::/0"]  # networks that may reach SSH; yours must be among them
firewall_api_from = [
    "0.0.0.0/0",
    "::/0",
]  # networks that may reach the API server; members and pods always do
firewall_members: list[
    str
] = []  # further networks of the cluster's hosts, beside k3s_node_ip and ssh_hostname
firewall_open: list[
    str
] = []  # what else of the host is open to all: "tcp/9100", "udp/60000-61000"; pods need nothing
firewall_takeover = (
    False  # True: an active ufw, firewalld or nftables.service is switched off; False: refused
)
login_banner = (
    "Authorised use of this system only. Access is monitored and recorded, misuse is prohibited by law."
)
journal_max_mib = 1024  # the journal's limit on disk
reboot_window = (
    "Sun 03:00"  # UTC unless the host says otherwise; "daily 03:00"; "": never. 30 min later per host
)
reboot_drain_seconds = 600  # how long the node may take to drain; else the reboot waits for the next window

# Disk: what etcd will live on is measured before K3s comes to a server (`invoke bench-disk`).
disk_gate = "refuse"  # a server whose disk failed or has no verdict: "refuse" it, or "warn" and go on
disk_measure = True  # without a verdict the run measures itself, 20 s; False: that is for `invoke bench-disk`
disk_dedicated = False  # True: nothing else uses the datastore's disk; load beside neighbours is not judged

# K3s.
k3s_version = "v1.36.3+k3s1"  # exact; no channels
k3s_downgrade = (
    False  # True lets an older version replace a newer one; `invoke rollback` says it, nobody else should
)
k3s_profile = "plain"  # or "cis": K3s's hardening guide (audit log, pod security, network policies, ...)
k3s_datastore = "etcd"  # embedded etcd, also with one server; or "sqlite" for tiny single-server hosts
k3s_cluster_cidr = "10.42.0.0/16"  # pods
k3s_service_cidr = "10.43.0.0/16"  # services
k3s_flannel_backend = "vxlan"  # or "host-gw", "wireguard-native", "none"
k3s_node_ip = ""  # empty: K3s takes the address of the default route
k3s_api_endpoint = (
    ""  # "address:port" at which you reach the API server; empty: the first server's, port 6443
)
k3s_registration_endpoint = (
    ""  # "address:port" where nodes join (balancer, virtual IP); empty: first server, 6443
)
k3s_tls_sans: list[str] = []  # further names and addresses in the API server's certificate
k3s_disable: list[str] = []  # bundled components to leave out: "traefik", "servicelb", "metrics-server", ...
k3s_node_labels: list[str] = []  # "key=value"; applied when the node registers, not later
k3s_node_taints: list[str] = []  # "key=value:Effect"; likewise
k3s_secrets_encryption = True  # Secrets are encrypted at rest in the datastore
k3s_protect_kernel_defaults = True  # the kubelet refuses to start unless the sysctls are as it wants them
k3s_config_extra: dict[str, object] = {}  # any further keys for K3s's config.yaml; may not override the above
k3s_ready_timeout_seconds = 300  # how long K3s may take from its start to a Ready node

# Snapshots of etcd, which K3s takes on every server, and `invoke backup`.
snapshot_schedule = "0 */12 * * *"  # when, in the host's time zone, as for cron; "": never
snapshot_keep = 5  # how many a server keeps, and S3
snapshot_max_age_hours = 25  # an older one needs a person: `invoke status`
snapshot_s3: dict[str, str] = {}  # they also go to this S3, or what speaks like it; {}: to none
# {"bucket": "oslo", "endpoint": "s3.example.org", "region": "eu-north-1", "folder": "k3s"}; the credentials are in the
# environment, in SKERRY_S3_ACCESS_KEY and SKERRY_S3_SECRET_KEY, or in what access_key_variable and
# secret_key_variable name here
backup_recipients: list[
    str
] = []  # who opens backups beside this machine's own key: age public keys, "age1..."

# Another k3s_version comes to the servers one by one, then to the agents: drained (reboot_drain_seconds), restarted,
# proven, and let back. `invoke upgrade` takes a backup first.
upgrade_batch_percent = 10  # so many of a hundred agents at a time, at least one

# Reservations: what pods may never take from SSH, systemd and the kubelet.
# "recipe": 500m / 512Mi each for system and kube; "auto": by cores, memory and role; or explicit:
# {"system": {"cpu": "500m", "memory": "512Mi"}, "kube": {"cpu": "500m", "memory": "512Mi"}}
reserve: str | dict[str, dict[str, str]] = "recipe"
max_pods = 110  # per node; "auto" reserves memory by it
eviction_hard = {  # every signal is set: K3s's own default leaves memory out
    "memory.available": "100Mi",
    "nodefs.available": "10%",
    "nodefs.inodesFree": "5%",
    "imagefs.available": "15%",
    "imagefs.inodesFree": "5%",
    "pid.available": "5%",
}

# Artifacts: the air-gap folder is looked into first, then the mirror, then the release itself.
artifact_delivery = "download"  # each host for itself; or "push": uploaded from this machine (air gap)
artifact_folder = "artifacts"  # relative to the project; filled by `invoke artifacts-fetch`
artifact_lock = "artifacts.lock.yaml"  # checksums on record; commit it
artifact_mirror = ""  # "https://mirror.example/k3s": holds <version>/<file>, as the release does
artifact_relay = (
    False  # True: in each region one host gets an artifact, the others fetch it from that one, tcp/6440
)
k3s_airgap_images = False  # also place the image archive, for hosts that reach no registry

# Flux: the cluster is handed over to a Git repository at the end of `invoke up`, or by `invoke flux-bootstrap`.
# The forge's token comes from GITHUB_TOKEN, GITLAB_TOKEN or GITEA_TOKEN, or is asked for; it is never stored.
flux_forge = "none"  # "github", "gitlab", "gitea", or "git" (plain Git over SSH); "none": no hand-off
flux_repository = ""  # "owner/name" at a forge; for "git" the URL, "ssh://git@git.example.org/fleet.git"
flux_hostname = ""  # of a self-hosted forge, "git.example.org"; empty: the public one
flux_personal = False  # True: the owner is a user, not an organisation or group
flux_branch = "main"
flux_path = ""  # the cluster's folder in the repository, "clusters/production"
flux_private_key = ""  # for "git": the SSH key that Flux uses, a file without passphrase
flux_network_policy = True  # False where the CNI breaks Flux's own policies
flux_timeout_seconds = 600  # how long sources and Kustomizations may take to become Ready

# Uninstall.
uninstall_delete_volumes = (
    False  # True gives up the data in local volumes; better said once, to `invoke uninstall`
)
