#!/usr/bin/env python3
"""Sends calls of any kind to a server, made by schemathesis from Upsun's description of its API.

Usage: scripts/any_calls.py BINARY DESCRIPTION SCHEMATHESIS SECONDS

The paths are those that a sandbox serves without an engine. No call may be answered with an error of the server, nor
with something else than the description says. The description has no links, so members that it does not name are
allowed.
"""

import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile

ENVIRONMENT = "/projects/{projectId}/environments/{environmentId}"
SERVED = {
    "/me": ["get"],
    "/users/me": ["get"],
    "/ref/projects": ["get"],
    "/ref/organizations": ["get"],
    "/ref/users": ["get"],
    "/projects/{projectId}": ["get"],
    "/projects/{projectId}/activities": ["get"],
    "/projects/{projectId}/activities/{activityId}": ["get"],
    "/projects/{projectId}/activities/{activityId}/cancel": ["post"],
    "/projects/{projectId}/capabilities": ["get"],
    "/projects/{projectId}/environment-types": ["get"],
    "/projects/{projectId}/environments": ["get"],
    "/projects/{projectId}/variables": ["get", "post"],
    "/projects/{projectId}/variables/{projectVariableId}": ["get", "patch", "delete"],
    ENVIRONMENT: ["get"],
    f"{ENVIRONMENT}/activities": ["get"],
    f"{ENVIRONMENT}/activities/{{activityId}}": ["get"],
    f"{ENVIRONMENT}/deployments": ["get"],
    f"{ENVIRONMENT}/source-operations": ["get"],
    f"{ENVIRONMENT}/tasks": ["get"],
    f"{ENVIRONMENT}/variables": ["get", "post"],
    f"{ENVIRONMENT}/variables/{{variableId}}": ["get", "patch", "delete"],
}
CONFIGURATION = """\
applications:
  app:
    type: nodejs:24
    source:
      operations: { update: { command: npm update } }
    mounts: { /data: { source: storage } }
    operations:
      greet: { role: viewer, commands: { start: echo hello } }
services:
  db: { type: "postgresql:18" }
routes:
  "https://{default}/": { type: upstream, upstream: "app:http" }
"""
PROBLEM = {
    "type": "object",
    "required": ["status", "code", "message", "detail", "title"],
    "properties": {
        "status": {"type": "string"},
        "code": {"type": "number"},
        "message": {"type": "string"},
        "detail": {"type": "object"},
        "title": {"type": "string"},
    },
}
CHECKS = "not_a_server_error,content_type_conformance,response_schema_conformance"


def reduced(description):
    """The served paths, with answers that may have more members than the description names."""
    def open_to_more(value):
        if isinstance(value, dict):
            return {key: open_to_more(one) for key, one in value.items()
                    if not (key == "additionalProperties" and one is False)}
        return [open_to_more(one) for one in value] if isinstance(value, list) else value

    paths = {}
    for path, methods in SERVED.items():
        whole = description["paths"][path]
        paths[path] = {key: one for key, one in whole.items() if key in [*methods, "parameters"]}
        for method in methods:
            responses = whole[method]["responses"]
            # The description has one answer for everything there, which is the one of a success.
            if "default" in responses:
                responses["2XX"] = responses.pop("default")
            responses["4XX"] = {"description": "A problem", "content": {"application/problem+json": {"schema": PROBLEM}}}
    return open_to_more({**description, "paths": paths, "servers": []})


def known(description, values):
    """Lets parameters of paths mostly be what there is, so that calls get somewhere."""
    for path in description["paths"].values():
        for operation in [path, *[one for one in path.values() if isinstance(one, dict)]]:
            for parameter in operation.get("parameters", []):
                if parameter.get("in") == "path" and parameter.get("name") in values:
                    parameter["schema"] = {"type": "string", "enum": values[parameter["name"]]}


def main():
    binary, description, schemathesis, seconds = sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix="upsun-any-calls-") as work:
        work = pathlib.Path(work)
        root = work / "repository"
        (root / ".upsun").mkdir(parents=True)
        (root / ".upsun/config.yaml").write_text(CONFIGURATION)
        (root / ".upsun-local.yaml").write_text("project: any-calls\nusers: { vera: viewer }\n")
        environment = {name: value for name, value in os.environ.items() if not name.startswith("UPSUN_LOCAL_")}
        environment |= {"XDG_STATE_HOME": str(work / "state"), "XDG_CONFIG_HOME": str(work / "config"), "NO_PROXY": "127.0.0.1"}
        command = [binary, "-C", root, "--engine", "unix:///nonexistent/docker.sock", "serve"]
        server = subprocess.Popen(command, env=environment, text=True, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
        try:
            line = next(line for line in server.stderr if "http://" in line)
            address, key = line.split(" at ")[1].strip().split("/#")
            spec = reduced(json.loads(pathlib.Path(description).read_text()))
            known(spec, {"projectId": ["any_calls"], "environmentId": ["local"]})
            (work / "openapi.json").write_text(json.dumps(spec))
            words = [schemathesis, "run", "openapi.json", "--url", address, "-H", f"Authorization: Bearer {key}",
                     "--checks", CHECKS, "--phases", "examples,coverage,fuzzing", "--max-examples", "30",
                     "--max-time", seconds, "--suppress-health-check", "all", "--warnings", "off", "--no-shrink",
                     "--continue-on-failure"]
            code = subprocess.run(words, cwd=work, env=environment).returncode
            if server.poll() is not None:
                print("error: the server has ended", file=sys.stderr)
                code = 1
            return code
        finally:
            server.send_signal(signal.SIGINT)
            server.communicate()


if __name__ == "__main__":
    sys.exit(main())
