"""Checks what Rounds is deployed with: `python -m deploy.check`, or `make check-deploy`. Exit code 1 with every fault.

It builds its tools once, pinned by deploy/tools/go.sum, into .cache/deploy; nothing is started and nothing applied.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import yaml

from cli.config import unknown
from contracts.topics import TOPICS
from deploy import migrations, policy, schemas, topics
from deploy.metrics import metrics
from deploy.schemas import GO, Manifest

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
BIN = ROOT / ".cache" / "deploy"
OVERLAYS = ("dev", "production")
OPERATING = ROOT / "docs" / "operating.md"
ALERTS = HERE / "observability" / "alerts.yaml"
DASHBOARD = HERE / "observability" / "dashboard.json"
LOCATION = re.compile(r"location ~ \^/\(?([\w|-]+)\)?\(/\|\$\) \{ proxy_pass http://(\w+); \}")


def main() -> None:
    """Print the faults; exit code 1 when there is one."""
    build_tools()
    found = list(all_faults())
    for fault in found:
        print(fault, file=sys.stderr)
    if found:
        sys.exit(1)
    print(f"deployment: {', '.join(OVERLAYS)}, compose, image, alerts and dashboard are sound")


def build_tools() -> None:
    """Kustomize, and the checks of deploy/tools; a second time it is quick.

    Raises: subprocess.CalledProcessError (it does not build).
    """
    BIN.mkdir(parents=True, exist_ok=True)
    subprocess.run([GO, "build", "-mod=readonly", "-o", f"{BIN}/", ".", "tool"], cwd=HERE / "tools", check=True)


def all_faults() -> Iterator[str]:
    """Every check, one after the other."""
    yield from (f"topics: {path.name} is out of date: python -m deploy.topics" for path in topics.stale())
    with ThreadPoolExecutor() as pool:
        builds = dict(zip(OVERLAYS, pool.map(build, OVERLAYS), strict=True))
    for overlay, manifests in builds.items():
        yield from (f"{overlay}: {fault}" for fault in manifest_faults(manifests))
    yield from (f"production: {fault}" for fault in topic_faults(builds["production"]))
    yield from (f"compose: {fault}" for fault in compose_faults(compose(HERE / "compose.yaml")))
    yield from (f"image: {fault}" for fault in image_faults(HERE / "Dockerfile"))
    yield from (f"migrations: {fault}" for fault in migrations.faults(ROOT))
    yield from (f"alerts: {fault}" for fault in alert_faults(ALERTS, OPERATING.read_text()))
    yield from (f"dashboard: {fault}" for fault in dashboard_faults(DASHBOARD))


def build(overlay: str) -> list[Manifest]:
    """What kustomize makes of an overlay. Raises: subprocess.CalledProcessError."""
    return [
        *yaml.load_all(_run(BIN / "kustomize", "build", HERE / "kustomize" / "overlays" / overlay), yaml.CSafeLoader)
    ]


def manifest_faults(manifests: list[Manifest]) -> Iterator[str]:
    """Schemas, rules, routes, settings and Secrets of what is applied together."""
    yield from schemas.faults(manifests)
    yield from policy.faults(manifests)
    yield from route_faults(manifests, (HERE / "gateway" / "nginx.conf").read_text())
    yield from secret_faults(manifests, OPERATING.read_text())
    names = {name for m in policy.of_kind(manifests, "ConfigMap") for name in m["data"]}
    names |= {env["name"] for _, container in policy.containers(manifests) for env in container.get("env", [])}
    yield from unknown_settings(names)


def route_faults(manifests: list[Manifest], nginx: str) -> Iterator[str]:
    """The cluster's routes are those of the gateway, and nothing internal is among them."""
    wanted = {
        f"/{path}": f"rounds-{service}" for paths, service in LOCATION.findall(nginx) for path in paths.split("|")
    }
    wanted |= dict.fromkeys(("/console", "/docs", "/openapi.json"), "rounds-console")
    by_owner: dict[str, dict[str, str]] = {}
    for owner, path, service in policy.routes(manifests):
        is_part = wanted.get(path[: path.rfind("/")]) == service  # such as a stream, which has no time limit
        if not is_part:
            by_owner.setdefault(owner, {})[path] = service
    for owner, routes in by_owner.items():
        if routes != wanted:
            yield f"{owner}: routes differ from the gateway's: {sorted(routes.items() ^ wanted.items())}"


def secret_faults(manifests: list[Manifest], operating: str) -> Iterator[str]:
    """Every Secret that is referred to stands with its key in docs/operating.md."""
    documented = set(re.findall(r"^\| `([\w.-]+)` \| `([\w.-]+)` \|", operating, re.MULTILINE))
    yield from (
        f"Secret {n}, key {k} is not in {OPERATING.name}" for n, k in sorted(set(_secrets(manifests)) - documented)
    )


def _secrets(manifests: list[Manifest]) -> Iterator[tuple[str, str]]:
    for _, container in policy.containers(manifests):
        for env in container.get("env", []):
            if reference := env.get("valueFrom", {}).get("secretKeyRef"):
                yield reference["name"], reference["key"]
    for _, pod in policy.pods(manifests):
        for volume in pod["spec"].get("volumes", []):
            if "secret" in volume:
                yield from ((volume["secret"]["secretName"], item["key"]) for item in volume["secret"]["items"])
    for trigger in policy.of_kind(manifests, "TriggerAuthentication"):
        yield from ((target["name"], target["key"]) for target in trigger["spec"]["secretTargetRef"])


def unknown_settings(names: set[str]) -> Iterator[str]:
    """`ROUNDS_…` variables that no part of Rounds reads."""
    before = dict(os.environ)
    os.environ |= dict.fromkeys(names, "")
    try:
        yield from (f"{name} is no setting of Rounds" for name in unknown() if name in names)
    finally:
        os.environ.clear()
        os.environ |= before


def topic_faults(manifests: list[Manifest]) -> Iterator[str]:
    """Every topic is made, and every service logs in as a user who has the rights to it."""
    made = {m["metadata"]["name"] for m in policy.of_kind(manifests, "KafkaTopic")}
    yield from (f"no KafkaTopic {topic.name}" for topic in TOPICS if topic.name not in made)
    users = {m["metadata"]["name"] for m in policy.of_kind(manifests, "KafkaUser")}
    for where, container in policy.containers(manifests):
        for env in container.get("env", []):
            if env["name"] == "ROUNDS_KAFKA_USERNAME" and env["value"] not in users:
                yield f"{where}: no KafkaUser {env['value']}"


def compose(path: Path) -> dict[str, Any]:
    """What a compose file comes to. Raises: subprocess.CalledProcessError (it breaks the compose specification)."""
    needed = re.findall(r"\$\{(\w+):\?", path.read_text())
    given = {**os.environ, **dict.fromkeys(needed, "x")}
    return dict(json.loads(_run(BIN / "tools", "compose", path, env=given)))


def compose_faults(project: dict[str, Any]) -> Iterator[str]:
    """Pinned images, no privilege, limits, health checks, and a start order that waits for them."""
    for name, service in project["services"].items():
        if not policy.is_pinned(service["image"]):
            yield f"{name}: image {service['image']} has no version"
        if service.get("privileged") or "no-new-privileges:true" not in service.get("security_opt", []):
            yield f"{name}: may gain privileges"
        if not service.get("read_only") and name not in policy.WRITES_ITS_ROOT:
            yield f"{name}: its root file system is writable"
        if not service.get("mem_limit"):
            yield f"{name}: no limit of memory"
        check = service.get("healthcheck", {})
        if name != "migrate" and ("test" not in check or check.get("disable")):
            yield f"{name}: no health check"
        for other, how in (service.get("depends_on") or {}).items():
            if how["condition"] == "service_started":
                yield f"{name}: does not wait until {other} is healthy"
        yield from (f"{name}: {fault}" for fault in unknown_settings(set(service.get("environment") or {})))


def image_faults(dockerfile: Path) -> Iterator[str]:
    """Hadolint's findings; the last stage runs as a numbered user, with no compiler, and starts `rounds`."""
    linter = Path(sys.executable).with_name("hadolint")
    found = subprocess.run([linter, "--no-color", dockerfile], capture_output=True, text=True, check=False)
    yield from found.stdout.splitlines()
    text = dockerfile.read_text()
    for image, alias in re.findall(r"^FROM (\S+)(?: AS (\S+))?", text, re.MULTILINE):
        if not policy.is_pinned(image):
            yield f"stage {alias or 'last'}: image {image} has no version"
    last = text.rpartition("\nFROM ")[2]
    if not re.search(r"^USER [1-9]\d*(:\d+)?$", last, re.MULTILINE):
        yield "the last stage does not run as a numbered user other than root"
    if 'ENTRYPOINT ["rounds"]' not in last:
        yield "the entry point is not rounds"
    if re.search(r"apt-get install|build-essential|\bgcc\b", last):
        yield "the last stage installs packages"


def alert_faults(path: Path, operating: str) -> Iterator[str]:
    """Prometheus takes the rules, they ask for metrics that exist, and each says what to do, here and in the docs."""
    parsed = subprocess.run([BIN / "tools", "rules", path], capture_output=True, text=True, check=False)
    if parsed.returncode:
        yield parsed.stderr.strip()
        return
    for group in yaml.safe_load(path.read_text())["groups"]:
        for rule in group["rules"]:
            name = rule.get("alert", rule.get("record"))
            yield from (f"{name}: there is no metric {metric}" for metric in _unknown_metrics(rule["expr"]))
            if "alert" in rule and not {"summary", "what_to_do"} <= rule.get("annotations", {}).keys():
                yield f"{name}: does not say what to do"
            if "alert" in rule and f"`{name}`" not in operating:
                yield f"{name}: is not in {OPERATING.name}"
    yield from (f"{name} is not in {OPERATING.name}" for name in sorted(metrics()) if f"`{name}`" not in operating)


def dashboard_faults(path: Path) -> Iterator[str]:
    """Every panel asks for metrics that exist, and has a place of its own."""
    panels = json.loads(path.read_text())["panels"]
    for panel in panels:
        targets = panel.get("targets", [])
        if not targets and panel["type"] != "row":
            yield f"{panel['title']}: asks for nothing"
        for target in targets:
            yield from (f"{panel['title']}: there is no metric {name}" for name in _unknown_metrics(target["expr"]))
    ids = [panel["id"] for panel in panels]
    if len(ids) != len(set(ids)):
        yield "two panels have the same id"


def _unknown_metrics(expression: str) -> set[str]:
    asked = re.findall(r"\brounds_\w+", expression)
    return {
        name
        for name in asked
        if name not in metrics() and re.sub("_(total|bucket|sum|count)$", "", name) not in metrics()
    }


def _run(*command: object, env: dict[str, str] | None = None) -> str:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False, env=env)
    if done.returncode:
        sys.exit(f"{Path(str(command[0])).name}: {done.stderr.strip()}")
    return done.stdout


if __name__ == "__main__":
    main()
