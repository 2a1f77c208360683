"""Put etcd's load on a file system and measure it. One file, standard library, Python 3.8: it is sent to hosts.

Reads a plan (JSON) as its argument, writes JSON lines: "progress" each second, then one "result", "refused" or
"failed". Exit codes: 0, 2 refused, 1 failed. All its files are O_TMPFILE: they have no name, so the kernel
frees them when the last process dies, however it dies; children die with their parent (PR_SET_PDEATHSIG).

The load is what strace shows of etcd under `etcdctl check perf --load=s`:
- WAL: 150 records a second of 1392 bytes appended to a preallocated 64 MB segment, each followed by fdatasync.
  Arrivals do not wait for the disk (open loop); those that came during a sync share the next one, as in raft.
  A share of the syncs is timed by another thread, as where Go has given the waiting goroutine's CPU away meanwhile.
- CPU: what the server and its client compute meanwhile, each in a process of its own.
- backend: 100 ms after the last commit, 8 pages appended and 4 rewritten, fdatasync, the meta page, fdatasync.
"""

from __future__ import annotations

import bisect
import ctypes
import gc
import json
import mmap
import os
import random
import select
import signal
import struct
import subprocess
import sys
import threading
import time
from contextlib import suppress
from functools import partial
from typing import Any, Callable, Dict, List, Optional, Tuple

SCHEMA = 1
RATE = 150  # records a second: `check perf --load=s`
RECORD = 1392  # bytes of a WAL record that holds a 256 B key and a 1 KiB value
COMPUTING = {
    "server": 0.20,
    "client": 0.15,
}  # cores that etcd 3.4 and etcdctl use meanwhile on a 2-core AMD EPYC
BURST_US = 200
# The share of syncs after which etcd's clock is read by another thread than the one that has synced. Fitted: with it
# the engine's shares over 1 to 8 ms are nearest to etcd 3.4's; with none they are too low, with all too high.
HANDED_OVER = 0.25
GROUP = 50  # records in one sync at most: the clients of `check perf --load=s`
SEGMENT = 64_000_000  # bytes; etcd's server/storage/wal SegmentSizeBytes
PAGE = 4096
PAGES_NEW, PAGES_OLD = 8, 4  # written by one commit
DATABASE = 256 << 20  # bytes; then pages are used again, as bbolt's freelist has them
PULL_RATE, LAYER, LAYERS = 150 << 20, 128 << 20, 4  # bytes a second, bytes, and how many are kept
FIO_FILE = 256 << 20
LONGEST = 24 * 3600  # seconds of all phases together
GRACE = 60  # seconds by which a phase may be late before it is given up
MILLISECOND, SECOND = 10**6, 10**9
LIMITS_MS = (1, 2, 4, 8, 10, 16, 25, 32, 64, 128, 256, 500, 1000)  # exceedances are counted exactly for these
LIMITS_NS = [limit * MILLISECOND for limit in LIMITS_MS]
ROWS = 3600  # of a series over time at most
NETWORK = {"nfs", "nfs4", "cifs", "smb3", "9p", "ceph", "glusterfs", "fuse", "fuseblk", "afs", "virtiofs"}


class Refused(Exception):
    """This host or path is not to be measured: one line, with the remedy."""


# --- histograms -----------------------------------------------------------------------------------------------


def bucket(ns: int) -> int:
    """The log-linear bucket of a time, 128 to each power of two: an error of 0.8 % at most, as in fio."""
    if ns < 256:
        return max(ns, 0)
    shift = ns.bit_length() - 8
    return (shift << 7) + (ns >> shift)


class Series:
    """Times in nanoseconds: a histogram, and for each stretch of the phase its count, p99, maximum, exceedances."""

    def __init__(self, begin: int, row_ns: int) -> None:
        self._row_ns, self._row_end = row_ns, begin + row_ns
        self._row: List[int] = []
        self._over = [0] * len(LIMITS_MS)
        self._level = 0  # how many limits the last time was over
        self.bursts = [0] * len(LIMITS_MS)  # runs of consecutive times over each limit
        self.histogram: Dict[int, int] = {}
        self.rows: List[List[int]] = []
        self.n = self.sum = self.squares = self.max = 0

    def add(self, at: int, ns: int) -> None:
        while at >= self._row_end:
            self.close_row()
            self._row_end += self._row_ns
        self._row.append(ns)
        index = bucket(ns)
        self.histogram[index] = self.histogram.get(index, 0) + 1
        self.n += 1
        self.sum += ns
        self.squares += ns * ns
        self.max = max(self.max, ns)
        level = bisect.bisect_left(LIMITS_NS, ns)
        for place in range(level):
            self._over[place] += 1
            self.bursts[place] += place >= self._level
        self._level = level

    def close_row(self) -> None:
        values = sorted(self._row)
        n = len(values)
        p99, most = (values[-(-n * 99 // 100) - 1], values[-1]) if n else (0, 0)
        self.rows.append([n, p99, most, *self._over])
        self._row, self._over = [], [0] * len(LIMITS_MS)

    def result(self) -> Dict[str, Any]:
        if self._row:
            self.close_row()
        fields = ("n", "sum", "squares", "max", "bursts", "histogram", "rows")
        return {**{name: getattr(self, name) for name in fields}, "row_seconds": self._row_ns / SECOND}


# --- processes ------------------------------------------------------------------------------------------------


def die_with_parent() -> None:
    """The kernel kills this process when its parent goes (prctl(2), PR_SET_PDEATHSIG = 1)."""
    ctypes.CDLL(None, use_errno=True).prctl(1, signal.SIGKILL, 0, 0, 0)


class Child:
    """A forked process that runs `work` and sends what it returns."""

    def __init__(self, work: Callable[[], Any]) -> None:
        parent = os.getpid()
        self.pipe, write = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                die_with_parent()
                if os.getppid() != parent:
                    os._exit(1)
                os.close(self.pipe)
                signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends us
                signal.signal(signal.SIGTERM, signal.SIG_DFL)
                gc.disable()
                try:
                    answer = {"result": work()}
                except OSError as error:
                    answer = {"error": str(error)}
                with os.fdopen(write, "w") as file:
                    json.dump(answer, file)
            finally:
                os._exit(0)
        os.close(write)
        self._received = bytearray()
        self.done = False

    def read(self) -> None:
        block = os.read(self.pipe, 1 << 16)
        self._received += block
        self.done = not block

    def result(self) -> Any:
        os.close(self.pipe)
        os.waitpid(self.pid, 0)
        answer = json.loads(self._received.decode() or '{"error": "a part of the measurement was killed"}')
        if "error" in answer:
            raise OSError(answer["error"])
        return answer["result"]


class CpuWait:
    """How long threads of this process were ready to run and got no CPU (second field of schedstat), in ns."""

    def __init__(self) -> None:
        self._files: List[int] = []
        self.add_thread()

    def add_thread(self) -> None:
        """Count the calling thread from now on."""
        with suppress(OSError):  # a kernel without it
            self._files.append(os.open("/proc/thread-self/schedstat", os.O_RDONLY))

    def __call__(self) -> int:
        return sum(int(os.pread(file, 80, 0).split()[1]) for file in self._files)


class Follower:
    """A thread that reads the clock when it is told that a sync has ended, once it gets a CPU."""

    def __init__(self, wait: CpuWait) -> None:
        self._told, self._read, self._time = threading.Lock(), threading.Lock(), 0
        self._told.acquire()
        self._read.acquire()
        threading.Thread(target=self._serve, args=(wait,), daemon=True).start()
        self()  # it has begun

    def _serve(self, wait: CpuWait) -> None:
        wait.add_thread()
        while True:
            self._told.acquire()
            self._time = time.monotonic_ns()
            self._read.release()

    def __call__(self) -> int:
        """The time when the other thread has come to read it, in ns of the monotonic clock."""
        self._told.release()
        self._read.acquire()
        return self._time


# --- etcd's load ----------------------------------------------------------------------------------------------

SHARED = struct.Struct(
    "=6Q"
)  # commit begun, commit ended, records, syncs over 10 ms, commits, of them over 25 ms


class Board:
    """Memory that the processes of a phase share: one eight-byte word each, so none is read half-written."""

    COMMIT_BEGUN, COMMIT_ENDED, SYNCS, SLOW_SYNCS, COMMITS, SLOW_COMMITS = range(6)

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, PAGE)
        self._words = memoryview(self._memory).cast("Q")

    def __getitem__(self, word: int) -> int:
        return self._words[word]

    def __setitem__(self, word: int, value: int) -> None:
        self._words[word] = value


def unnamed(path: str) -> int:
    """A new file without a name in the folder `path`. Raises Refused where the file system has none."""
    try:
        return os.open(path, os.O_RDWR | os.O_TMPFILE, 0o600)
    except OSError as error:
        raise Refused(
            f"{path}: its file system cannot make unnamed files ({error.strerror}); use ext4 or xfs"
        ) from None


def new_segment(path: str) -> int:
    file = unnamed(path)
    os.posix_fallocate(file, 0, SEGMENT)
    return file


def write_log(path: str, begin: int, end: int, row_ns: int, board: Board) -> Dict[str, Any]:
    """The WAL: appends and syncs from `begin` to `end`, in nanoseconds of the monotonic clock."""
    now, sync, wait = time.monotonic_ns, os.fdatasync, CpuWait()
    elsewhere = Follower(wait)
    names = ("sync", "sync_less_cpu", "write", "response", "wake")
    series = {name: Series(begin, row_ns) for name in names}
    record, segment, position = os.urandom(RECORD) * GROUP, new_segment(path), 0
    period = SECOND // RATE
    sent = 0  # records
    blocked: List[Tuple[int, int, int]] = []  # those that are written, and whose answer a commit holds up
    while True:
        due = begin + sent * period
        if due >= end or now() >= end:
            break
        late = now() - due
        if late < 0:
            time.sleep(-late / SECOND)
            woken = now()
            series["wake"].add(woken, woken - due)
        waited, start = wait(), now()
        count = min((start - due) // period + 1, GROUP)
        if position + count * RECORD > SEGMENT:
            os.close(segment)
            segment, position = new_segment(path), 0
        before = now()
        os.pwrite(segment, record[: count * RECORD], position)
        written = now()
        sync(segment)
        synced = elsewhere() if random.random() < HANDED_OVER else now()  # noqa: S311  no secret
        waited = wait() - waited
        position += count * RECORD
        took = synced - written
        series["write"].add(synced, written - before)
        series["sync"].add(synced, took)
        series["sync_less_cpu"].add(synced, max(took - waited, 0))
        board[Board.SYNCS] += 1
        board[Board.SLOW_SYNCS] += took > 10 * MILLISECOND
        blocked = answer(series["response"], blocked, board)
        arrivals = [due + place * period for place in range(count)]
        begun = board[Board.COMMIT_BEGUN]
        if begun:  # a put is applied under the lock that a commit holds
            blocked += [(begun, synced, arrival) for arrival in arrivals]
        else:
            for arrival in arrivals:
                series["response"].add(synced, synced - arrival)
        sent += count
    for _, synced, arrival in blocked:
        series["response"].add(synced, synced - arrival)
    for place in range(
        sent, (end - begin) // period
    ):  # what a slow disk has not come to waited at least so long
        series["response"].add(end, end - begin - place * period)
    os.close(segment)
    return {"records": sent, **{name: each.result() for name, each in series.items()}}


def answer(response: Series, blocked: List[Tuple[int, int, int]], board: Board) -> List[Tuple[int, int, int]]:
    """Record the responses of those whose commit has ended; returns the others."""
    ended = board[Board.COMMIT_ENDED]
    for begun, synced, arrival in blocked:
        if ended > begun:
            response.add(max(ended, synced), max(ended, synced) - arrival)
    return [each for each in blocked if ended <= each[0]]


def write_database(
    path: str, begin: int, end: int, row_ns: int, board: Board, pause_ms: int
) -> Dict[str, Any]:
    """The backend: a commit, a pause, and so on."""
    now, wait = time.monotonic_ns, CpuWait()
    commits, less_cpu = Series(begin, row_ns), Series(begin, row_ns)
    file, page, top, turn = unnamed(path), os.urandom(PAGE), 2, 0
    sleep_until(begin + pause_ms * MILLISECOND)
    while now() < end:
        if (top + PAGES_NEW) * PAGE > DATABASE:
            top = 2 + 3 * PAGES_NEW
        old = [
            number for number in range(top - 2 * PAGES_NEW, top - 2 * PAGES_NEW + PAGES_OLD) if number >= 2
        ]
        waited, start = wait(), now()
        board[Board.COMMIT_BEGUN] = start
        for number in (*old, *range(top, top + PAGES_NEW)):
            os.pwrite(file, page, number * PAGE)
        os.fdatasync(file)
        os.pwrite(file, page, turn * PAGE)
        os.fdatasync(file)
        done = now()
        board[Board.COMMIT_ENDED], board[Board.COMMIT_BEGUN] = done, 0
        top, turn, waited = top + PAGES_NEW, 1 - turn, wait() - waited
        commits.add(done, done - start)
        less_cpu.add(done, max(done - start - waited, 0))
        board[Board.COMMITS] += 1
        board[Board.SLOW_COMMITS] += done - start > 25 * MILLISECOND
        sleep_until(done + pause_ms * MILLISECOND)
    os.close(file)
    return {"commit": commits.result(), "commit_less_cpu": less_cpu.result()}


def compute(begin: int, end: int, share: float) -> int:
    """What etcd and its clients take of the CPU beside the disk, in short bursts. Returns the CPU used, in ns."""
    sleep_until(begin)
    while time.monotonic_ns() < end:
        until = time.process_time_ns() + BURST_US * 1000
        while time.process_time_ns() < until:
            pass
        time.sleep(random.uniform(0, 2 * BURST_US * (1 / share - 1)) / 1e6)  # noqa: S311  no secret
    return time.process_time_ns()


def sleep_until(moment: int) -> None:
    time.sleep(max(moment - time.monotonic_ns(), 0) / SECOND)


# --- neighbours -----------------------------------------------------------------------------------------------


def pull_images(path: str, begin: int, end: int) -> Dict[str, Any]:
    """What containerd does while it pulls: layers written through the page cache, each synced when it is whole."""
    block, kept, written = os.urandom(1 << 20), [], 0
    sleep_until(begin)
    while time.monotonic_ns() < end:
        kept.append(unnamed(path))
        if len(kept) > LAYERS:
            os.close(kept.pop(0))
        for position in range(0, LAYER, len(block)):
            sleep_until(begin + written * SECOND // PULL_RATE)
            if time.monotonic_ns() >= end:
                break
            os.pwrite(kept[-1], block, position)
            written += len(block)
        os.fsync(kept[-1])
        begin = max(
            begin, time.monotonic_ns() - written * SECOND // PULL_RATE
        )  # a slow disk is not caught up with
    return {"bytes": written}


def fio_path(path: str) -> Tuple[str, int]:
    """A name by which fio can open an unnamed file of FIO_FILE bytes, and the descriptor that keeps it."""
    file = unnamed(path)
    return f"/proc/{os.getpid()}/fd/{file}", file


def fill(file: int) -> None:
    block = os.urandom(1 << 20)
    for position in range(0, FIO_FILE, len(block)):
        os.pwrite(file, block, position)
    os.fsync(file)


def start_fio(name: str, path: str, *options: str) -> subprocess.Popen[bytes]:
    """fio on an unnamed file, its jobs threads of one process that dies with us."""
    command = ["fio", f"--name={name}", f"--filename={path}", "--thread", "--output-format=json+", *options]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=die_with_parent
    )


RANDOM = ("--rw=randrw", "--bs=4k", "--ioengine=libaio", "--iodepth=16", "--numjobs=4", "--direct=1",
          f"--size={FIO_FILE}", "--time_based", "--group_reporting")  # fmt: skip
RECIPE = ("--rw=write", "--ioengine=sync", "--fdatasync=1", "--size=22m", "--bs=2300", "--fallocate=none")


# --- what the host is, and what it counts -----------------------------------------------------------------------


def text(path: str, default: str = "") -> str:
    try:
        with open(path, errors="replace") as file:
            return file.read().strip()
    except OSError:
        return default


def mount_of(path: str) -> Dict[str, str]:
    """The mount that holds `path`: point, type, source and options (proc(5), mountinfo)."""
    best: Dict[str, str] = {"point": "", "type": "", "source": "", "options": ""}
    for line in text("/proc/self/mountinfo").splitlines():
        left, _, right = line.partition(" - ")
        point, kind = left.split()[4].replace("\\040", " "), right.split()
        inside = path == point or path.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best["point"]):
            options = f"{left.split()[5]},{kind[2]}" if len(kind) > 2 else left.split()[5]
            best = {"point": point, "type": kind[0], "source": kind[1], "options": options}
    return best


def disk_of(path: str) -> str:
    """The kernel's name of the device below the file system, such as "vda1"; "" if it has none of its own."""
    device = os.stat(path).st_dev
    link = f"/sys/dev/block/{os.major(device)}:{os.minor(device)}"
    return os.path.basename(os.path.realpath(link)) if os.path.exists(link) else ""


def queue_of(disk: str) -> str:
    """The folder of the device's queue settings: a partition's is its disk's."""
    folder = os.path.realpath(f"/sys/class/block/{disk}")
    return f"{folder}/queue" if os.path.isdir(f"{folder}/queue") else f"{os.path.dirname(folder)}/queue"


def journal_of(kind: str, disk: str) -> str:
    if kind != "ext4":
        return {"xfs": "metadata", "btrfs": "copy on write"}.get(kind, "")
    options = text(f"/proc/fs/ext4/{disk}/options").splitlines()
    if not os.path.isdir("/proc/fs/ext4"):
        return ""
    mode = [line for line in options if line.startswith("data=")] or [""]
    return mode[0] if _journals(disk) else "none"


def _journals(disk: str) -> bool:
    folder = "/proc/fs/jbd2"
    return any(name.startswith(f"{disk}-") for name in os.listdir(folder)) if os.path.isdir(folder) else False


def said_by(*command: str) -> str:
    """What a command prints; "" where it is missing or hangs."""
    try:
        said = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=10).stdout
        return said.decode().strip()
    except (OSError, subprocess.TimeoutExpired):
        return ""


def environment(path: str) -> Dict[str, Any]:
    """What may explain a figure: file system and journal, device and its cache, kernel, machine."""
    status, mount, disk = os.statvfs(path), mount_of(path), disk_of(path)
    queue = queue_of(disk) if disk else ""
    scheduler = text(f"{queue}/scheduler")
    return {
        "path": path,
        "filesystem": mount["type"],
        "mount": mount,
        "fsid": said_by("stat", "-f", "-c", "%i", path),
        "free_bytes": status.f_bavail * status.f_frsize,
        "size_bytes": status.f_blocks * status.f_frsize,
        "journal": journal_of(mount["type"], disk),
        "disk": disk,
        "model": text(f"{queue}/../device/model"),
        "write_cache": text(f"{queue}/write_cache"),
        "rotational": text(f"{queue}/rotational"),
        "scheduler": scheduler[scheduler.find("[") + 1 : scheduler.find("]")]
        if "[" in scheduler
        else scheduler,
        "virtualisation": said_by("systemd-detect-virt") or "unknown",
        "kernel": os.uname().release,
        "machine": text("/sys/class/dmi/id/sys_vendor") + " " + text("/sys/class/dmi/id/product_name"),
        "cores": os.cpu_count(),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "python": ".".join(str(part) for part in sys.version_info[:3]),
        "machine_id": text("/etc/machine-id"),
    }


def counters(disk: str) -> Dict[str, int]:
    """Running totals of the host: PSI in µs, CPU in ticks, the device's writes and flushes (since Linux 5.5)."""
    found = {"monotonic_ns": time.monotonic_ns()}
    for resource in ("cpu", "io", "memory"):
        for line in text(f"/proc/pressure/{resource}").splitlines():
            found[f"psi_{resource}_{line.split()[0]}_us"] = int(line.rpartition("=")[2])
    ticks = [int(field) for field in text("/proc/stat").splitlines()[0].split()[1:]]
    found["cpu_ticks"], found["idle_ticks"], found["iowait_ticks"] = sum(ticks[:8]), ticks[3], ticks[4]
    found["steal_ticks"] = ticks[7]
    fields = next(
        (line.split()[3:] for line in text("/proc/diskstats").splitlines() if line.split()[2] == disk), []
    )
    if len(fields) >= 11:
        found["disk_writes"], found["disk_write_ms"] = int(fields[4]), int(fields[7])
        found["disk_write_sectors"], found["disk_busy_ms"] = int(fields[6]), int(fields[9])
    whole = (
        os.path.basename(os.path.dirname(queue_of(disk))) if disk else ""
    )  # a flush is counted for the disk alone
    fields = next(
        (line.split()[3:] for line in text("/proc/diskstats").splitlines() if line.split()[2] == whole), []
    )
    if len(fields) >= 17:
        found["disk_flushes"], found["disk_flush_ms"] = int(fields[15]), int(fields[16])
    return found


def difference(before: Dict[str, int], after: Dict[str, int]) -> Dict[str, int]:
    return {name: after[name] - before[name] for name in after if name in before}


# --- refusals -------------------------------------------------------------------------------------------------


def running_datastore() -> str:
    """ "etcd (pid 7)" or "K3s server (pid 7)" when one runs on this host, else ""."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        # K3s writes its command line anew, without secrets and with spaces between the words.
        arguments = text(f"/proc/{pid}/cmdline").replace("\0", " ").split(" ")
        names = [os.path.basename(argument) for argument in arguments[:3]]
        if names[0] == "etcd" or text(f"/proc/{pid}/comm") == "etcd":
            return f"etcd (pid {pid})"
        if text(f"/proc/{pid}/comm") == "k3s-server" or any(
            a == "k3s" and b == "server"
            for a, b in zip(names, names[1:])  # noqa: B905, RUF007  Python 3.8
        ):
            return f"K3s server (pid {pid})"
    return ""


def needed_bytes(phases: List[Dict[str, Any]]) -> int:
    """The most that the phases hold on disk at one time."""
    most = 0
    for phase in phases:
        load = (
            2 * SEGMENT + (DATABASE if phase.get("commit_pause_ms") else 0)
            if phase["kind"] == "etcd"
            else FIO_FILE
        )
        beside = {"pull": (LAYERS + 1) * LAYER, "random": FIO_FILE}.get(phase.get("neighbour", ""), 0)
        most = max(most, load + beside)
    return most


def check(plan: Dict[str, Any]) -> str:
    """The folder to measure in: the datastore's, or the nearest above it that exists. Raises Refused."""
    path: str = plan["path"]
    while not os.path.isdir(path):
        path = os.path.dirname(path)
    path = os.path.realpath(path)
    seconds = sum(phase.get("seconds", 0) for phase in plan["phases"])
    if not 0 < seconds <= LONGEST:
        raise Refused(f"the phases take {seconds} s; at most {LONGEST} s are allowed")
    mount, status = mount_of(path), os.statvfs(path)
    if mount["type"] in NETWORK or mount["type"].startswith("fuse."):
        raise Refused(f"{path} is on {mount['type']}, which etcd must not live on; mount a local disk there")
    if "ro" in mount["options"].split(","):
        raise Refused(f"{path} is mounted read-only; remount it, or choose another --path")
    running = running_datastore()
    if running and not plan.get("force"):
        raise Refused(
            f"{running} runs here, and would suffer; see its own figures with `invoke etcd-latency`, or --force"
        )
    need, free = needed_bytes(plan["phases"]), status.f_bavail * status.f_frsize
    size = status.f_blocks * status.f_frsize
    wanted = max(2 << 30, 3 * need, size // 10)
    if free < wanted:
        raise Refused(
            f"{path} has {free / 2**30:.1f} GiB free of {size / 2**30:.1f}; the bench writes {need / 2**30:.1f} GiB "
            f"and wants {wanted / 2**30:.1f} free (2 GiB, three times its need, a tenth of the disk); free some"
        )
    if status.f_files and status.f_favail < 1000:
        raise Refused(f"{path} has {status.f_favail} inodes left; remove some files")
    return path


# --- the run --------------------------------------------------------------------------------------------------


class Listener:
    """Ends this process when whoever started it has gone: end of standard input, or silence on it."""

    def __init__(self, silence_seconds: float) -> None:
        self._silence = silence_seconds
        self._heard = time.monotonic()

    def check(self) -> None:
        if not self._silence:
            return
        while select.select([0], [], [], 0)[0]:
            if not os.read(0, 4096):
                raise SystemExit(1)
            self._heard = time.monotonic()
        if time.monotonic() - self._heard > self._silence:
            raise SystemExit(1)


def say(event: str, **fields: Any) -> None:
    sys.stdout.write(json.dumps({"event": event, **fields}) + "\n")
    sys.stdout.flush()


class Run:
    """All phases of a plan, one after the other."""

    def __init__(self, plan: Dict[str, Any]) -> None:
        self._plan, self._path = plan, check(plan)
        self._listener = Listener(plan.get("silence_seconds", 0))
        self._total = sum(phase.get("seconds", 0) for phase in plan["phases"])
        self._before = 0.0  # seconds of the phases that are over

    def result(self) -> Dict[str, Any]:
        found = environment(self._path)
        begun, phases = time.time(), []
        for phase in self._plan["phases"]:
            before = counters(found["disk"])
            measured = getattr(self, f"_{phase['kind']}")(phase)
            phases.append({**phase, **measured, "counters": difference(before, counters(found["disk"]))})
            self._before += phase.get("seconds", 0)
        return {
            "schema": SCHEMA,
            "begun": begun,
            "limits_ms": LIMITS_MS,
            "environment": found,
            "phases": phases,
        }

    def _etcd(self, phase: Dict[str, Any]) -> Dict[str, Any]:
        seconds, pause = float(phase["seconds"]), phase.get("commit_pause_ms", 0)
        board, fio = Board(), None
        if phase.get("neighbour") == "random":
            name, file = fio_path(self._path)
            fill(file)
            fio = start_fio("neighbour", name, f"--runtime={seconds + 1}", *RANDOM)
        begin = time.monotonic_ns() + SECOND // 5
        end = begin + int(seconds * SECOND)
        row_ns = max(-(-int(seconds) // ROWS), 1) * SECOND
        work: Dict[str, Callable[[], Any]] = {}
        if phase.get("load", True):
            work["wal"] = lambda: write_log(self._path, begin, end, row_ns, board)
            for name, share in COMPUTING.items():
                work[name] = partial(compute, begin, end, share)
        if pause:
            work["backend"] = lambda: write_database(self._path, begin, end, row_ns, board, pause)
        if phase.get("neighbour") == "pull":
            work["pull"] = lambda: pull_images(self._path, begin, end)
        children = {name: Child(each) for name, each in work.items()}
        self._watch(phase["name"], list(children.values()), board, begin, seconds + GRACE)
        answers = {name: child.result() for name, child in children.items()}
        if fio:
            answers["random"] = found = fio_result(fio)
            os.close(file)
            if "error" in found:
                raise OSError(f"phase {phase['name']}: fio: {found['error']}")
        result: Dict[str, Any] = {}
        for name in ("wal", "backend"):
            result.update(answers.pop(name, {}))
        return {**result, "beside": answers}

    def _watch(self, name: str, children: List[Child], board: Board, begin: int, limit: float) -> None:
        """Until all children have ended. Progress goes out once a second: a reader that has gone ends us there."""
        told = 0.0
        while not all(child.done for child in children):
            ready = select.select([child.pipe for child in children if not child.done], [], [], 0.25)[0]
            for child in children:
                if child.pipe in ready and not child.done:
                    child.read()
            self._listener.check()
            if time.monotonic() - told >= 1:
                told = time.monotonic()
                done = max((time.monotonic_ns() - begin) / SECOND, 0)
                if done > limit:
                    raise OSError(
                        f"the disk did not answer for {GRACE} s and more after phase {name} was over"
                    )
                self._progress(name, done, board)

    def _progress(self, name: str, done: float, board: Optional[Board] = None) -> None:
        figures = {}
        if board:
            figures = {"syncs": board[Board.SYNCS], "slow_syncs": board[Board.SLOW_SYNCS],
                       "commits": board[Board.COMMITS], "slow_commits": board[Board.SLOW_COMMITS]}  # fmt: skip
        say("progress", phase=name, seconds=round(self._before + done, 1), of=self._total, **figures)

    def _fio(self, phase: Dict[str, Any], fio: subprocess.Popen[bytes], limit: float) -> Dict[str, Any]:
        begun = told = time.monotonic()
        while fio.poll() is None:
            # Its output is small (KiB) until the end, and then is read below.
            if fio.stdout and select.select([fio.stdout], [], [], 0.25)[0]:
                break
            self._listener.check()
            if time.monotonic() - begun > limit:
                fio.kill()
                fio.wait()
                return {"error": f"fio had not ended after {limit:.0f} s"}
            if time.monotonic() - told >= 1:
                told = time.monotonic()
                self._progress(phase["name"], min(told - begun, phase["seconds"]))
        return fio_result(fio)

    def _recipe(self, phase: Dict[str, Any]) -> Dict[str, Any]:
        """The published fio job, unchanged but for its file."""
        name, file = fio_path(self._path)
        os.posix_fallocate(file, 0, 22 << 20)  # as fio does by itself to a file it has made
        try:
            found = self._fio(phase, start_fio("mytest", name, *RECIPE), phase["limit_seconds"])
            return {"fio": found}
        finally:
            os.close(file)

    def _iops(self, phase: Dict[str, Any]) -> Dict[str, Any]:
        name, file = fio_path(self._path)
        try:
            fill(file)
            return {"fio": {f"{mode}-qd{depth}": self._random(phase, name, mode, depth)
                            for mode in ("randread", "randwrite") for depth in (1, 32)}}  # fmt: skip
        finally:
            os.close(file)

    def _random(self, phase: Dict[str, Any], name: str, mode: str, depth: int) -> Dict[str, Any]:
        options = [f"--rw={mode}", f"--iodepth={depth}", "--bs=4k", "--ioengine=libaio", "--direct=1",
                   f"--size={FIO_FILE}", "--time_based", f"--runtime={phase['seconds'] / 4}"]  # fmt: skip
        found = self._fio(phase, start_fio("iops", name, *options), phase["seconds"] + 30)
        if "error" in found:
            return found
        side = found["jobs"][0]["read" if mode == "randread" else "write"]
        return {"iops": side["iops"], "p99_ns": side["clat_ns"].get("percentile", {}).get("99.000000", 0)}


def fio_result(fio: subprocess.Popen[bytes]) -> Dict[str, Any]:
    """fio's JSON, or {"error": why}."""
    out, error = fio.communicate()
    try:
        found: Dict[str, Any] = json.loads(out[out.index(b"{") :])
    except ValueError:
        found = {}
    if fio.returncode == 0 and found.get("jobs"):
        return found
    return {
        "error": (error.decode(errors="replace").strip() or f"exit code {fio.returncode}").splitlines()[-1]
    }


def main(plan: Dict[str, Any]) -> int:
    def leave(*_: Any) -> None:
        raise SystemExit(1)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, leave)
    try:
        say("result", result=Run(plan).result())
    except Refused as error:
        say("refused", reason=str(error))
        return 2
    except BrokenPipeError:
        os._exit(1)  # nobody reads; children die with us
    except OSError as error:
        say("failed", reason=str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(json.loads(sys.argv[1])))
