"""The certificate of the server, read again when its files change, so that it is renewed without a restart.

The last pair that fits is kept: a file that is half written, or a key of another certificate, is told in the log and
changes nothing. Both servers ask for the pair at each handshake, which costs a look at the times of the files.
"""

from __future__ import annotations

import logging
import ssl
import threading
from pathlib import Path

import grpc

from visop.errors import SettingsError
from visop.files import Version, version_of
from visop.settings import Settings

logger = logging.getLogger(__name__)

# They are written anew, or a link is turned to others, as Kubernetes does it.
_Versions = tuple[Version | None, ...]


class Certificates:
    """Certificate, key, and the authorities whose clients may connect. May be used from several threads.

    Args:
        cert: the file of the server's certificate, with those of its authorities behind it, in PEM.
        key: that of its private key.
        client_ca: authorities; every client has to show a certificate of theirs. None asks for none.

    Raises:
        SettingsError: they cannot be read, or do not belong together.
    """

    def __init__(self, cert: Path, key: Path, client_ca: Path | None = None) -> None:
        self._files = (cert, key, *([client_ca] if client_ca else []))
        self.asks_clients = client_ca is not None
        self._lock = threading.Lock()
        self._version = self._look()
        try:
            self._load()
        except (OSError, ssl.SSLError) as error:
            raise SettingsError("tls_cert", f"{cert}, {key}", f"cannot be used: {_reason(error)}") from None

    @classmethod
    def of(cls, settings: Settings) -> Certificates | None:
        """Those of the settings; None if they ask for no TLS."""
        if not settings.tls_cert:
            return None
        client_ca = _path(settings.tls_client_ca) if settings.tls_client_ca else None
        return cls(_path(settings.tls_cert), _path(settings.tls_key), client_ca)

    def context(self) -> ssl.SSLContext:
        """For a handshake of HTTP now."""
        self._refresh()
        return self._context

    def of_grpc(self) -> grpc.ServerCredentials:
        """For a gRPC server, for as long as it runs."""
        return grpc.dynamic_ssl_server_credentials(self._configuration, self._changed, self.asks_clients)

    def _changed(self) -> grpc.ServerCertificateConfiguration:
        self._refresh()
        return self._configuration

    def _refresh(self) -> None:
        version = self._look()
        if version == self._version:
            return
        with self._lock:
            if version == self._version:
                return
            self._version = version  # told once, whether it can be used or not
            try:
                self._load()
            except (OSError, ssl.SSLError) as error:
                logger.error("the new certificate cannot be used, the last one is kept: %s", _reason(error))
            else:
                logger.info("the certificate was read again")

    def _look(self) -> _Versions:
        return tuple(map(version_of, self._files))

    def _load(self) -> None:
        cert, key, *client_ca = (file.read_bytes() for file in self._files)
        context = _context(*self._files)
        self._configuration = grpc.ssl_server_certificate_configuration([(key, cert)], *client_ca)
        self._context = context


def _path(text: str) -> Path:
    return Path(text).expanduser()


def _context(cert: Path, key: Path, client_ca: Path | None = None) -> ssl.SSLContext:
    """What OpenSSL, which checks that certificate and key belong together, makes of them."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(cert, key, password=_no_password)
    context.set_alpn_protocols(["http/1.1"])
    if client_ca is not None:
        context.load_verify_locations(client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def _no_password() -> str:
    """OpenSSL would ask for one at the terminal."""
    return ""


def _reason(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return error.reason.replace("_", " ").lower() if error.reason else "it is not in the form PEM"
    return f"{error.filename}: {error.strerror}"
