"""The row of `scripts/bench` about `watch`: how soon it notices that a file was saved."""

import os
import statistics
import subprocess
import time

from bench_projects import FILES
from measure import Trouble, limit_row


def watch(bench):
    """From saving one of 20,000 files until the configuration has been checked again: the check itself included."""
    root = bench.big()
    bench.execute([*bench.ours(root, "watch"), "--help"])
    file = root / "src/part-0/module-0/file-0.js"
    process = subprocess.Popen([bench.binary, "-C", root, "watch"], env=bench.environment, text=True,
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    times = []
    try:
        turns(process)
        for _ in range(bench.runs + 1):
            # A stamp as young as the last look is not trusted, and the file is read again.
            time.sleep(0.3)
            began = time.perf_counter()
            file.write_bytes(os.urandom(1000))
            turns(process)
            times.append(time.perf_counter() - began)
    finally:
        process.terminate()
        process.wait()
        process.stderr.close()
    times = times[1:]
    yield limit_row(f"watch, {FILES:,} files, from a save to the end of a check", "ms", statistics.median(times) * 1e3, 300, f"best {min(times) * 1e3:.1f}")


def turns(process):
    """Waits until a turn has ended."""
    for line in process.stderr:
        if "watching" in line:
            return
    raise Trouble("`watch` ended by itself")
