"""Controls as data, verdicts, and what is composed from them."""

from __future__ import annotations

import dataclasses
import re
from datetime import date

import pytest
import yaml

from skerry.commands.hosts.audit_page import page
from skerry.facts.hardening import parse
from skerry.model.errors import InputError
from skerry.model.hardening import catalogue, firewall, k3s_cis, kernel, sshd
from skerry.model.hardening.catalogue import IDS
from skerry.model.hardening.control import Check, Control, Waiver, judge
from skerry.model.hardening.host_context import HostContext, host_networks
from skerry.model.hardening.residency import Disk, residence
from skerry.model.hardening.updates import reboot_files, window
from skerry.model.host_paths import FIREWALL_RULES
from skerry.model.k3s.config import compose
from skerry.model.k3s.reservations import reservations
from skerry.model.preparation.kernel import MODULES, SYSCTLS
from skerry.phases.hardening_plan import Plan, places
from tests.unit.conftest import MakeSettings

TODAY = date(2026, 6, 1)
KEYS = [sshd.HostKey("/etc/ssh/ssh_host_ed25519_key", "ed25519", 256), sshd.HostKey("/k", "ecdsa", 256)]


@pytest.fixture
def host_context(make_settings: MakeSettings) -> HostContext:
    return HostContext("server", make_settings(), 0, ())


def test_every_control_is_known_by_its_id_and_says_where_it_comes_from_and_why_k3s_lives(
    host_context: HostContext,
) -> None:
    controls = catalogue.controls(host_context)
    assert {control.id for control in controls} == IDS
    assert len(controls) == len(IDS)
    for control in controls:
        assert all((control.title, control.source, control.k3s_compatibility, control.gdpr_article)), (
            control.id
        )
        for section in (control.ubuntu, control.debian):
            assert re.fullmatch(r"([1-6](\.[0-9]+)*(-[0-9.]+)?(, )?)*", section), control.id


def test_no_control_asks_for_what_breaks_k3s(host_context: HostContext) -> None:
    checks = [check for control in catalogue.controls(host_context) for check in control.checks]
    wanted = {check.key: check.expected for check in checks if check.kind == "sysctl"}
    assert not set(wanted) & set(SYSCTLS)
    assert not [key for key in wanted if "forward" in key or "bridge" in key or key.endswith("accept_ra")]
    assert wanted["net.ipv4.conf.all.rp_filter"].startswith("2")
    assert not {check.key for check in checks if check.kind == "module"} & {*MODULES, "squashfs", "sctp"}
    assert not [check for check in checks if check.kind == "mount" and check.key in ("/var", "/tmp")]


@pytest.mark.parametrize(
    ("wanted", "found", "holds"),
    [
        ("640 root shadow", "640 root shadow", True),
        ("640 root shadow", "600 root shadow", True),
        ("640 root shadow", "644 root shadow", False),
        ("640 root shadow", "640 root root", False),
        ("640 root shadow|absent", None, True),
        ("640 root shadow", None, False),
    ],
)
def test_modes_are_upper_bounds(wanted: str, found: str | None, holds: bool) -> None:
    assert Check("mode", "/x", wanted).holds(found) == holds


def test_verdicts(host_context: HostContext) -> None:
    control = Control("X-1", "", "", "", "", "32(1)(b) integrity", "", (Check("sysctl", "a", "1"),))
    place = ("sysctl", "a")
    waiver = {"X-1": Waiver("old client", TODAY)}

    def verdict(found: str, waivers: dict[str, Waiver], today: date, inapplicable: dict) -> str:  # type: ignore[type-arg]
        return judge([control], {place: found}, waivers, today, inapplicable)[0].verdict

    assert verdict("1", {}, TODAY, {}) == "pass"
    assert verdict("0", {}, TODAY, {}) == "fail"
    assert verdict("0", waiver, TODAY, {}) == "accepted"
    assert verdict("0", waiver, date(2026, 6, 2), {}) == "expired"
    assert verdict("0", {}, TODAY, {"sysctl": "a container"}) == "not applicable"
    assert verdict("0", {}, TODAY, {place: "a container"}) == "not applicable"
    [failed] = judge([control], {}, {}, TODAY, {})
    assert failed.reason == "a is absent, should be 1"


@pytest.mark.parametrize(
    ("openssh", "best", "lacks"),
    [((8, 2), "curve25519-sha256", "sntrup"), ((8, 5), "sntrup761x25519-sha512@openssh.com", "mlkem"),
     ((9, 9), "mlkem768x25519-sha256", "nothing")],
)  # fmt: skip
def test_key_exchange_is_the_best_that_the_version_knows(
    openssh: tuple[int, int], best: str, lacks: str
) -> None:
    [control] = [each for each in sshd.controls("prohibit-password", openssh) if each.id == "SSH-07"]
    assert control.checks[0].expected.startswith(f"{best},")
    assert lacks not in control.checks[0].expected


def test_the_drop_in_holds_what_is_not_waived_and_the_users_own_last() -> None:
    controls = [each for each in sshd.controls("no", (8, 2)) if each.id != "SSH-03"]
    text = sshd.drop_in(controls, KEYS, {"AllowUsers": "ada"}).content
    assert "permitrootlogin no\n" in text
    assert "maxauthtries" not in text
    assert "pubkeyacceptedkeytypes" in text
    assert "hostkey /etc/ssh/ssh_host_ed25519_key\n" in text
    assert "hostkey /k" not in text
    assert text.endswith("AllowUsers ada\n")


def rules(host_context: HostContext, *waived: str, members: tuple[str, ...] = ()) -> str:
    return firewall.compose(
        host_context.settings, host_context.role, members, firewall.Ports((22, 2222)), IDS - {*waived}
    ).content


def test_the_firewall_by_role(host_context: HostContext, make_settings: MakeSettings) -> None:
    text = rules(host_context, members=("192.0.2.2/32", "2001:db8::2/128"))
    assert "tcp dport { 22, 2222 } ct state new accept" in text
    assert "ip saddr { 192.0.2.2/32 } tcp dport { 2379-2381, 6443, 10250, 5001 }" in text
    assert "ip6 saddr { 2001:db8::2/128 } udp dport { 8472, 51820, 51821 }" in text
    assert text.count("policy drop") == 2
    agent = rules(dataclasses.replace(host_context, role="agent"))
    assert "6443" not in agent
    assert "2379" not in agent
    narrow = make_settings(firewall_ssh_from=["192.0.2.0/24"], firewall_open=["udp/60000-61000"])
    text = rules(dataclasses.replace(host_context, settings=narrow))
    assert "ip saddr { 192.0.2.0/24 } tcp dport { 22, 2222 }" in text
    assert "udp dport 60000-61000 accept" in text
    assert "chain forward" not in rules(host_context, "FW-04")
    assert "flush" not in text


def test_a_reload_touches_no_table_but_ours(host_context: HostContext) -> None:
    tables = re.findall(r"^\s*(?:delete )?table (.*?)(?: \{)?$", rules(host_context), re.M)
    assert set(tables) == {"inet skerry"}


def test_members_are_known_by_every_address_that_is_one(make_settings: MakeSettings) -> None:
    settings = {
        "a": make_settings(k3s_node_ip="10.0.1.1"),
        "b": make_settings(firewall_members=["10.0.0.0/24"]),
        "2001:db8::2": make_settings(),
    }
    ssh_hostnames = {"a": "192.0.2.1", "b": "192.0.2.9", "2001:db8::2": ""}
    context = HostContext.from_inventory("b", "agent", settings, ssh_hostnames)
    assert context == HostContext(
        "agent", settings["b"], 1, ("10.0.0.0/24", "10.0.1.1/32", "192.0.2.1/32", "2001:db8::2/128")
    )
    assert host_networks("a.example", make_settings(), "b.example") == []


def test_sysctl_and_module_files_leave_out_what_is_waived() -> None:
    active = [control for control in kernel.controls() if control.id != "KRN-09"]
    assert "kexec" not in kernel.sysctl_file(active).content
    assert "\nkernel.kptr_restrict = 2\n" in kernel.sysctl_file(active).content
    assert "install dccp /bin/true\n" in kernel.modules_file(active).content


@pytest.mark.parametrize(
    ("text", "place", "calendar"),
    [("Sun 03:00", 0, "Sun *-*-* 03:00:00"), ("Sun 23:50", 1, "Mon *-*-* 00:20:00"),
     ("daily 03:00", 3, "*-*-* 04:30:00")],
)  # fmt: skip
def test_hosts_reboot_one_after_the_other(text: str, place: int, calendar: str) -> None:
    assert window(text, place) == calendar


def test_no_window_means_no_reboot(make_settings: MakeSettings) -> None:
    assert reboot_files(make_settings(reboot_window=""), 0) == []
    script = reboot_files(make_settings(reboot_drain_seconds=77), 0)[0].content
    assert "--timeout=77s" in script
    assert "$(hostname" in script


@pytest.mark.parametrize(
    ("version", "plugins", "expiry", "threshold"),
    [
        ("v1.24.17+k3s1", "NodeRestriction,PodSecurityPolicy,EventRateLimit", False, "10"),
        ("v1.28.15+k3s1", "NodeRestriction,EventRateLimit", False, "10"),
        ("v1.36.3+k3s1", "NodeRestriction,EventRateLimit", True, "100"),
    ],
)
def test_the_profile_follows_the_guide_by_version(
    version: str, plugins: str, expiry: bool, threshold: str, make_settings: MakeSettings
) -> None:
    settings = make_settings(k3s_version=version, k3s_profile="cis")
    keys = k3s_cis.keys(settings, "server")
    api = keys["kube-apiserver-arg"]
    assert isinstance(api, list)
    assert f"enable-admission-plugins={plugins}" in api
    assert ("service-account-extend-token-expiration=false" in api) == expiry
    assert keys["kube-controller-manager-arg"] == [f"terminated-pod-gc-threshold={threshold}"]
    files = {file.path: file for file in k3s_cis.files(settings, "server")}
    kinds = [each["kind"] for each in yaml.safe_load_all(files[k3s_cis.POLICIES].content)]
    assert ("PodSecurityPolicy" in kinds) == ("PodSecurityPolicy" in plugins)
    admission = yaml.safe_load(files[k3s_cis.ADMISSION].content)
    named = [plugin["name"] for plugin in admission["plugins"]]
    assert named == (
        ["EventRateLimit"] if "PodSecurityPolicy" in plugins else ["PodSecurity", "EventRateLimit"]
    )


def test_an_agent_gets_the_kubelets_part_alone(make_settings: MakeSettings) -> None:
    settings = make_settings(k3s_profile="cis")
    assert set(k3s_cis.keys(settings, "agent")) == {"protect-kernel-defaults", "kubelet-arg"}
    assert k3s_cis.files(settings, "agent") == []


def test_the_profiles_arguments_join_ours_and_the_users(make_settings: MakeSettings) -> None:
    waived = {"K3S-02": {"reason": "a lab", "until": "2099-01-01"}}
    extra = {"kube-apiserver-arg": ["v=4"]}
    settings = make_settings(
        k3s_profile="cis", k3s_config_extra=extra, harden_exceptions=waived, k3s_protect_kernel_defaults=False
    )
    reserved = reservations("recipe", role="server", cores=2, memory_bytes=2**32, max_pods=110)
    config = compose(settings, role="server", reservations=reserved, token_file="/t")
    kubelet, api = config["kubelet-arg"], config["kube-apiserver-arg"]
    assert isinstance(kubelet, list)
    assert isinstance(api, list)
    assert [each for each in kubelet if each.startswith("max-pods")]
    assert "pod-max-pids=4096" in kubelet
    assert api[-1] == "v=4"
    assert "protect-kernel-defaults" not in config


def test_the_plain_profile_adds_nothing(make_settings: MakeSettings) -> None:
    assert k3s_cis.keys(make_settings(), "server") == {}
    assert k3s_cis.files(make_settings(), "server") == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"harden_exceptions": {"SSH-1": {"reason": "a", "until": "2026-01-01"}}},
            "is not the id of a control",
        ),
        ({"harden_exceptions": {"SSH-01": {"reason": "", "until": "2026-01-01"}}}, "needs a reason"),
        ({"harden_exceptions": {"SSH-01": {"reason": "a", "until": "soon"}}}, "not a date"),
        ({"users": {"Ada": {"keys": []}}}, "is not a user name"),
        ({"users": {"ada": {"keys": ["PRIVATE"]}}}, "is not a public key"),
        ({"sshd_extra": {"Match": "user a"}}, "other than Match"),
        ({"sshd_extra": {"Port": "1\nPermitRootLogin yes"}}, "one line"),
        ({"firewall_ssh_from": ["192.0.2.1/24"]}, "is an address inside a network"),
        ({"firewall_open": ["443"]}, "is not a port to open"),
        ({"firewall_open": ["tcp/9-2"]}, "is not a port to open"),
        ({"reboot_window": "Sunday"}, "is not a window"),
        ({"rollback_seconds": 1}, "at least 10"),
    ],
)
def test_mistakes_are_told_in_one_line(
    changes: dict[str, object], words: str, make_settings: MakeSettings
) -> None:
    with pytest.raises(InputError, match=words) as told:
        make_settings(**changes)
    assert str(told.value).count("\n") == 0


OUTPUT = """@files
/etc/skerry/firewall.nft 600 root root 0
@kept
@armed
@openssh
OpenSSH_8.2
@sshd
port 22
maxauthtries 4
@include
include /etc/ssh/sshd_config.d/*.conf
@hostkeys
/etc/ssh/ssh_host_ed25519_key ed25519 256
/etc/ssh/ssh_host_rsa_key rsa 2048
@sshports
22
@sysctls
kernel.sysrq 0
@modules
dccp loadable
@modes
/root 700 root root
@units
Id=rpcbind.service
LoadState=not-found
ActiveState=inactive
UnitFileState=

Id=ufw.service
LoadState=loaded
ActiveState=active
UnitFileState=enabled
@ufw
@packages
nftables installed
@mounts
/dev/shm rw,nosuid
@lines
/etc/login.defs UMASK 022
@firewall
differs
@k3s
secrets-encryption: true
kubelet-arg:
- max-pods=110
@users
ada 1000 1000 /home/ada
@virtualisation
kvm"""


def test_the_fact_is_read_into_places(host_context: HostContext) -> None:
    state = parse(OUTPUT.splitlines())
    expected = {
        ("sshd", "maxauthtries"): "4", ("hostkeys", "weak"): "rsa", ("sysctl", "kernel.sysrq"): "0",
        ("module", "dccp"): "loadable", ("mode", "/root"): "700 root root", ("unit", "rpcbind"): "off",
        ("unit", "ufw"): "off", ("package", "nftables"): "installed", ("mount", "/dev/shm"): "rw,nosuid",
        ("line", "/etc/login.defs UMASK"): "022", ("firewall", "table inet skerry"): "differs",
        ("k3s", "secrets-encryption"): "true", ("k3s", "kubelet-arg max-pods"): "110",
    }  # fmt: skip
    assert expected.items() <= state.values.items()
    assert (state.openssh, state.include, state.ssh_ports, state.own_kernel) == ((8, 2), True, (22,), True)
    assert state.accounts["ada"].home == "/home/ada"
    plan = Plan(host_context, state)
    assert plan.values["file", FIREWALL_RULES] == "differs"
    assert ("line", "/etc/login.defs UMASK") in [check.id for check in plan.wrong]


def test_every_check_is_looked_at(host_context: HostContext) -> None:
    looked_at = places(host_context)
    for control in catalogue.controls(host_context):
        for check in control.checks:
            if check.kind in ("sysctl", "module", "file", "mode", "package", "mount", "line"):
                assert f"{check.kind} {check.key}" in looked_at


def test_residence_says_what_leaves_the_country(make_settings: MakeSettings) -> None:
    settings = make_settings(region="no-oslo-1", country="NO", ntp_servers=["ntp.example.no"])
    answers = {each.question: each for each in residence(settings, [Disk("/db", "nfs4", "x:/y")], {})}
    assert not answers["region and country in the inventory"].attention
    assert answers["/db is on"].answer.startswith("NETWORK")
    assert answers["/db is on"].attention
    assert answers["source of artifacts"].attention
    assert answers["time servers"].answer == "ntp.example.no"
    assert answers["Secrets in the datastore"].attention


def test_the_page_shows_what_is_found_and_runs_none_of_it() -> None:
    check = {"kind": "sysctl", "key": "a", "wanted": "1|2", "found": "<script>"}
    control = {"id": "KRN-01", "title": "T", "source": "S", "cis_ubuntu_20_04": "1.1", "cis_debian_11": "2.2",
               "gdpr": "32(1)(b) integrity", "k3s": "safe", "verdict": "fail", "why": "a <b>",
               "checks": [check]}  # fmt: skip
    answer = {"question": "Q", "answer": "A", "attention": True}
    text = page("oslo", "now", [{"host": "h", "problem": "", "controls": [control], "residence": [answer]},
                                {"host": "gone", "problem": "no way", "controls": [], "residence": []}])  # fmt: skip
    assert "<script>" not in text
    assert "&lt;script&gt;" in text
    assert "1 or 2" in text
    assert "<b>1</b>fail" in text
    assert "no way" in text
    assert "http" not in text.partition("</style>")[0].replace("http-equiv", "")
