"""The projects that `scripts/bench` measures, and how to remove all that was made for them."""

import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

from measure import Trouble, execute

RUNTIME = "nodejs:24"
# What the big source consists of: 20,000 files that are 300 MB together.
FILES, FILE_SIZE, FILES_IN_DIRECTORY = 20_000, 15_000, 100
OUTPUT = 1_000_000_000

CONFIGURATION = """\
applications:
  app:
    type: "{runtime}"
    mounts:
      "/data":
        source: storage
    operations:
      nothing:
        commands:
          start: "true"
      zeros:
        commands:
          start: "{zeros}"
      lines:
        commands:
          start: "{lines}"
"""
ZEROS = f"head -c {OUTPUT} /dev/zero"
LINES = f"yes 'Compiled 42 pages in 0.17 s' | head -c {OUTPUT}"


def talk(text):
    print(text, file=sys.stderr, flush=True)


class Bench:
    """The projects that are measured, and how to remove all that was made for them."""

    def __init__(self, binary, repository, arguments):
        self.binary = binary
        self.repository = repository
        self.previous = arguments.previous
        self.runs = arguments.runs
        self.schema = arguments.schema
        self.work = pathlib.Path(tempfile.mkdtemp(prefix="upsun-local-bench-")).resolve()
        self.label = f"local.upsun.bench={self.work.name}"
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("UPSUN_LOCAL_")}
        # Locks and caches of these projects go with the directory.
        self.environment["XDG_STATE_HOME"] = str(self.work / "state")
        self.projects = []

    @property
    def few(self):
        """How often to do what takes seconds."""
        return max(3, self.runs // 3)

    # Projects

    def project(self, name):
        """Makes the project of that name, unless it is there."""
        root = self.work / name
        if root in self.projects:
            return root
        (root / ".upsun").mkdir(parents=True)
        (root / ".upsun/config.yaml").write_text(CONFIGURATION.format(runtime=RUNTIME, zeros=ZEROS, lines=LINES))
        (root / ".upsun-local.yaml").write_text(f"project: bench-{os.getpid()}-{name}\n")
        (root / "index.js").write_text("console.log('hello')\n")
        self.projects.append(root)
        return root

    def small(self):
        """A project of three files, up."""
        root = self.project("small")
        self.execute([*self.ours(root, "run"), "nothing"])
        return root

    def big(self):
        """A project of 20,000 files, committed to Git as most are."""
        root = self.project("big")
        if (root / "src").exists():
            return root
        talk(f"Making {FILES:,} files of {FILES * FILE_SIZE // 1_000_000} MB")
        for at in range(FILES // FILES_IN_DIRECTORY):
            directory = root / "src" / f"part-{at % 20}" / f"module-{at}"
            directory.mkdir(parents=True)
            for number in range(FILES_IN_DIRECTORY):
                (directory / f"file-{number}.js").write_bytes(os.urandom(FILE_SIZE))
        if shutil.which("git"):
            git = ["git", "-C", root, "-c", "core.compression=0", "-c", "user.name=bench", "-c", "user.email=bench@localhost"]
            for words in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message", "Everything"]):
                self.execute([*git, *words])
        return root

    def apps(self, count):
        """A repository of so many apps of 20 files each, with a commit, and three changes since."""
        root = self.work / f"apps-{count}"
        if root.exists():
            return root
        (root / ".upsun").mkdir(parents=True)
        configuration = many_apps(count, "services/{number}")
        (root / ".upsun/config.yaml").write_text(configuration)
        for number in range(count):
            directory = root / "services" / str(number) / "src"
            directory.mkdir(parents=True)
            for file in range(20):
                (directory / f"file-{file}.js").write_text(f"export default {number} * {file}\n")
        git = ["git", "-C", root, "-c", "user.name=bench", "-c", "user.email=bench@localhost"]
        for words in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message", "Everything"]):
            self.execute([*git, *words])
        changed = configuration.replace("role: admin", "role: viewer", 1).replace("NODE_ENV: production", "NODE_ENV: test", 1)
        (root / ".upsun/config.yaml").write_text(changed)
        (root / "services/0/src/file-0.js").write_text("changed\n")
        return root

    def ours(self, root, command):
        return [self.binary, "-C", root, command]

    def container(self, root):
        """The running container of a project."""
        found = self.docker("ps", "--quiet", "--no-trunc", "--filter", f"label=local.upsun.repository={root}",
                            "--filter", "label=local.upsun.kind=web").split()
        if len(found) != 1:
            raise Trouble(f"{len(found)} containers run for {root}")
        return found[0]

    # Processes

    def execute(self, argv, read=None):
        return execute(argv, self.environment, read)

    def digest(self, argv):
        """The SHA-256 of what a process prints."""
        digest = hashlib.sha256()

        def read(descriptor):
            while piece := os.read(descriptor, 1 << 20):
                digest.update(piece)

        self.execute(argv, read)
        return digest.hexdigest()

    def docker(self, *words):
        done = subprocess.run(["docker", *words], env=self.environment, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        if done.returncode != 0:
            raise Trouble(f"`docker {words[0]}`: {done.stderr.strip()}")
        return done.stdout

    def clean(self, root):
        self.execute([self.binary, "-C", root, "clean", "--yes"])

    def remove(self):
        """Removes everything, also what a run that was cut off left behind."""
        filters = [f"label={self.label}"] + [f"label=local.upsun.repository={root}" for root in self.projects]
        for wanted in filters:
            for listing, removal in (
                (["ps", "--all", "--quiet"], ["rm", "--force", "--volumes"]),
                (["network", "ls", "--quiet"], ["network", "rm"]),
                (["volume", "ls", "--quiet"], ["volume", "rm", "--force"]),
            ):
                names = self.docker(*listing, "--filter", wanted).split()
                # Volumes that stand for a directory of another go first; the engine lets them go in any order, but not all at once.
                for name in sorted(names, key=lambda name: "directory" not in name):
                    try:
                        self.docker(*removal, name)
                    except Trouble as err:
                        talk(f"warning: {name} stays: {err}")
        shutil.rmtree(self.work, ignore_errors=True)


def many_apps(count, root="/"):
    """A configuration of about 1.5 kB an app, with what real ones have; `{number}` in `root` is that of the app."""
    lines = ["applications:"]
    for number in range(count):
        lines.append(f"""\
  service-{number}:
    source:
      root: "{root.format(number=number)}"
    type: "nodejs:24"
    container_profile: BALANCED
    dependencies:
      nodejs:
        pnpm: "10.4.1"
    variables:
      env:
        NODE_ENV: production
        SERVICE_NAME: "service-{number}"
        FEATURE_FLAGS: "search,checkout,recommendations"
    build:
      flavor: none
    hooks:
      build: |
        set -e
        pnpm install --frozen-lockfile
        pnpm run build --filter service-{number}
      deploy: |
        set -e
        node scripts/migrate.js
    mounts:
      "/var/cache":
        source: storage
        source_path: "cache-{number}"
      "/var/uploads":
        source: storage
        source_path: uploads
    web:
      commands:
        start: "node dist/server.js --port $PORT"
      locations:
        "/":
          passthru: true
          allow: true
          scripts: false
        "/static":
          root: ".upsun"
          expires: 1h
          passthru: false
    crons:
      tidy:
        spec: "{number % 60} 3 * * *"
        commands:
          start: "node scripts/tidy.js"
    workers:
      queue:
        commands:
          start: "node dist/worker.js"
    operations:
      rebuild-index:
        role: contributor
        commands:
          start: |
            set -e
            node scripts/rebuild-index.js --service service-{number}
      migrate:
        role: admin
        commands:
          start: "node scripts/migrate.js"
""".rstrip("\n"))
    return "\n".join(lines) + "\n"


def thirty_lines():
    """A configuration as small projects have it."""
    text = many_apps(1).splitlines()
    mounts, workers = (next(at for at, line in enumerate(text) if line.strip() == key) for key in ("mounts:", "workers:"))
    return "\n".join(text[:6] + text[mounts:workers]) + "\n"
