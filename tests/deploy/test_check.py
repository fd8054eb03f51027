"""What `make check-deploy` finds: the present files are sound, and each fault is told."""

import copy
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from contracts.topics import TOPICS
from deploy import check, policy, schemas, topics

Manifest = dict[str, Any]
Change = Callable[[dict[str, Manifest]], object]


pytestmark = pytest.mark.xdist_group("deploy-check")


@pytest.fixture(scope="module", autouse=True)
def tools() -> None:
    check.build_tools()


@pytest.fixture(scope="module")
def production(tools: None) -> list[Manifest]:
    return check.build("production")


def broken(manifests: list[Manifest], change: Change) -> list[Manifest]:
    """A copy in which something was changed, found by `Kind name`."""
    changed = copy.deepcopy(manifests)
    change({schemas.name_of(manifest): manifest for manifest in changed})
    return changed


def pod(manifests: dict[str, Manifest], name: str = "Deployment rounds-auth") -> Manifest:
    spec: Manifest = manifests[name]["spec"]["template"]["spec"]
    return spec


def container(manifests: dict[str, Manifest], name: str = "Deployment rounds-auth") -> Manifest:
    first: Manifest = pod(manifests, name)["containers"][0]
    return first


def settings(manifests: dict[str, Manifest]) -> dict[str, str]:
    found: dict[str, str] = next(m["data"] for name, m in manifests.items() if name.startswith("ConfigMap rounds"))
    return found


def told(faults: Iterable[str], part: str) -> None:
    found = list(faults)
    assert any(part in fault for fault in found), found


def test_what_is_deployed_is_sound(production: list[Manifest]) -> None:
    assert len(production) > 50
    assert list(check.all_faults()) == []


SCHEMA_FAULTS: dict[str, tuple[str, Change]] = {
    "a field that Kubernetes does not know": (
        "replicaz",
        lambda m: m["Deployment rounds-auth"]["spec"].update(replicaz=2),
    ),
    "a wrong type": ("'two' is not", lambda m: m["Deployment rounds-auth"]["spec"].update(replicas="two")),
    "a kind that nobody knows": ("FrontDoor", lambda m: m["Deployment rounds-auth"].update(kind="FrontDoor")),
    "a field that KEDA does not know": (
        "minReplicas",
        lambda m: m["ScaledObject rounds-executor"]["spec"].update(minReplicas=2),
    ),
    "a match that the Gateway API does not know": (
        "'Suffix' is not one of",
        lambda m: m["HTTPRoute rounds"]["spec"]["rules"][1]["matches"][0]["path"].update(type="Suffix"),
    ),
    "a field that Strimzi does not know": (
        "partitionz",
        lambda m: m["KafkaTopic task.due"]["spec"].update(partitionz=1),
    ),
    "an operation that Kafka does not know": (
        "'Reed' is not one of",
        lambda m: m["KafkaUser rounds-auth"]["spec"]["authorization"]["acls"][0].update(operations=["Reed"]),
    ),
}


@pytest.mark.parametrize(("fault", "change"), SCHEMA_FAULTS.values(), ids=SCHEMA_FAULTS.keys())
def test_a_schema_refuses(production: list[Manifest], fault: str, change: Change) -> None:
    changed = [new for new, old in zip(broken(production, change), production, strict=True) if new != old]
    told(schemas.faults(changed), fault)


POLICY_FAULTS: dict[str, tuple[str, Change]] = {
    "the tag latest": ("has no version", lambda m: container(m).update(image="rounds:latest")),
    "an image without a tag": ("has no version", lambda m: container(m).update(image="registry:5000/rounds")),
    "a user who may be root": ("runAsNonRoot", lambda m: pod(m)["securityContext"].update(runAsNonRoot=False)),
    "no seccomp profile": ("seccompProfile", lambda m: pod(m)["securityContext"].pop("seccompProfile")),
    "a token of the cluster": ("automountServiceAccountToken", lambda m: pod(m).pop("automountServiceAccountToken")),
    "the node's network": ("hostNetwork", lambda m: pod(m).update(hostNetwork=True)),
    "a folder of the node": ("hostPath", lambda m: pod(m)["volumes"].append({"name": "x", "hostPath": {"path": "/"}})),
    "a privileged container": ("privileges", lambda m: container(m)["securityContext"].update(privileged=True)),
    "capabilities": ("capabilities", lambda m: container(m)["securityContext"]["capabilities"].update(add=["NET_RAW"])),
    "a writable root": ("writable", lambda m: container(m)["securityContext"].update(readOnlyRootFilesystem=False)),
    "no limit": ("no limits of memory", lambda m: container(m)["resources"]["limits"].pop("memory")),
    "no readiness probe": ("readinessProbe", lambda m: container(m).pop("readinessProbe")),
    "no pause before the stop": ("no pause", lambda m: settings(m).pop("ROUNDS_DRAIN_SECONDS")),
    "no time to stop": ("killed", lambda m: pod(m).update(terminationGracePeriodSeconds=30)),
    "a Secret": ("holds secrets", lambda m: m["Service rounds-auth"].update(kind="Secret")),
    "a service without pods": (
        "selects no pod",
        lambda m: m["Service rounds-auth"]["spec"].update(selector={"a": "b"}),
    ),
    "a route to nowhere": ("no Service nowhere", lambda m: route(m)["backendRefs"][0].update(name="nowhere")),
    "two scalers of one thing": (
        "scales rounds-auth too",
        lambda m: m["HorizontalPodAutoscaler rounds-catalog"]["spec"]["scaleTargetRef"].update(name="rounds-auth"),
    ),
    "nothing denied": ("denies everything", lambda m: m["NetworkPolicy default-deny"]["spec"].update(ingress=[{}])),
    "a peer that there is not": (
        "no pod is app.kubernetes.io/component=ghost",
        lambda m: m["NetworkPolicy auth"]["spec"]["ingress"][0]["from"][0]["podSelector"]["matchExpressions"][0][
            "values"
        ].append("ghost"),
    ),
    "a strange namespace": (
        "namespace elsewhere",
        lambda m: m["NetworkPolicy to-stores"]["spec"]["egress"][0]["to"][0]["namespaceSelector"].update(
            matchLabels={"kubernetes.io/metadata.name": "elsewhere"}
        ),
    ),
    "a call that is not let in": (
        "rounds-scheduler may call rounds-executor",
        lambda m: m["NetworkPolicy executor"]["spec"].pop("ingress"),
    ),
}


def route(manifests: dict[str, Manifest]) -> Manifest:
    rule: Manifest = manifests["HTTPRoute rounds"]["spec"]["rules"][1]
    return rule


@pytest.mark.parametrize(("fault", "change"), POLICY_FAULTS.values(), ids=POLICY_FAULTS.keys())
def test_a_rule_refuses(production: list[Manifest], fault: str, change: Change) -> None:
    told(policy.faults(broken(production, change)), fault)


def test_a_route_that_the_gateway_does_not_have_is_told(production: list[Manifest]) -> None:
    nginx = (check.HERE / "gateway" / "nginx.conf").read_text()
    assert list(check.route_faults(production, nginx)) == []
    changed = broken(production, lambda m: route(m)["matches"][0]["path"].update(value="/internal"))
    told(check.route_faults(changed, nginx), "/internal")


def test_a_secret_that_is_not_documented_is_told(production: list[Manifest]) -> None:
    told(check.secret_faults(production, "| `rounds-database` | `auth` |"), "Secret rounds-secrets, key service-token")


def test_a_setting_that_nobody_reads_is_told() -> None:
    assert list(check.unknown_settings({"ROUNDS_KAFKA_BOOTSRAP", "ROUNDS_TIMEZONE"})) == [
        "ROUNDS_KAFKA_BOOTSRAP is no setting of Rounds"
    ]


def test_a_topic_that_is_not_made_and_a_user_that_is_not_there_are_told(production: list[Manifest]) -> None:
    gone = [m for m in production if schemas.name_of(m) not in {"KafkaTopic task.due", "KafkaUser rounds-executor"}]
    told(check.topic_faults(gone), "no KafkaTopic task.due")
    told(check.topic_faults(gone), "no KafkaUser rounds-executor")


@pytest.mark.parametrize(
    ("fault", "change"),
    [
        ("has no version", {"image": "rounds"}),
        ("privileges", {"security_opt": []}),
        ("writable", {"read_only": False}),
        ("limit of memory", {"mem_limit": None}),
        ("no health check", {"healthcheck": {"disable": True}}),
        ("does not wait", {"depends_on": {"migrate": {"condition": "service_started"}}}),
        ("ROUNDS_X is no setting", {"environment": {"ROUNDS_X": "1"}}),
    ],
)
def test_a_fault_of_the_compose_project_is_told(fault: str, change: Manifest) -> None:
    project = check.compose(check.HERE / "compose.yaml")
    project["services"]["auth"].update(change)
    told(check.compose_faults(project), fault)


def test_what_is_no_compose_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "compose.yaml"
    path.write_text("services: {auth: {image: rounds:1, portz: [80]}}\n")
    with pytest.raises(SystemExit, match="portz"):
        check.compose(path)


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("FROM python:3.11.14-slim-bookworm\n", "FROM python:latest\n", "DL3007"),
        ("USER 10001:10001\n", "USER root\n", "numbered user"),
        ('ENTRYPOINT ["rounds"]', "ENTRYPOINT rounds", "entry point"),
        ("USER 10001", "RUN apt-get update && apt-get install -y gcc\nUSER 10001", "installs packages"),
    ],
)
def test_a_fault_of_the_image_is_told(tmp_path: Path, old: str, new: str, fault: str) -> None:
    path = tmp_path / "Dockerfile"
    text = (check.HERE / "Dockerfile").read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    told(check.image_faults(path), fault)


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("rate(rounds_task_lag_seconds_bucket[5m])", "rate(rounds_task_lag_seconds_bucket[5m]", "parse"),
        ("rounds_task_lag_seconds_bucket", "rounds_task_delay_seconds_bucket", "no metric rounds_task_delay_seconds"),
        ("what_to_do", "what_now", "what to do"),
        ("alert: RoundsFiresLate", "alert: RoundsFiresTooLate", "RoundsFiresTooLate: is not in operating.md"),
    ],
)
def test_a_fault_of_an_alert_is_told(tmp_path: Path, old: str, new: str, fault: str) -> None:
    path = tmp_path / "alerts.yaml"
    path.write_text(check.ALERTS.read_text().replace(old, new, 1))
    told(check.alert_faults(path, check.OPERATING.read_text()), fault)


def test_a_panel_for_a_metric_that_there_is_not_is_told(tmp_path: Path) -> None:
    dashboard = json.loads(check.DASHBOARD.read_text())
    dashboard["panels"][0]["targets"][0]["expr"] = "rate(rounds_nothing_total[5m])"
    path = tmp_path / "dashboard.json"
    path.write_text(json.dumps(dashboard))
    told(check.dashboard_faults(path), "rounds_nothing_total")


def test_a_service_may_write_what_it_states_and_read_what_it_listens_to_and_no_more() -> None:
    for topic in TOPICS:
        for service in ("auth", "catalog", "scheduler", "executor", "notifier"):
            acls = topics.service_user(service)["spec"]["authorization"]["acls"]
            may = {op for acl in acls if acl["resource"]["name"] == topic.name for op in acl["operations"]}
            assert ("Write" in may) == (topic.producer == service)
            assert ("Read" in may) == (service in topic.consumers)
