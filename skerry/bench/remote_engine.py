"""Put etcd's load on a file system and measure it. One file for Python 3.8 without packages: it is sent to hosts.

The argument is a plan (JSON). The output is JSON lines: a "progress" each second, then one "result", "refused" or
"failed". Exit codes: 0 result, 1 failed, 2 refused. All files are created with O_TMPFILE: they have no name, so the
kernel frees them when the last process ends, even by SIGKILL. Child processes end with their parent
(PR_SET_PDEATHSIG).

The load is what strace shows of etcd under `etcdctl check perf --load=s`:
- Client: 150 requests a second, however slow the disk is (open loop). A response time counts from when the request
  was due. With 50 requests in flight the client waits, like the 50 clients of `check perf`.
- WAL: a record of 1392 bytes for each request, appended to a preallocated segment of 64 MB, then fdatasync. Records
  that arrive during a sync share the next one, as in raft.
- Backend: 100 ms after the last commit it appends 8 pages, rewrites 4, calls fdatasync, writes the meta page, and
  calls fdatasync again. Responses are sent under the lock that a commit holds.
- CPU: what client and server compute for a request, each in its own process: the disk's interrupts then reach CPUs
  that were just busy, as under etcd.
"""

from __future__ import annotations

import bisect
import ctypes
import gc
import json
import mmap
import os
import select
import signal
import subprocess
import sys
import time
import zlib
from functools import partial
from typing import Any, Callable, Dict, List, Optional, Tuple

SCHEMA = 1
RATE = 150  # records a second: `check perf --load=s`
RECORD = 1392  # bytes of a WAL record that holds a 256 B key and a 1 KiB value
# The CPU time of a request in compressions of RECORD_TEXT, so that it scales with the CPU's speed as etcd's does.
# Measured for etcd 3.4 and etcdctl with sched_switch on a 2.5 GHz Xeon, where one compression takes 33 µs.
SENDING, PROPOSING, APPLYING, RECEIVING = 7, 7, 5, 4
RECORD_TEXT = b"".join(b"%d %x " % (number * 7919, number * 104729) for number in range(100))[:1024]
IN_FLIGHT = 50  # requests at most: the clients of `check perf --load=s`
SEGMENT = 64_000_000  # bytes; etcd's server/storage/wal SegmentSizeBytes
PAGE = 4096
PAGES_NEW, PAGES_OLD = 8, 4  # written by one commit
DATABASE = 256 << 20  # bytes; then pages are reused, as by bbolt's freelist
PULL_RATE, LAYER, LAYERS = 150 << 20, 128 << 20, 4  # bytes a second, bytes, number kept on disk
FIO_FILE = 256 << 20
LONGEST = 24 * 3600  # seconds of all phases together
GRACE = 60  # seconds that a phase may be late before the measurement fails
MILLISECOND, SECOND = 10**6, 10**9
# Exceedances of these limits are counted exactly.
LIMITS_MS = (1, 2, 4, 8, 10, 16, 25, 32, 64, 128, 256, 500, 1000)
LIMITS_NS = [limit * MILLISECOND for limit in LIMITS_MS]
ROWS = 3600  # rows of a series at most
NETWORK_FILE_SYSTEMS = {
    "nfs",
    "nfs4",
    "cifs",
    "smb3",
    "9p",
    "ceph",
    "glusterfs",
    "fuse",
    "fuseblk",
    "afs",
    "virtiofs",
}


class Refused(Exception):
    """This host or folder must not be measured. The message is one line with the remedy."""


# --- histograms -----------------------------------------------------------------------------------------------


def bucket(ns: int) -> int:
    """Returns the log-linear bucket of a time: 128 buckets per power of two, an error of at most 0.8 %, as in fio."""
    if ns < 256:
        return max(ns, 0)
    shift = ns.bit_length() - 8
    return (shift << 7) + (ns >> shift)


class Series:
    """Times in nanoseconds: a histogram, and a row for each stretch of the phase: count, p99, maximum, exceedances."""

    def __init__(self, begin: int, row_ns: int) -> None:
        self._row_ns, self._row_end = row_ns, begin + row_ns
        self._row: List[int] = []
        self._over = [0] * len(LIMITS_MS)
        self._level = 0  # how many limits the last time exceeded
        self.bursts = [0] * len(LIMITS_MS)  # runs of consecutive exceedances of each limit
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
        for limit in range(level):
            self._over[limit] += 1
            self.bursts[limit] += limit >= self._level
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
    """Let the kernel kill this process when its parent ends (prctl(2), PR_SET_PDEATHSIG = 1)."""
    ctypes.CDLL(None, use_errno=True).prctl(1, signal.SIGKILL, 0, 0, 0)


class Child:
    """A forked process that runs `work` and sends its return value. `result` raises OSError if `work` fails."""

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
                # Ctrl-C reaches the whole group; the parent ends its children itself.
                signal.signal(signal.SIGINT, signal.SIG_IGN)
                signal.signal(signal.SIGTERM, signal.SIG_DFL)
                gc.disable()
                try:
                    outcome = {"result": work()}
                except OSError as error:
                    outcome = {"error": str(error)}
                with os.fdopen(write, "w") as file:
                    json.dump(outcome, file)
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
        outcome = json.loads(self._received.decode() or '{"error": "a part of the measurement was killed"}')
        if "error" in outcome:
            raise OSError(outcome["error"])
        return outcome["result"]


class CpuWait:
    """Returns how long this process has waited for a CPU, in ns; 0 without /proc/self/schedstat (second field)."""

    def __init__(self) -> None:
        try:
            self._file: Optional[int] = os.open("/proc/self/schedstat", os.O_RDONLY)
        except OSError:
            self._file = None

    def __call__(self) -> int:
        return int(os.pread(self._file, 80, 0).split()[1]) if self._file is not None else 0


# --- etcd's load ----------------------------------------------------------------------------------------------


class SharedCounters:
    """Counters in memory that the processes of a phase share: eight-byte words, which are written atomically."""

    # Slow syncs take over 10 ms, slow commits over 25 ms.
    SYNCS, SLOW_SYNCS, COMMITS, SLOW_COMMITS = range(4)

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, PAGE)
        self._words = memoryview(self._memory).cast("Q")

    def __getitem__(self, word: int) -> int:
        return self._words[word]

    def __setitem__(self, word: int, value: int) -> None:
        self._words[word] = value


def unnamed_file(path: str) -> int:
    """Create a file without a name in the folder `path`. Raises Refused if the file system cannot."""
    try:
        return os.open(path, os.O_RDWR | os.O_TMPFILE, 0o600)
    except OSError as error:
        raise Refused(
            f"{path}: its file system cannot create unnamed files ({error.strerror}); use ext4 or xfs"
        ) from None


def new_segment(path: str) -> int:
    """Create a WAL segment."""
    file = unnamed_file(path)
    os.posix_fallocate(file, 0, SEGMENT)
    return file


class Pipe:
    """A counter that one process increments and another waits for: a byte in a pipe for each."""

    def __init__(self) -> None:
        self.outlet, self._inlet = os.pipe()

    def put(self, count: int = 1) -> None:
        os.write(self._inlet, bytes(count))

    def take(self) -> int:
        """Wait for at least one. Returns how many there were."""
        return len(os.read(self.outlet, IN_FLIGHT))

    def close(self) -> None:
        os.close(self.outlet)
        os.close(self._inlet)


class Etcd:
    """The processes of one phase, one method each, and the pipes between them. Each process runs until `end`.

    client -> propose -> log -> apply -> client: a request passes through all of them. Times are in nanoseconds of the
    monotonic clock.
    """

    def __init__(self, path: str, begin: int, end: int, row_ns: int, counters: SharedCounters) -> None:
        self._path, self._begin, self._end, self._row_ns = path, begin, end, row_ns
        self._counters = counters
        self._requests, self._proposals, self._synced, self._responses = pipes = [Pipe() for _ in range(4)]
        # The pipe holds one byte while the lock is free.
        self._lock = Pipe()
        self._lock.put()
        self._pipes = [*pipes, self._lock]

    def close(self) -> None:
        """Close the pipes in the process that started the others."""
        for pipe in self._pipes:
            pipe.close()

    def _series(self) -> Series:
        return Series(self._begin, self._row_ns)

    def _wait(self, pipe: Pipe, until: int) -> bool:
        """Wait for the pipe until that moment. Returns whether something came."""
        return bool(select.select([pipe.outlet], [], [], max(until - time.monotonic_ns(), 0) / SECOND)[0])

    def client(self) -> Dict[str, Any]:
        """Send requests and time the responses, each from when its request was due."""
        now, begin, end, period = time.monotonic_ns, self._begin, self._end, SECOND // RATE
        response, wake, sent, answered = self._series(), self._series(), 0, 0
        while now() < end:
            due = begin + sent * period
            free = sent - answered < IN_FLIGHT
            if free and due <= now():
                compute(SENDING)
                self._requests.put()
                sent += 1
                continue
            until = min(due, end) if free else end
            if self._wait(self._responses, until):
                for _ in range(self._responses.take()):
                    compute(RECEIVING)
                    received = now()
                    response.add(received, received - begin - answered * period)
                    answered += 1
            elif until == due:
                woken = now()
                wake.add(woken, woken - due)
        # Requests without a response have waited at least until the end.
        for number in range(answered, (end - begin) // period):
            response.add(end, end - begin - number * period)
        return {"records": answered, "response": response.result(), "wake": wake.result()}

    def propose(self) -> None:
        """Hand requests on to the WAL."""
        while self._wait(self._requests, self._end):
            for _ in range(self._requests.take()):
                compute(PROPOSING)
                self._proposals.put()

    def log(self) -> Dict[str, Any]:
        """Append records to the WAL and sync it."""
        now, sync, cpu_wait, counters = time.monotonic_ns, os.fdatasync, CpuWait(), self._counters
        series = {name: self._series() for name in ("sync", "sync_less_cpu", "write")}
        records, segment, position = os.urandom(RECORD) * IN_FLIGHT, new_segment(self._path), 0
        while now() < self._end and self._wait(self._proposals, self._end):
            count = self._proposals.take()
            if position + count * RECORD > SEGMENT:
                os.close(segment)
                segment, position = new_segment(self._path), 0
            waited, before = cpu_wait(), now()
            os.pwrite(segment, records[: count * RECORD], position)
            written = now()
            sync(segment)
            synced = now()
            waited = cpu_wait() - waited
            self._synced.put(count)
            position += count * RECORD
            took = synced - written
            series["write"].add(synced, written - before)
            series["sync"].add(synced, took)
            series["sync_less_cpu"].add(synced, max(took - waited, 0))
            counters[SharedCounters.SYNCS] += 1
            counters[SharedCounters.SLOW_SYNCS] += took > 10 * MILLISECOND
        os.close(segment)
        return {name: times.result() for name, times in series.items()}

    def apply(self) -> None:
        """Answer synced requests under the lock."""
        while self._wait(self._synced, self._end):
            for _ in range(self._synced.take()):
                self._lock.take()
                compute(APPLYING)
                self._lock.put()
                self._responses.put()

    def backend(self, pause_ms: int) -> Dict[str, Any]:
        """Commit pages to the database, with a pause after each commit."""
        now, cpu_wait, counters = time.monotonic_ns, CpuWait(), self._counters
        commits, less_cpu = self._series(), self._series()
        file, page, top, meta = unnamed_file(self._path), os.urandom(PAGE), 2, 0
        sleep_until(self._begin + pause_ms * MILLISECOND)
        while now() < self._end:
            if (top + PAGES_NEW) * PAGE > DATABASE:
                top = 2 + 3 * PAGES_NEW
            old = [
                number
                for number in range(top - 2 * PAGES_NEW, top - 2 * PAGES_NEW + PAGES_OLD)
                if number >= 2
            ]
            self._lock.take()
            waited, start = cpu_wait(), now()
            for number in (*old, *range(top, top + PAGES_NEW)):
                os.pwrite(file, page, number * PAGE)
            os.fdatasync(file)
            os.pwrite(file, page, meta * PAGE)
            os.fdatasync(file)
            done = now()
            self._lock.put()
            top, meta, waited = top + PAGES_NEW, 1 - meta, cpu_wait() - waited
            commits.add(done, done - start)
            less_cpu.add(done, max(done - start - waited, 0))
            counters[SharedCounters.COMMITS] += 1
            counters[SharedCounters.SLOW_COMMITS] += done - start > 25 * MILLISECOND
            sleep_until(done + pause_ms * MILLISECOND)
        os.close(file)
        return {"commit": commits.result(), "commit_less_cpu": less_cpu.result()}


def compute(compressions: int) -> None:
    for _ in range(compressions):
        zlib.compress(RECORD_TEXT)


def sleep_until(moment: int) -> None:
    time.sleep(max(moment - time.monotonic_ns(), 0) / SECOND)


# --- neighbours -----------------------------------------------------------------------------------------------


def pull_images(path: str, begin: int, end: int) -> Dict[str, Any]:
    """Write as containerd does while it pulls: layers go through the page cache, and each is synced when complete."""
    block, kept, written = os.urandom(1 << 20), [], 0
    sleep_until(begin)
    while time.monotonic_ns() < end:
        kept.append(unnamed_file(path))
        if len(kept) > LAYERS:
            os.close(kept.pop(0))
        for position in range(0, LAYER, len(block)):
            sleep_until(begin + written * SECOND // PULL_RATE)
            if time.monotonic_ns() >= end:
                break
            os.pwrite(kept[-1], block, position)
            written += len(block)
        os.fsync(kept[-1])
        # A pull from a slow disk does not catch up.
        begin = max(begin, time.monotonic_ns() - written * SECOND // PULL_RATE)
    return {"bytes": written}


def fio_path(path: str) -> Tuple[str, int]:
    """Returns a path by which fio can open a new unnamed file, and the descriptor that keeps the file."""
    file = unnamed_file(path)
    return f"/proc/{os.getpid()}/fd/{file}", file


def fill(file: int) -> None:
    block = os.urandom(1 << 20)
    for position in range(0, FIO_FILE, len(block)):
        os.pwrite(file, block, position)
    os.fsync(file)


def start_fio(name: str, path: str, *options: str) -> subprocess.Popen[bytes]:
    """Start fio on an unnamed file. Its jobs are threads of one process, which ends with this one."""
    command = ["fio", f"--name={name}", f"--filename={path}", "--thread", "--output-format=json+", *options]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=die_with_parent
    )


RANDOM = ("--rw=randrw", "--bs=4k", "--ioengine=libaio", "--iodepth=16", "--numjobs=4", "--direct=1",
          f"--size={FIO_FILE}", "--time_based", "--group_reporting")  # fmt: skip
RECIPE = ("--rw=write", "--ioengine=sync", "--fdatasync=1", "--size=22m", "--bs=2300", "--fallocate=none")


# --- what the host is, and what it counts -----------------------------------------------------------------------


def read_text(path: str) -> str:
    """Returns the content of a file without surrounding white space; "" if it cannot be read."""
    try:
        with open(path, errors="replace") as file:
            return file.read().strip()
    except OSError:
        return ""


def mount_of(path: str) -> Dict[str, str]:
    """Returns the mount that holds `path`: point, type, source and options, all "" if unknown (proc(5), mountinfo)."""
    best: Dict[str, str] = {"point": "", "type": "", "source": "", "options": ""}
    for line in read_text("/proc/self/mountinfo").splitlines():
        left, _, right = line.partition(" - ")
        point, kind = left.split()[4].replace("\\040", " "), right.split()
        inside = path == point or path.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best["point"]):
            options = f"{left.split()[5]},{kind[2]}" if len(kind) > 2 else left.split()[5]
            best = {"point": point, "type": kind[0], "source": kind[1], "options": options}
    return best


def disk_of(path: str) -> str:
    """Returns the kernel's name of the file system's device, such as "vda1"; "" if it has no block device."""
    device = os.stat(path).st_dev
    link = f"/sys/dev/block/{os.major(device)}:{os.minor(device)}"
    return os.path.basename(os.path.realpath(link)) if os.path.exists(link) else ""


def queue_of(disk: str) -> str:
    """Returns the folder of the device's queue settings; a partition uses those of its disk."""
    folder = os.path.realpath(f"/sys/class/block/{disk}")
    return f"{folder}/queue" if os.path.isdir(f"{folder}/queue") else f"{os.path.dirname(folder)}/queue"


def journal_of(kind: str, disk: str) -> str:
    """Returns the journal mode of a file system, such as "data=ordered", or "none"; "" if the mode is unknown."""
    if kind != "ext4":
        return {"xfs": "metadata", "btrfs": "copy on write"}.get(kind, "")
    options = read_text(f"/proc/fs/ext4/{disk}/options").splitlines()
    if not os.path.isdir("/proc/fs/ext4"):
        return ""
    mode = [line for line in options if line.startswith("data=")] or [""]
    return mode[0] if _journals(disk) else "none"


def _journals(disk: str) -> bool:
    folder = "/proc/fs/jbd2"
    return any(name.startswith(f"{disk}-") for name in os.listdir(folder)) if os.path.isdir(folder) else False


def output_of(*command: str) -> str:
    """Run a command. Returns its output; "" if the command is missing or hangs."""
    try:
        output = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=10).stdout
        return output.decode().strip()
    except (OSError, subprocess.TimeoutExpired):
        return ""


def environment(path: str) -> Dict[str, Any]:
    """Returns what may explain a figure: file system and journal, device and cache, kernel, machine."""
    status, mount, disk = os.statvfs(path), mount_of(path), disk_of(path)
    queue = queue_of(disk) if disk else ""
    scheduler = read_text(f"{queue}/scheduler")
    return {
        "path": path,
        "filesystem": mount["type"],
        "mount": mount,
        "fsid": output_of("stat", "-f", "-c", "%i", path),
        "free_bytes": status.f_bavail * status.f_frsize,
        "size_bytes": status.f_blocks * status.f_frsize,
        "journal": journal_of(mount["type"], disk),
        "disk": disk,
        "model": read_text(f"{queue}/../device/model"),
        "write_cache": read_text(f"{queue}/write_cache"),
        "rotational": read_text(f"{queue}/rotational"),
        "scheduler": scheduler[scheduler.find("[") + 1 : scheduler.find("]")]
        if "[" in scheduler
        else scheduler,
        "virtualisation": output_of("systemd-detect-virt") or "unknown",
        "kernel": os.uname().release,
        "machine": read_text("/sys/class/dmi/id/sys_vendor")
        + " "
        + read_text("/sys/class/dmi/id/product_name"),
        "cores": os.cpu_count(),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "python": ".".join(str(part) for part in sys.version_info[:3]),
        "machine_id": read_text("/etc/machine-id"),
    }


def counters(disk: str) -> Dict[str, int]:
    """Returns the host's totals since boot: PSI in µs, CPU in ticks, the device's writes and (Linux 5.5) flushes."""
    totals = {"monotonic_ns": time.monotonic_ns()}
    for resource in ("cpu", "io", "memory"):
        for line in read_text(f"/proc/pressure/{resource}").splitlines():
            totals[f"psi_{resource}_{line.split()[0]}_us"] = int(line.rpartition("=")[2])
    ticks = [int(field) for field in read_text("/proc/stat").splitlines()[0].split()[1:]]
    totals["cpu_ticks"], totals["idle_ticks"], totals["iowait_ticks"] = sum(ticks[:8]), ticks[3], ticks[4]
    totals["steal_ticks"] = ticks[7]
    fields = disk_statistics(disk)
    if len(fields) >= 11:
        totals["disk_writes"], totals["disk_write_ms"] = int(fields[4]), int(fields[7])
        totals["disk_write_sectors"], totals["disk_busy_ms"] = int(fields[6]), int(fields[9])
    # The kernel counts flushes for whole disks only.
    fields = disk_statistics(os.path.basename(os.path.dirname(queue_of(disk))) if disk else "")
    if len(fields) >= 17:
        totals["disk_flushes"], totals["disk_flush_ms"] = int(fields[15]), int(fields[16])
    return totals


def disk_statistics(device: str) -> List[str]:
    """Returns the fields after the device's name in /proc/diskstats; [] if the device is not listed."""
    lines = (line.split() for line in read_text("/proc/diskstats").splitlines())
    return next((fields[3:] for fields in lines if fields[2] == device), [])


def difference(before: Dict[str, int], after: Dict[str, int]) -> Dict[str, int]:
    """Subtract two readings of the totals."""
    return {name: after[name] - before[name] for name in after if name in before}


# --- refusals -------------------------------------------------------------------------------------------------


def running_datastore() -> str:
    """Returns the datastore that runs on this host, "etcd (pid 7)" or "K3s server (pid 7)"; "" if none runs."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        # K3s replaces its command line by one without secrets, with spaces between the words.
        arguments = read_text(f"/proc/{pid}/cmdline").replace("\0", " ").split(" ")
        names = [os.path.basename(argument) for argument in arguments[:3]]
        if names[0] == "etcd" or read_text(f"/proc/{pid}/comm") == "etcd":
            return f"etcd (pid {pid})"
        if read_text(f"/proc/{pid}/comm") == "k3s-server" or any(
            a == "k3s" and b == "server"
            for a, b in zip(names, names[1:])  # noqa: B905, RUF007  Python 3.8
        ):
            return f"K3s server (pid {pid})"
    return ""


def needed_bytes(phases: List[Dict[str, Any]]) -> int:
    """Returns how much the phases hold on disk at one time, at most."""
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
    """Returns the folder to measure in: the plan's, or its nearest existing parent. Raises Refused if that is unfit."""
    path: str = plan["path"]
    while not os.path.isdir(path):
        path = os.path.dirname(path)
    path = os.path.realpath(path)
    seconds = sum(phase.get("seconds", 0) for phase in plan["phases"])
    if not 0 < seconds <= LONGEST:
        raise Refused(f"the phases take {seconds} s; at most {LONGEST} s are allowed")
    mount, status = mount_of(path), os.statvfs(path)
    if mount["type"] in NETWORK_FILE_SYSTEMS or mount["type"].startswith("fuse."):
        raise Refused(f"{path} is on {mount['type']}, which etcd must not be on; mount a local disk there")
    if "ro" in mount["options"].split(","):
        raise Refused(f"{path} is mounted read-only; remount it, or choose another --path")
    running = running_datastore()
    if running and not plan.get("force"):
        raise Refused(
            f"{running} runs here and would be slowed down; "
            "see its own figures with `invoke etcd-latency`, or use --force"
        )
    need, free = needed_bytes(plan["phases"]), status.f_bavail * status.f_frsize
    size = status.f_blocks * status.f_frsize
    required = max(2 << 30, 3 * need, size // 10)
    if free < required:
        raise Refused(
            f"{path} has {free / 2**30:.1f} GiB free of {size / 2**30:.1f}, but the bench needs {required / 2**30:.1f} "
            f"(2 GiB, a tenth of the disk, three times the {need / 2**30:.1f} GiB that it writes); free some"
        )
    if status.f_files and status.f_favail < 1000:
        raise Refused(f"{path} has {status.f_favail} inodes left; remove some files")
    return path


# --- the run --------------------------------------------------------------------------------------------------


class HeartbeatWatch:
    """Ends this process if the controller is gone: standard input has ended or is silent for too long (0: never)."""

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


def emit(event: str, **fields: Any) -> None:
    """Print an event as a JSON line."""
    sys.stdout.write(json.dumps({"event": event, **fields}) + "\n")
    sys.stdout.flush()


class PlanRun:
    """The phases of a plan, one after the other."""

    def __init__(self, plan: Dict[str, Any]) -> None:
        self._plan, self._path = plan, check(plan)
        self._heartbeat = HeartbeatWatch(plan.get("silence_seconds", 0))
        self._total = sum(phase.get("seconds", 0) for phase in plan["phases"])
        self._before = 0.0  # planned seconds of the phases that are over

    def result(self) -> Dict[str, Any]:
        host = environment(self._path)
        begun, phases = time.time(), []
        for phase in self._plan["phases"]:
            before = counters(host["disk"])
            measured = getattr(self, f"_{phase['kind']}")(phase)
            phases.append({**phase, **measured, "counters": difference(before, counters(host["disk"]))})
            self._before += phase.get("seconds", 0)
        return {
            "schema": SCHEMA,
            "begun": begun,
            "limits_ms": LIMITS_MS,
            "environment": host,
            "phases": phases,
        }

    def _etcd(self, phase: Dict[str, Any]) -> Dict[str, Any]:
        seconds, pause = float(phase["seconds"]), phase.get("commit_pause_ms", 0)
        shared, fio = SharedCounters(), None
        if phase.get("neighbour") == "random":
            name, file = fio_path(self._path)
            fill(file)
            fio = start_fio("neighbour", name, f"--runtime={seconds + 1}", *RANDOM)
        begin = time.monotonic_ns() + SECOND // 5
        end = begin + int(seconds * SECOND)
        row_ns = max(-(-int(seconds) // ROWS), 1) * SECOND
        etcd = Etcd(self._path, begin, end, row_ns, shared)
        work: Dict[str, Callable[[], Any]] = {}
        if phase.get("load", True):
            work = {name: getattr(etcd, name) for name in ("client", "propose", "log", "apply")}
        if pause:
            work["backend"] = partial(etcd.backend, pause)
        if phase.get("neighbour") == "pull":
            work["pull"] = lambda: pull_images(self._path, begin, end)
        children = {name: Child(function) for name, function in work.items()}
        etcd.close()
        self._watch(phase["name"], list(children.values()), shared, begin, seconds + GRACE)
        results = {name: child.result() for name, child in children.items()}
        if fio:
            results["random"] = output = fio_result(fio)
            os.close(file)
            if "error" in output:
                raise OSError(f"phase {phase['name']}: fio: {output['error']}")
        result: Dict[str, Any] = {}
        for name in ("client", "propose", "log", "apply", "backend"):
            result.update(results.pop(name, None) or {})
        return {**result, "beside": results}

    def _watch(
        self, name: str, children: List[Child], shared: SharedCounters, begin: int, limit: float
    ) -> None:
        """Wait until all children have ended.

        Prints progress once a second. Raises OSError after `limit` seconds, SystemExit or BrokenPipeError if the
        controller is gone.
        """
        reported = 0.0
        while not all(child.done for child in children):
            ready = select.select([child.pipe for child in children if not child.done], [], [], 0.25)[0]
            for child in children:
                if child.pipe in ready and not child.done:
                    child.read()
            self._heartbeat.check()
            if time.monotonic() - reported >= 1:
                reported = time.monotonic()
                done = max((time.monotonic_ns() - begin) / SECOND, 0)
                if done > limit:
                    raise OSError(f"the disk did not answer within {GRACE} s after the end of phase {name}")
                self._progress(name, done, shared)

    def _progress(self, name: str, done: float, shared: Optional[SharedCounters] = None) -> None:
        figures = {}
        if shared:
            names = ("syncs", "slow_syncs", "commits", "slow_commits")
            figures = {name: shared[word] for word, name in enumerate(names)}
        emit("progress", phase=name, seconds=round(self._before + done, 1), of=self._total, **figures)

    def _fio(self, phase: Dict[str, Any], fio: subprocess.Popen[bytes], limit: float) -> Dict[str, Any]:
        begun = reported = time.monotonic()
        while fio.poll() is None:
            # fio prints only at its end; fio_result reads the rest.
            if fio.stdout and select.select([fio.stdout], [], [], 0.25)[0]:
                break
            self._heartbeat.check()
            if time.monotonic() - begun > limit:
                fio.kill()
                fio.wait()
                return {"error": f"fio had not ended after {limit:.0f} s"}
            if time.monotonic() - reported >= 1:
                reported = time.monotonic()
                self._progress(phase["name"], min(reported - begun, phase["seconds"]))
        return fio_result(fio)

    def _recipe(self, phase: Dict[str, Any]) -> Dict[str, Any]:
        """Run the published fio job on an unnamed file."""
        name, file = fio_path(self._path)
        # fio does this itself for a file that it creates.
        os.posix_fallocate(file, 0, 22 << 20)
        try:
            return {"fio": self._fio(phase, start_fio("mytest", name, *RECIPE), phase["limit_seconds"])}
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
        output = self._fio(phase, start_fio("iops", name, *options), phase["seconds"] + 30)
        if "error" in output:
            return output
        side = output["jobs"][0]["read" if mode == "randread" else "write"]
        return {"iops": side["iops"], "p99_ns": side["clat_ns"].get("percentile", {}).get("99.000000", 0)}


def fio_result(fio: subprocess.Popen[bytes]) -> Dict[str, Any]:
    """Wait for fio to end. Returns its JSON, or {"error": message}."""
    out, error = fio.communicate()
    try:
        output: Dict[str, Any] = json.loads(out[out.index(b"{") :])
    except ValueError:
        output = {}
    if fio.returncode == 0 and output.get("jobs"):
        return output
    return {
        "error": (error.decode(errors="replace").strip() or f"exit code {fio.returncode}").splitlines()[-1]
    }


def main(plan: Dict[str, Any]) -> int:
    """Run a plan and print its result. Returns the exit code."""

    def leave(*_: Any) -> None:
        raise SystemExit(1)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, leave)
    try:
        emit("result", result=PlanRun(plan).result())
    except Refused as error:
        emit("refused", reason=str(error))
        return 2
    except BrokenPipeError:
        # The reader has gone; the children end with this process.
        os._exit(1)
    except OSError as error:
        emit("failed", reason=str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(json.loads(sys.argv[1])))
