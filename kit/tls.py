"""How TLS is spoken with what users test: whom to trust, and with which certificate to answer."""

import ssl
import tempfile
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Tls:
    """What an environment says about TLS; certificates and keys are PEM texts."""

    verify: bool = True
    """Whether the peer's certificate and name are verified."""
    ca_bundle: str | None = None
    """Authorities that are trusted beside the system's own."""
    client_certificate: str | None = None
    """The certificate, with its chain, that is shown to a server that asks for one."""
    client_key: str | None = None
    """The key of `client_certificate`."""


class TlsInvalid(ValueError):
    """What is given is no certificate or key, or they do not belong together."""


def tls_context(tls: Tls, kind: type[ssl.SSLContext] = ssl.SSLContext) -> ssl.SSLContext:
    """A client's context. Takes some ms: keep it.

    Raises: TlsInvalid.
    """
    context = kind(ssl.PROTOCOL_TLS_CLIENT)
    context.load_default_certs()
    if not tls.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if tls.ca_bundle:
        try:
            context.load_verify_locations(cadata=tls.ca_bundle)
        except ssl.SSLError as error:
            raise TlsInvalid(f"ca_bundle holds no certificates in PEM form: {error}") from error
    if tls.client_certificate:
        if not tls.client_key:
            raise TlsInvalid("there is a client_certificate, but no key: name the secret that holds it as client_key")
        _present(context, tls.client_certificate, tls.client_key)
    return context


def _present(context: ssl.SSLContext, certificate: str, key: str) -> None:
    """Python reads them from a file only: one that nobody else may read, for as long as that takes."""
    with tempfile.TemporaryDirectory(prefix="rounds-tls-") as folder:
        both = Path(folder) / "both.pem"
        both.touch(mode=0o600)
        both.write_text(f"{key}\n{certificate}\n")
        try:
            context.load_cert_chain(both, password=_no_password)
        except ssl.SSLError as error:
            message = f"client_certificate and its key cannot be used: {error.reason or error}"
            raise TlsInvalid(
                f"{message}; both are to be PEM, the key without a password, and belong together"
            ) from error


def _no_password() -> bytes:
    """Instead of asking on the terminal for the password of an encrypted key."""
    return b""
