"""Rules for manifests that no schema knows: privilege, limits, images, who talks to whom, what is referred to."""

from collections.abc import Callable, Iterator, Sequence
from itertools import product
from typing import Any

from deploy.schemas import Manifest, name_of

OUTSIDE_NAMESPACES = {"kube-system", "gateway", "ingress-nginx", "monitoring", "postgres"}
"""Namespaces of others that a NetworkPolicy may name: docs/operating.md tells what must be in them."""
OUTSIDE_PODS: list[dict[str, str]] = [{"strimzi.io/cluster": "kafka"}]
"""Labels of pods that an operator makes in our namespace."""
WRITES_ITS_ROOT = {"kafka"}
"""Containers whose image writes its configuration into itself at the start; in the overlay for trying only."""
OPEN_REQUESTS_SECONDS = 5


def faults(manifests: Sequence[Manifest]) -> Iterator[str]:
    """Everything that the rules have against a set of manifests that is applied together."""
    for rule in RULES:
        yield from rule(manifests)


def pods(manifests: Sequence[Manifest]) -> Iterator[tuple[Manifest, Manifest]]:
    """What makes pods, each with its pod template."""
    return ((m, m["spec"]["template"]) for m in manifests if m["kind"] in {"Deployment", "StatefulSet", "Job"})


def containers(manifests: Sequence[Manifest]) -> Iterator[tuple[str, Manifest]]:
    """Every container, with where it is."""
    for owner, pod in pods(manifests):
        for container in [*pod["spec"].get("initContainers", []), *pod["spec"]["containers"]]:
            yield f"{name_of(owner)}, container {container['name']}", container


def images_are_pinned(manifests: Sequence[Manifest]) -> Iterator[str]:
    """An image without a version would change by itself."""
    for where, container in containers(manifests):
        if not is_pinned(container["image"]):
            yield f"{where}: image {container['image']} has no version"


def is_pinned(image: str) -> bool:
    """Whether an image is named with a digest or with a tag that is a version."""
    tag = image.rpartition("/")[2].partition(":")[2]
    return "@sha256:" in image or any(character.isdigit() for character in tag)


def nothing_is_privileged(manifests: Sequence[Manifest]) -> Iterator[str]:
    """The restricted pod security standard, a read-only root file system, and no token of the cluster."""
    for owner, pod in pods(manifests):
        spec, where = pod["spec"], name_of(owner)
        context = spec.get("securityContext", {})
        if context.get("runAsNonRoot") is not True:
            yield f"{where}: runAsNonRoot is not true"
        if context.get("seccompProfile", {}).get("type") != "RuntimeDefault":
            yield f"{where}: seccompProfile is not RuntimeDefault"
        if spec.get("automountServiceAccountToken") is not False:
            yield f"{where}: automountServiceAccountToken is not false"
        yield from (f"{where}: {name}" for name in ("hostNetwork", "hostPID", "hostIPC") if spec.get(name))
        yield from (f"{where}: volume {v['name']} is a hostPath" for v in spec.get("volumes", []) if "hostPath" in v)
    for where, container in containers(manifests):
        context = container.get("securityContext", {})
        if context.get("privileged") or context.get("allowPrivilegeEscalation") is not False:
            yield f"{where}: may gain privileges"
        if context.get("capabilities", {}).get("drop") != ["ALL"] or context["capabilities"].get("add"):
            yield f"{where}: keeps capabilities"
        if not context.get("readOnlyRootFilesystem") and container["name"] not in WRITES_ITS_ROOT:
            yield f"{where}: its root file system is writable"


def limits_are_set(manifests: Sequence[Manifest]) -> Iterator[str]:
    """What a container may use, and what it is sure to get."""
    for where, container in containers(manifests):
        resources = container.get("resources", {})
        for kind, unit in product(("requests", "limits"), ("cpu", "memory")):
            if unit not in resources.get(kind, {}):
                yield f"{where}: no {kind} of {unit}"


def updates_lose_nothing(manifests: Sequence[Manifest]) -> Iterator[str]:
    """Probes, a pause before the stop, and time enough to stop, for all that serves."""
    settings = {name: value for m in of_kind(manifests, "ConfigMap") for name, value in m["data"].items()}
    pause, grace = (float(settings.get(f"ROUNDS_{name}_SECONDS", 0)) for name in ("DRAIN", "GRACE"))
    for owner, pod in pods(manifests):
        if owner["kind"] != "Deployment" or "rounds" not in pod["metadata"]["labels"].values():
            continue
        container, where = pod["spec"]["containers"][0], name_of(owner)
        paths = {"startupProbe": "/healthz", "livenessProbe": "/healthz", "readinessProbe": "/readyz"}
        for probe, path in paths.items():
            if container.get(probe, {}).get("httpGet", {}).get("path") != path:
                yield f"{where}: {probe} does not ask {path}"
        if not pause:
            yield f"{where}: no pause before the stop"
        if pod["spec"].get("terminationGracePeriodSeconds", 30) <= pause + OPEN_REQUESTS_SECONDS + grace:
            yield f"{where}: is killed before it can stop"
        if owner["spec"].get("strategy", {}).get("rollingUpdate", {}).get("maxUnavailable") != 0:
            yield f"{where}: an update takes a pod away before another is ready"


def secrets_are_referred_to(manifests: Sequence[Manifest]) -> Iterator[str]:
    """No manifest holds a secret."""
    yield from (f"{name_of(secret)}: a manifest holds secrets" for secret in of_kind(manifests, "Secret"))


def what_is_named_exists(manifests: Sequence[Manifest]) -> Iterator[str]:
    """Services, budgets, routes and scalers point at something, and only one scaler at one thing."""
    services = {m["metadata"]["name"] for m in of_kind(manifests, "Service")}
    deployments = {m["metadata"]["name"] for m in of_kind(manifests, "Deployment")}
    for service in of_kind(manifests, "Service"):
        if not _selected(service["spec"]["selector"], manifests):
            yield f"{name_of(service)}: selects no pod"
    for budget in of_kind(manifests, "PodDisruptionBudget"):
        if not _selected(budget["spec"]["selector"]["matchLabels"], manifests):
            yield f"{name_of(budget)}: selects no pod"
    for owner, _, backend in routes(manifests):
        if backend not in services:
            yield f"{owner}: there is no Service {backend}"
    scaled: set[str] = set()
    for scaler in of_kind(manifests, "HorizontalPodAutoscaler", "ScaledObject"):
        target = scaler["spec"]["scaleTargetRef"]["name"]
        if target not in deployments:
            yield f"{name_of(scaler)}: there is no Deployment {target}"
        if target in scaled:
            yield f"{name_of(scaler)}: something else scales {target} too"
        scaled.add(target)


def routes(manifests: Sequence[Manifest]) -> Iterator[tuple[str, str, str]]:
    """Each public path: by what it is routed, the path, the Service."""
    for route in of_kind(manifests, "HTTPRoute"):
        for rule in route["spec"]["rules"]:
            for match, backend in product(rule["matches"], rule.get("backendRefs", [])):
                yield name_of(route), match["path"]["value"], backend["name"]
    for ingress in of_kind(manifests, "Ingress"):
        for rule in ingress["spec"]["rules"]:
            for path in rule["http"]["paths"]:
                yield name_of(ingress), path["path"], path["backend"]["service"]["name"]


def peers_exist(manifests: Sequence[Manifest]) -> Iterator[str]:
    """Nothing may talk unless a policy lets it; and each policy names pods and namespaces that there are."""
    policies = list(of_kind(manifests, "NetworkPolicy"))
    if not any(_denies_all(policy) for policy in policies):
        yield "no NetworkPolicy denies everything by default"
    for policy in policies:
        where, spec = name_of(policy), policy["spec"]
        if spec["podSelector"] and not _selected(spec["podSelector"], manifests):
            yield f"{where}: applies to no pod"
        for peer in _peers(policy):
            if "namespaceSelector" in peer:
                name = peer["namespaceSelector"].get("matchLabels", {}).get("kubernetes.io/metadata.name")
                if name not in OUTSIDE_NAMESPACES:
                    yield f"{where}: namespace {name} is not known"
            elif "podSelector" in peer:
                yield from (f"{where}: no pod is {value}" for value in _unmatched(peer["podSelector"], manifests))


def calls_are_let_in(manifests: Sequence[Manifest]) -> Iterator[str]:
    """Whoever may call a pod of ours is let in there, and whoever is let in may call: both ends agree."""
    out, into = set(_pairs(manifests, "egress", "to")), set(_pairs(manifests, "ingress", "from"))
    yield from (f"{caller} may call {called}, which does not let it in" for caller, called in sorted(out - into))
    yield from (f"{called} lets {caller} in, which may not call it" for caller, called in sorted(into - out))


def of_kind(manifests: Sequence[Manifest], *kinds: str) -> Iterator[Manifest]:
    """The manifests of these kinds."""
    return (manifest for manifest in manifests if manifest["kind"] in kinds)


def _pairs(manifests: Sequence[Manifest], direction: str, side: str) -> Iterator[tuple[str, str]]:
    for policy in of_kind(manifests, "NetworkPolicy"):
        for rule in policy["spec"].get(direction, []):
            for peer in rule.get(side, []):
                if "podSelector" not in peer or "namespaceSelector" in peer:
                    continue
                ours = _selected(policy["spec"]["podSelector"], manifests)
                theirs = _selected(peer["podSelector"], manifests)
                yield from product(ours, theirs) if direction == "egress" else product(theirs, ours)


def _denies_all(policy: Manifest) -> bool:
    spec = policy["spec"]
    return (
        spec["podSelector"] == {}
        and set(spec["policyTypes"]) == {"Ingress", "Egress"}
        and not spec.get("ingress")
        and not spec.get("egress")
    )


def _peers(policy: Manifest) -> Iterator[Manifest]:
    for direction, side in (("ingress", "from"), ("egress", "to")):
        for rule in policy["spec"].get(direction, []):
            yield from rule.get(side, [])


def _selected(selector: dict[str, Any], manifests: Sequence[Manifest]) -> list[str]:
    """Names of what makes the pods that a selector, whole or of labels only, selects."""
    return [m["metadata"]["name"] for m, pod in pods(manifests) if _matches(selector, pod["metadata"]["labels"])]


def _matches(selector: dict[str, Any], labels: dict[str, str]) -> bool:
    whole = selector.keys() <= {"matchLabels", "matchExpressions"}
    wanted = selector.get("matchLabels", {}) if whole else selector
    expressions = selector.get("matchExpressions", []) if whole else []
    return wanted.items() <= labels.items() and all(
        (labels.get(e["key"]) in e["values"]) is (e["operator"] == "In") for e in expressions
    )


def _unmatched(selector: dict[str, Any], manifests: Sequence[Manifest]) -> Iterator[str]:
    """Those of the labels and values of a selector that no pod has."""
    wanted = [*selector.get("matchLabels", {}).items()]
    wanted += [(e["key"], value) for e in selector.get("matchExpressions", []) for value in e["values"]]
    known = [*OUTSIDE_PODS, *(pod["metadata"]["labels"] for _, pod in pods(manifests))]
    for key, value in wanted:
        if not any(labels.get(key) == value for labels in known):
            yield f"{key}={value}"


RULES: tuple[Callable[[Sequence[Manifest]], Iterator[str]], ...] = (
    images_are_pinned,
    nothing_is_privileged,
    limits_are_set,
    updates_lose_nothing,
    secrets_are_referred_to,
    what_is_named_exists,
    peers_exist,
    calls_are_let_in,
)
