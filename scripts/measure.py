"""How `scripts/bench` measures: processes that take turns, their time and memory, and rows with a verdict."""

import contextlib
import dataclasses
import os
import shlex
import signal
import statistics
import tempfile
import time


class Trouble(Exception):
    """Something that keeps a row from being measured."""


@dataclasses.dataclass
class Row:
    """One line of the table. `ours` and `theirs` are in the unit that stands in the name."""

    name: str
    ours: float | None
    theirs: float | None
    asked: str
    ok: bool | None
    note: str = ""

    @property
    def ratio(self):
        return self.ours / self.theirs if self.ours is not None and self.theirs else None

    def as_json(self):
        def rounded(value):
            return None if value is None else round(value, 3)

        return {"name": self.name, "ours": rounded(self.ours), "theirs": rounded(self.theirs),
                "ratio": rounded(self.ratio), "asked": self.asked, "ok": self.ok}


def execute(argv, environment, read=None, watch=None):
    """Runs a process and returns the seconds from its start to its end.

    Its output goes to `read(file descriptor)`, or is thrown away. `watch(process id)` is called again and
    again while it runs.
    """
    argv = [str(word) for word in argv]
    with tempfile.TemporaryFile() as errors, open(os.devnull, "r+b") as nothing:
        out = os.pipe() if read else None
        actions = [(os.POSIX_SPAWN_DUP2, nothing.fileno(), 0),
                   (os.POSIX_SPAWN_DUP2, out[1] if out else nothing.fileno(), 1),
                   (os.POSIX_SPAWN_DUP2, errors.fileno(), 2)]
        began = time.perf_counter()
        pid = os.posix_spawnp(argv[0], argv, environment, file_actions=actions)
        try:
            if out:
                os.close(out[1])
                read(out[0])
            if watch:
                while os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
                    watch(pid)
            _, status = os.waitpid(pid, 0)
        except BaseException:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGTERM)
                os.waitpid(pid, 0)
            raise
        finally:
            if out:
                os.close(out[0])
        seconds = time.perf_counter() - began
        code = os.waitstatus_to_exitcode(status)
        if code != 0:
            errors.seek(0)
            text = errors.read().decode(errors="replace").strip()
            raise Trouble(f"`{shlex.join(argv)[:300]}` ended with code {code}: {text[-2000:]}")
        return seconds


def peak_memory(argv, environment):
    """The most memory that a process had, in MB.

    Not from `wait4`: Linux counts what the parent had when the process began, and that is this interpreter.
    The kernel's high-water mark of the process itself only rises, so looking often enough is exact.
    """
    peak = 0

    def watch(pid):
        nonlocal peak
        with contextlib.suppress(OSError), open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as status:
            for line in status:
                if line.startswith("VmHWM:"):
                    peak = max(peak, int(line.split()[1]) * 1024)
        time.sleep(0.002)

    execute(argv, environment, watch=watch)
    return peak / 1e6


def alternate(runs, *sides):
    """The results of each side, which take turns. The first turn only warms up."""
    results = [[] for _ in sides]
    for turn in range(runs + 1):
        for side, kept in zip(sides, results):
            result = side()
            if turn > 0:
                kept.append(result)
    return results


def ratio_row(name, ours, theirs, limit):
    """A row of seconds that are compared by their ratio; shown in milliseconds."""
    row = Row(f"{name} (ms)", statistics.median(ours) * 1e3, statistics.median(theirs) * 1e3, f"≤ {limit} ×", None,
              f"best {min(ours) * 1e3:.1f} against {min(theirs) * 1e3:.1f}: {min(ours) / min(theirs):.2f} ×")
    row.ok = row.ratio <= limit
    return row


def limit_row(name, unit, value, limit, note="", theirs=None):
    """A row with an absolute limit."""
    return Row(f"{name} ({unit})", value, theirs, f"≤ {limit} {unit}", value <= limit, note)


def print_table(rows, out):
    """Prints rows as text, in columns."""
    def show(value):
        return "" if value is None else f"{value:,.1f}"

    verdict = {True: "yes", False: "NO", None: "-"}
    lines = [("what", "ours", "theirs", "ratio", "asked", "met", "note")]
    for row in rows:
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
        lines.append((row.name, show(row.ours), show(row.theirs), ratio, row.asked, verdict[row.ok], row.note))
    widths = [max(len(line[at]) for line in lines) for at in range(6)]
    for line in lines:
        cells = [f"{cell:<{width}}" if at in (0, 4, 5) else f"{cell:>{width}}"
                 for at, (cell, width) in enumerate(zip(line, widths))]
        print("  ".join([*cells, line[6]]).rstrip(), file=out)
