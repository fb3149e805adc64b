"""The rows of `scripts/bench` about services: an app with a database and a cache, and many services at once."""

import concurrent.futures
import json
import statistics
import time

from bench_projects import RUNTIME
from measure import Trouble, alternate, limit_row, peak_memory, ratio_row

WITH_SERVICES = """\
applications:
  app:
    type: "{runtime}"
    relationships:
{relationships}
    operations:
      nothing:
        commands:
          start: "true"
services:
{services}
"""

# How long a service may take that is started by hand.
LIMIT = 60


def configuration(services):
    """An app that reaches all these services: name → type."""
    return WITH_SERVICES.format(
        runtime=RUNTIME,
        relationships="\n".join(f"      {name}:" for name in services),
        services="\n".join(f'  {name}:\n    type: "{kind}"' for name, kind in services.items()),
    )


def project(bench, name, services):
    """The project of that name with these services, up."""
    root = bench.project(name)
    (root / ".upsun/config.yaml").write_text(configuration(services))
    bench.execute(bench.ours(root, "up"))
    return root


def details(bench, root):
    """What the engine knows of the containers of a project, by the name of their service; the app has none."""
    ids = bench.docker("ps", "--quiet", "--no-trunc", "--filter", f"label=local.upsun.repository={root}").split()
    found = json.loads(bench.docker("inspect", *ids))
    return {one["Config"]["Labels"].get("local.upsun.service"): one for one in found}


def up(bench):
    """`up` of an app with PostgreSQL and Redis, images and build there, no data yet, against the slowest of the
    same three containers started with `docker run` and waited for, all at once. Then an `up` with nothing to do.
    """
    root = project(bench, "services", {"database": "postgresql:18", "cache": "redis:8.0"})
    images = {name: one["Config"]["Image"] for name, one in details(bench, root).items()}
    name = bench.work.name
    by_hand = {
        f"{name}-database": (["--env", "POSTGRES_PASSWORD=secret", images["database"]], ["pg_isready", "--host", "127.0.0.1"]),
        f"{name}-cache": ([images["cache"]], ["redis-cli", "ping"]),
        f"{name}-app": ([images[None], "sleep", "1000"], ["true"]),
    }

    def start(container):
        words, ready = by_hand[container]
        bench.docker("run", "--detach", "--label", bench.label, "--network", f"{name}-network", "--name", container, *words)
        began = time.perf_counter()
        while True:
            try:
                return bench.docker("exec", container, *ready)
            except Trouble:
                if time.perf_counter() - began > LIMIT:
                    raise
                time.sleep(0.05)

    def theirs():
        bench.docker("network", "create", "--label", bench.label, f"{name}-network")
        began = time.perf_counter()
        with concurrent.futures.ThreadPoolExecutor() as pool:
            list(pool.map(start, by_hand))
        seconds = time.perf_counter() - began
        bench.docker("rm", "--force", "--volumes", *by_hand)
        bench.docker("network", "rm", f"{name}-network")
        return seconds

    def ours():
        bench.execute([*bench.ours(root, "down"), "--volumes", "--yes"])
        return bench.execute(bench.ours(root, "up"))

    yield ratio_row("up with PostgreSQL and Redis", *alternate(bench.few, ours, theirs), 1.3)
    (times,) = alternate(bench.runs, lambda: bench.execute(bench.ours(root, "up")))
    yield limit_row("up with nothing to do", "ms", statistics.median(times) * 1e3, 300, f"best {min(times) * 1e3:.1f}")


def many_services(bench):
    """Twenty services in one environment: the memory of our process, and that of the services."""
    kinds = ["redis:8.0", "valkey:9.0", "memcached:1.6", "redis-persistent:8.0"]
    services = {f"service-{at}": kinds[at % len(kinds)] for at in range(20)}
    root = project(bench, "many", services)
    names = [one["Name"].lstrip("/") for service, one in details(bench, root).items() if service]
    used = bench.docker("stats", "--no-stream", "--format", "{{.MemUsage}}", *names).splitlines()
    bench.execute([*bench.ours(root, "down"), "--volumes", "--yes"])
    peak = peak_memory(bench.ours(root, "up"), bench.environment)
    yield limit_row("up of 20 services, peak memory", "MB", peak, 60, f"the services themselves: {', '.join(sorted(used)[:1] + sorted(used)[-1:])} each")
