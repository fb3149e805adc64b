"""The rows of `scripts/bench` about `dev`: how soon a saved file is in a container, and what `run --synced` costs."""

import os
import statistics
import subprocess
import time

from bench_projects import FILES
from measure import Trouble, limit_row

# Prints the first line of the file each time the kernel says that it has changed: what a development server notices.
PROBE = """
const fs = require('fs'), directory = process.argv[1], name = process.argv[2];
fs.watch(directory, (_, changed) => {
    if (changed !== name) return;
    try { console.log(fs.readFileSync(`${directory}/${name}`, 'utf8').split('\\n')[0]) } catch {}
});
console.log('watching');
"""


def dev(bench):
    """From saving one of 20,000 files until a process in the container has read it, and a run right after a save."""
    root = bench.big()
    bench.execute([*bench.ours(root, "run"), "nothing"])
    file = root / "src/part-0/module-0/file-0.js"
    before = file.read_bytes()
    process = subprocess.Popen([bench.binary, "-C", root, "dev"], env=bench.environment, text=True,
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        until(process, "Watching")
        times = list(saves(bench, root, file))[1:]
        warm = [bench.execute([*bench.ours(root, "run"), "nothing"]) for _ in range(bench.runs + 1)][1:]
        synced = []
        for number in range(bench.runs + 1):
            file.write_text(f"again {number}\n")
            synced.append(bench.execute([*bench.ours(root, "run"), "nothing", "--synced"]))
    finally:
        process.terminate()
        # It prints what it removes.
        process.communicate()
        file.write_bytes(before)
    yield limit_row(f"dev, {FILES:,} files, from a save to a process in the container that has read it", "ms",
                    statistics.median(times) * 1e3, 150, f"best {min(times) * 1e3:.1f}")
    above = statistics.median(synced[1:]) - statistics.median(warm)
    yield limit_row(f"run --synced right after a save, {FILES:,} files, above a warm run", "ms", above * 1e3, 500)


def saves(bench, root, file):
    """Saves the file again and again; the seconds until the probe in the container says so."""
    label = f"label=local.upsun.repository={root}"
    found = subprocess.run(["docker", "ps", "-q", "--filter", label, "--filter", "label=local.upsun.kind=synced"],
                           check=True, capture_output=True, text=True).stdout.split()
    if len(found) != 1:
        raise Trouble(f"`dev` has {len(found)} containers")
    place = f"/app/{file.parent.relative_to(root)}"
    probe = subprocess.Popen(["docker", "exec", found[0], "node", "-e", PROBE, place, file.name], text=True,
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    try:
        probe.stdout.readline()
        for number in range(bench.runs + 1):
            # A stamp as young as the last look is not trusted, and the file is read again.
            time.sleep(0.3)
            mark = f"mark {number}"
            content = f"{mark}\n".encode() + os.urandom(1000)
            began = time.perf_counter()
            file.write_bytes(content)
            for line in probe.stdout:
                if line.strip() == mark:
                    break
            else:
                raise Trouble("the probe ended by itself")
            yield time.perf_counter() - began
    finally:
        probe.kill()
        probe.wait()
        probe.stdout.close()


def until(process, text):
    for line in process.stderr:
        if text in line:
            return
    raise Trouble("`dev` ended by itself")
