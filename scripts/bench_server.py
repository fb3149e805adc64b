"""The rows of `scripts/bench` about `serve`: how soon it answers, what it needs, and what the API costs."""

import contextlib
import hashlib
import http.client
import json
import pathlib
import signal
import socket
import statistics
import subprocess
import threading
import time

from measure import Trouble, alternate, limit_row

STREAMS, LISTED = 50, 1000
# Together a little less than the 100 MB that the log of an activity may have.
COUNT, LENGTH = 99_800, 1000
OPERATIONS = f"""\
      much:
        commands:
          start: "seq -f '%08.0f {"x" * (LENGTH - 10)}' 1 {COUNT}"
"""


class Server:
    """A server of a repository, and how long it took until it answered."""

    def __init__(self, bench, root):
        began = time.perf_counter()
        self.process = subprocess.Popen([bench.binary, "-C", root, "serve"], env=bench.environment, text=True,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        for line in self.process.stderr:
            if "http://127.0.0.1:" in line:
                address, self.key = line.split("http://127.0.0.1:")[1].strip().split("/#")
                self.port = int(address)
                break
        else:
            raise Trouble("the server ended by itself")
        self.get("/users/me")
        self.seconds = time.perf_counter() - began
        (self.project,) = self.get("/ref/projects")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGINT)
        self.process.communicate()

    def call(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port)
        try:
            headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
            connection.request(method, path, json.dumps(body) if body else None, headers)
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        if answer.status >= 300:
            raise Trouble(f"{method} {path}: {answer.status} {text[:300]}")
        return text

    def get(self, path):
        return json.loads(self.call("GET", path))

    def start(self, operation):
        """Starts an operation, and returns the id of its activity."""
        path = f"/projects/{self.project}/environments/local/deployments/current/operations"
        started = json.loads(self.call("POST", path, {"operation": operation, "service": "app"}))
        return started["_embedded"]["activities"][0]["id"]

    def log(self, activity):
        """The lines of a log, up to its end. In HTTP 1.0 they come without marks between pieces."""
        request = (f"GET /projects/{self.project}/activities/{activity}/log HTTP/1.0\r\n"
                   f"Host: 127.0.0.1:{self.port}\r\nAuthorization: Bearer {self.key}\r\n\r\n")
        with socket.create_connection(("127.0.0.1", self.port)) as connection:
            connection.sendall(request.encode())
            with connection.makefile("rb", 1 << 16) as answer:
                for line in answer:
                    if line == b"\r\n":
                        break
                yield from answer

    def run(self, operation):
        """The seconds from the call until the log says that the activity has ended."""
        began = time.perf_counter()
        *_, last = self.log(self.start(operation))
        if b'"seal":true' not in last:
            raise Trouble("a log ended without its seal")
        return time.perf_counter() - began

    def memory(self, name):
        """A figure of the kernel about the process, in MB."""
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith(name):
                return int(line.split()[1]) * 1024 / 1e6
        raise Trouble(f"the kernel says no {name}")


def project(bench):
    root = bench.project("server")
    file = root / ".upsun/config.yaml"
    if "much:" not in file.read_text():
        file.write_text(file.read_text() + OPERATIONS)
    bench.execute([*bench.ours(root, "run"), "nothing"])
    return root


def begin(bench, root):
    """From the start of the process to its first answer, and its memory when it has nothing to do."""
    seconds, memory = [], []
    for _ in range(max(5, bench.runs) + 1):
        with Server(bench, root) as server:
            seconds.append(server.seconds)
            server.get(f"/projects/{server.project}/environments/local/deployments/current")
            time.sleep(0.2)
            memory.append(server.memory("VmRSS"))
    yield limit_row("serve, start to first answer", "ms", statistics.median(seconds[1:]) * 1e3, 50, f"best {min(seconds) * 1e3:.1f}")
    yield limit_row("serve, memory idle", "MB", statistics.median(memory), 25, f"most {max(memory):.1f}")


def through_the_api(bench, root):
    """A warm operation through the API, to the seal of its log, against the whole process of a warm `run`."""
    with Server(bench, root) as server:
        api, process = alternate(bench.runs, lambda: server.run("nothing"), lambda: bench.execute([*bench.ours(root, "run"), "nothing"]))
    above = statistics.median(api) - statistics.median(process)
    note = f"{statistics.median(api) * 1e3:.1f} against {statistics.median(process) * 1e3:.1f} ms"
    yield limit_row("serve, an operation through the API, above a warm run", "ms", above * 1e3, 10, note)


def many_streams(bench, root):
    """One operation that prints 100 MB, and 50 readers of its log from its start."""
    expected = hashlib.sha256()
    for number in range(1, COUNT + 1):
        expected.update(f"{number:08} {'x' * (LENGTH - 10)}\n".encode())
    whole = []

    def read(server, activity):
        found, left = hashlib.sha256(), COUNT * LENGTH
        with contextlib.suppress(OSError):
            for line in server.log(activity):
                message = json.loads(line).get("data", {}).get("message", "") if line.strip() else ""
                # What the operation prints begins with a number. A line that is not whole yet comes in two messages.
                if left and (message[:8].isdigit() or left < COUNT * LENGTH):
                    found.update(message.encode())
                    left -= len(message)
        whole.append(found.digest() == expected.digest())

    with Server(bench, root) as server:
        activity = server.start("much")
        began = time.perf_counter()
        readers = [threading.Thread(target=read, args=(server, activity)) for _ in range(STREAMS)]
        for reader in readers:
            reader.start()
        for reader in readers:
            reader.join()
        note = f"{sum(whole)} of {STREAMS} readers got every byte, in {time.perf_counter() - began:.0f} s"
        row = limit_row(f"serve, {STREAMS} log streams of 100 MB, most memory", "MB", server.memory("VmHWM"), 60, note)
    row.ok = row.ok and sum(whole) == STREAMS
    yield row


def many_activities(bench, root):
    """A list of 1,000 activities."""
    record = next(iter(bench.work.glob("state/upsun-local/*-server-*/activities/*.json")))
    directory, record = record.parent, json.loads(record.read_text())
    for number in range(LISTED):
        record["id"] = f"0{number:05}"
        (directory / f"{record['id']}.json").write_text(json.dumps(record))
        (directory / f"{record['id']}.log").write_text("text")
    # A record that is younger than the steps of the clock is read again each time.
    time.sleep(2.5)
    with Server(bench, root) as server:
        def listed():
            began = time.perf_counter()
            text = server.call("GET", f"/projects/{server.project}/activities?count={LISTED}")
            seconds = time.perf_counter() - began
            if len(json.loads(text)) != LISTED:
                raise Trouble("activities are missing in the list")
            return seconds

        first = listed()
        times = [listed() for _ in range(bench.runs)]
    note = f"the first {first * 1e3:.1f}, best {min(times) * 1e3:.1f}"
    yield limit_row(f"serve, {LISTED:,} activities listed", "ms", statistics.median(times) * 1e3, 20, note)


def server(bench):
    """`serve`: start, memory, an operation through the API, 50 readers of 100 MB, and 1,000 activities listed."""
    root = project(bench)
    for rows in (begin, through_the_api, many_streams, many_activities):
        yield from rows(bench, root)
