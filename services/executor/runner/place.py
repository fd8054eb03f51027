"""Where a case runs, from what the replicas know."""

from kit.crypto import decrypt
from kit.tls import Tls
from services.executor.models import KnownEnvironment, KnownProject
from services.executor.rules import egress_of
from services.executor.runner.plan import Place
from services.executor.settings import executor_settings


def place_of(project: KnownProject | None, environment: KnownEnvironment | None) -> Place:
    """Where a case runs, with the environment's secrets decrypted.

    Raises: DecryptionFailed, EncryptionKeysInvalid.
    """
    own = executor_settings()
    egress = egress_of(own.egress_allow, own.egress_deny, tuple(project.egress_allow) if project else ())
    variables = (project.variables if project else None) or {}
    if environment is None:
        return Place(project=variables, egress=egress)
    given = environment.settings or {}
    secrets = {name: decrypt(name, environment.id, text) for name, text in (given.get("secrets") or {}).items()}
    key = given.get("client_key")
    return Place(
        project=variables,
        environment=environment.name,
        base_urls=given.get("base_urls") or {},
        headers=given.get("headers") or {},
        variables=given.get("variables") or {},
        secrets=secrets,
        tls=Tls(
            verify=given.get("verify_tls") is not False,
            ca_bundle=given.get("ca_bundle"),
            client_certificate=given.get("client_certificate"),
            client_key=secrets.get(key) if key else None,
        ),
        proxy=given.get("proxy"),
        egress=egress,
    )
