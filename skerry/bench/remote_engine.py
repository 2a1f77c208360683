"""Put etcd's load on a file system and measure it. One file, standard library, Python 3.8: it is sent to hosts.

Reads a plan (JSON) as its argument, writes JSON lines: "progress" each second, then one "result", "refused" or
"failed". Exit codes: 0, 2 refused, 1 failed. All its files are O_TMPFILE: they have no name, so the kernel
frees them when the last process dies, however it dies; children die with their parent (PR_SET_PDEATHSIG).

The load is what strace shows of etcd under `etcdctl check perf --load=s`:
- a client that asks 150 times a second, whatever the disk does (open loop), and times each answer from when it was
  due to ask; with 50 questions under way it waits, as the 50 clients of `check perf` do
- WAL: a record of 1392 bytes for each question, appended to a preallocated 64 MB segment, then fdatasync. Records
  that came during a sync share the next one, as in raft.
- backend: 100 ms after the last commit, 8 pages appended and 4 rewritten, fdatasync, the meta page, fdatasync.
  Questions are answered under the lock that a commit holds.
- CPU: what client and server compute for a question, each at its turn: the disk's own work comes to CPUs that have
  just been busy, as under etcd.
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
# What is computed for each record, in compressions of RECORD_TEXT: a CPU that is half as fast takes twice as long, as
# etcd does. Taken from etcd 3.4 and etcdctl by sched_switch on a 2.5 GHz Xeon, where one compression takes 33 µs.
ASKING, PROPOSING, APPLYING, HEARING = 7, 7, 5, 4
RECORD_TEXT = b"".join(b"%d %x " % (number * 7919, number * 104729) for number in range(100))[:1024]
GROUP = 50  # records under way at most: the clients of `check perf --load=s`
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
    """How long this process was ready to run and got no CPU (second field of /proc/self/schedstat), in ns."""

    def __init__(self) -> None:
        try:
            self._file: Optional[int] = os.open("/proc/self/schedstat", os.O_RDONLY)
        except OSError:  # a kernel without it
            self._file = None

    def __call__(self) -> int:
        return int(os.pread(self._file, 80, 0).split()[1]) if self._file is not None else 0


# --- etcd's load ----------------------------------------------------------------------------------------------


class Board:
    """Memory that the processes of a phase share: one eight-byte word each, so none is read half-written."""

    SYNCS, SLOW_SYNCS, COMMITS, SLOW_COMMITS = range(4)  # slow: over 10 ms, over 25 ms

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


class Pipe:
    """A count that one process raises and another waits for: a byte for each."""

    def __init__(self) -> None:
        self.outlet, self._inlet = os.pipe()

    def put(self, count: int = 1) -> None:
        os.write(self._inlet, bytes(count))

    def take(self) -> int:
        """As many as there are, at least one: waits for it."""
        return len(os.read(self.outlet, GROUP))

    def close(self) -> None:
        os.close(self.outlet)
        os.close(self._inlet)


class Etcd:
    """The pipes between the processes of one phase, and what each of these does until `end`.

    Times are in nanoseconds of the monotonic clock.
    """

    def __init__(self, path: str, begin: int, end: int, row_ns: int, board: Board) -> None:
        self._path, self._begin, self._end, self._row_ns, self._board = path, begin, end, row_ns, board
        self._asked, self._proposed, self._synced, self._answers = pipes = [Pipe() for _ in range(4)]
        self._lock = Pipe()  # holds one byte while nobody holds the lock
        self._lock.put()
        self._pipes = [*pipes, self._lock]

    def close(self) -> None:
        """Of the process that has started the others."""
        for pipe in self._pipes:
            pipe.close()

    def _series(self) -> Series:
        return Series(self._begin, self._row_ns)

    def _wait(self, pipe: Pipe, until: int) -> bool:
        """Whether something comes in the pipe before that moment."""
        return bool(select.select([pipe.outlet], [], [], max(until - time.monotonic_ns(), 0) / SECOND)[0])

    def client(self) -> Dict[str, Any]:
        now, begin, end, period = time.monotonic_ns, self._begin, self._end, SECOND // RATE
        response, wake, asked, answered = self._series(), self._series(), 0, 0
        while now() < end:
            due = begin + asked * period
            free = asked - answered < GROUP
            if free and due <= now():
                compute(ASKING)
                self._asked.put()
                asked += 1
                continue
            until = min(due, end) if free else end
            if self._wait(self._answers, until):
                for _ in range(self._answers.take()):
                    compute(HEARING)
                    heard = now()
                    response.add(heard, heard - begin - answered * period)
                    answered += 1
            elif until == due:
                woken = now()
                wake.add(woken, woken - due)
        for place in range(answered, (end - begin) // period):  # these have waited at least so long
            response.add(end, end - begin - place * period)
        return {"records": answered, "response": response.result(), "wake": wake.result()}

    def propose(self) -> None:
        while self._wait(self._asked, self._end):
            for _ in range(self._asked.take()):
                compute(PROPOSING)
                self._proposed.put()

    def log(self) -> Dict[str, Any]:
        """The WAL."""
        now, sync, wait, board = time.monotonic_ns, os.fdatasync, CpuWait(), self._board
        series = {name: self._series() for name in ("sync", "sync_less_cpu", "write")}
        record, segment, position = os.urandom(RECORD) * GROUP, new_segment(self._path), 0
        while now() < self._end and self._wait(self._proposed, self._end):
            count = self._proposed.take()
            if position + count * RECORD > SEGMENT:
                os.close(segment)
                segment, position = new_segment(self._path), 0
            waited, before = wait(), now()
            os.pwrite(segment, record[: count * RECORD], position)
            written = now()
            sync(segment)
            synced = now()
            waited = wait() - waited
            self._synced.put(count)
            position += count * RECORD
            took = synced - written
            series["write"].add(synced, written - before)
            series["sync"].add(synced, took)
            series["sync_less_cpu"].add(synced, max(took - waited, 0))
            board[Board.SYNCS] += 1
            board[Board.SLOW_SYNCS] += took > 10 * MILLISECOND
        os.close(segment)
        return {name: each.result() for name, each in series.items()}

    def apply(self) -> None:
        while self._wait(self._synced, self._end):
            for _ in range(self._synced.take()):
                self._lock.take()
                compute(APPLYING)
                self._lock.put()
                self._answers.put()

    def backend(self, pause_ms: int) -> Dict[str, Any]:
        """A commit, a pause, and so on."""
        now, wait, board = time.monotonic_ns, CpuWait(), self._board
        commits, less_cpu = self._series(), self._series()
        file, page, top, turn = unnamed(self._path), os.urandom(PAGE), 2, 0
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
            waited, start = wait(), now()
            for number in (*old, *range(top, top + PAGES_NEW)):
                os.pwrite(file, page, number * PAGE)
            os.fdatasync(file)
            os.pwrite(file, page, turn * PAGE)
            os.fdatasync(file)
            done = now()
            self._lock.put()
            top, turn, waited = top + PAGES_NEW, 1 - turn, wait() - waited
            commits.add(done, done - start)
            less_cpu.add(done, max(done - start - waited, 0))
            board[Board.COMMITS] += 1
            board[Board.SLOW_COMMITS] += done - start > 25 * MILLISECOND
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
        etcd = Etcd(self._path, begin, end, row_ns, board)
        work: Dict[str, Callable[[], Any]] = {}
        if phase.get("load", True):
            work = {name: getattr(etcd, name) for name in ("client", "propose", "log", "apply")}
        if pause:
            work["backend"] = partial(etcd.backend, pause)
        if phase.get("neighbour") == "pull":
            work["pull"] = lambda: pull_images(self._path, begin, end)
        children = {name: Child(each) for name, each in work.items()}
        etcd.close()
        self._watch(phase["name"], list(children.values()), board, begin, seconds + GRACE)
        answers = {name: child.result() for name, child in children.items()}
        if fio:
            answers["random"] = found = fio_result(fio)
            os.close(file)
            if "error" in found:
                raise OSError(f"phase {phase['name']}: fio: {found['error']}")
        result: Dict[str, Any] = {}
        for name in ("client", "propose", "log", "apply", "backend"):
            result.update(answers.pop(name, None) or {})
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
