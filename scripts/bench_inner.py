"""The rows of `scripts/bench` about the inner loop: what somebody waits for who edits, builds and runs again and again."""

import os
import shutil
import statistics
import time

from bench_projects import RUNTIME, talk
from measure import Row, Trouble, alternate, limit_row, ratio_row

# What the app of `--suggest-mounts` and of the old builds consists of.
DIRECTORIES, FILES_IN_EACH = 300, 100

MANY = f"""\
applications:
  app:
    type: "{RUNTIME}"
    hooks:
      build: |
        mkdir many && cd many
        for d in $(seq {DIRECTORIES}); do mkdir $d; for f in $(seq {FILES_IN_EACH}); do echo $d $f >$d/$f; done; done
    mounts:
      var: {{ source: storage, source_path: var }}
    operations:
      nothing: {{ commands: {{ start: "true" }} }}
      write: {{ commands: {{ start: "mkdir -p cache && date >cache/now" }} }}
"""

SIX = "applications:\n" + "".join(f"""\
  app{number}:
    type: "{RUNTIME}"
    source: {{ root: / }}
    hooks: {{ build: "sleep 5" }}
    web: {{ commands: {{ start: "exec node server.js" }} }}
""" for number in range(6))
SERVER = "require('http').createServer((request, response) => response.end('x')).listen(process.env.PORT)\n"


PACKAGES = """\
applications:
  app:
    type: "{runtime}"
    build: {{ flavor: none }}
    hooks: {{ build: "{install}" }}
    operations:
      nothing: {{ commands: {{ start: "true" }} }}
"""


def first_byte(bench, argv):
    """The seconds from the start of a process to the first byte of its standard output."""
    began, first = time.perf_counter(), []

    def read(descriptor):
        while os.read(descriptor, 1 << 16):
            first.append(time.perf_counter() - began)

    bench.execute(argv, read)
    if not first:
        raise Trouble("the operation printed nothing")
    return first[0]


def edited_file(bench):
    """One edited file of examples/nextjs, to the first byte of an operation after a clean build, against the binary
    of an earlier version (`--previous`).
    """
    roots = {}
    for name, binary in (("next", bench.binary), ("next-before", bench.previous)):
        if not binary:
            continue
        root = bench.project(name)
        shutil.rmtree(root)
        shutil.copytree(bench.repository / "examples/nextjs", root, ignore=shutil.ignore_patterns("node_modules", ".next"))
        settings = root / ".upsun-local.yaml"
        before = settings.read_text() if settings.exists() else ""
        settings.write_text(f"project: bench-{os.getpid()}-{name}\n{before}")
        configuration = root / ".upsun/config.yaml"
        text = configuration.read_text()
        configuration.write_text(text.replace("operations:\n", "operations:\n      hello:\n        commands:\n          start: echo hello\n", 1))
        roots[binary] = root

    def side(binary):
        root = roots[binary]
        (root / "edited.js").write_text(f"export default {time.time_ns()}\n")
        return first_byte(bench, [binary, "-C", root, "run", "hello"])

    ours, *before = alternate(bench.few, *(lambda binary=binary: side(binary) for binary in roots))
    name = "one edited file of examples/nextjs, to the first byte"
    if before:
        yield ratio_row(name, ours, before[0], 0.4)
    else:
        yield Row(f"{name} (ms)", statistics.median(ours) * 1e3, None, "≤ 0.4 ×", None, "no earlier binary was given (--previous)")


def packages(bench):
    """A clean rebuild with the packages that earlier builds downloaded, against one without (`--no-cache`): npm, pip."""
    for name, example, files, runtime, install in (
        ("npm", "nextjs", ["package.json", "package-lock.json"], "nodejs:24", "npm ci"),
        ("pip", "django", ["requirements.txt"], "python:3.14", "python -m pip install --user --requirement requirements.txt"),
    ):
        root = bench.project(f"packages-{name}")
        for file in files:
            shutil.copy(bench.repository / "examples" / example / file, root)
        (root / ".upsun/config.yaml").write_text(PACKAGES.format(runtime=runtime, install=install))
        run = [*bench.ours(root, "run"), "nothing"]
        bench.execute(run)
        ours, theirs = alternate(bench.few, lambda: bench.execute([*run, "--rebuild"]), lambda: bench.execute([*run, "--no-cache"]))
        yield ratio_row(f"clean rebuild with {name}'s packages kept, against none", ours, theirs, 0.5)


def six_apps(bench):
    """`up` of six apps whose build hooks take 5 s, `--jobs 6`, against `up` of one of them, both without builds."""
    root = bench.project("six")
    (root / ".upsun/config.yaml").write_text(SIX)
    (root / "server.js").write_text(SERVER)

    def side(*words):
        bench.clean(root)
        return bench.execute([*bench.ours(root, "up"), *words])

    ours, theirs = alternate(2, lambda: side("--jobs", "6"), lambda: side("app0"))
    yield ratio_row("up of six apps, against one", ours, theirs, 1.3)


def many(bench):
    """A project whose build has 30,000 files."""
    root = bench.project("many")
    (root / ".upsun/config.yaml").write_text(MANY)
    bench.execute([*bench.ours(root, "run"), "nothing"])
    return root


def suggest_mounts(bench):
    """`run --suggest-mounts` of an operation in an app of 30,000 files, above two warm runs of that operation."""
    root = many(bench)
    suggested, plain = alternate(
        bench.few,
        lambda: bench.execute([*bench.ours(root, "run"), "write", "--suggest-mounts"]),
        lambda: bench.execute([*bench.ours(root, "run"), "nothing"]),
    )
    above = statistics.median(suggested) - 2 * statistics.median(plain)
    yield limit_row("--suggest-mounts, 30,000 files, above two runs", "s", above, 2, f"best {min(suggested) - 2 * min(plain):.1f}")


def old_builds(bench):
    """A run after which old builds of 30,000 files go, above the same run while there are none to go."""
    root = many(bench)

    def build(settle):
        (root / "index.js").write_text(f"// {time.time_ns()}\n")
        seconds = bench.execute([*bench.ours(root, "run"), "nothing"])
        if settle:
            wait_for_sweepers(bench, root)
        return seconds

    bench.clean(root)
    without = [build(True) for _ in range(3)]
    with_old = [build(True) for _ in range(4)][1:]
    above = statistics.median(with_old) - statistics.median(without[1:])
    note = f"runs of {statistics.median(with_old):.1f} and {statistics.median(without[1:]):.1f} s"
    yield limit_row("an old build of 30,000 files goes", "s", above, 0.3, note)


def wait_for_sweepers(bench, root):
    for _ in range(600):
        found = bench.docker("ps", "--quiet", "--filter", f"label=local.upsun.repository={root}", "--filter", "label=local.upsun.kind=sweeper")
        if not found.split():
            return
        time.sleep(0.1)
    talk("warning: old builds are still being deleted")


ROWS = {
    "edited-file": edited_file,
    "packages": packages,
    "six-apps": six_apps,
    "suggest-mounts": suggest_mounts,
    "old-builds": old_builds,
}
