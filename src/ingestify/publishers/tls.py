"""The settings of TLS, which several publishers have: files with certificates."""

from __future__ import annotations

import dataclasses
import ssl
from pathlib import Path

from ingestify.errors import ConfigurationError
from ingestify.publishers.arguments import check_text

__all__ = ["Tls", "find_certificate_error"]


@dataclasses.dataclass(frozen=True, slots=True)
class Tls:
    """The files of a TLS connection. The server's certificate is always verified.

    Attributes:
        ca_file: The certificates that are trusted, PEM; None: those of the system.
        client_certificate: The certificate that this side shows, PEM; None: it shows none.
        client_key: Its key; None: it is in the same file.
    """

    ca_file: str | None
    client_certificate: str | None
    client_key: str | None

    @classmethod
    def of(cls, ca_file: object, client_certificate: object, client_key: object) -> Tls:
        """Return checked settings. A path may begin with `~`.

        Raises:
            ConfigurationError: One is no path, or there is a key without a certificate.
        """
        paths = {
            setting: None if value is None else str(Path(check_text(value, setting, "/etc/ssl/lake.pem")).expanduser())
            for setting, value in (
                ("ca_file", ca_file),
                ("client_certificate", client_certificate),
                ("client_key", client_key),
            )
        }
        if paths["client_key"] is not None and paths["client_certificate"] is None:
            raise ConfigurationError("client_key is the key of client_certificate; write both, or none.")
        return cls(**paths)

    @property
    def is_set(self) -> bool:
        """Whether a file is named."""
        return self.ca_file is not None or self.client_certificate is not None

    def context(self) -> ssl.SSLContext:
        """Read the files.

        Raises:
            ConfigurationError: One is not there, or is not what it should be.
        """
        try:
            made = ssl.create_default_context(cafile=self.ca_file)
            if self.client_certificate is not None:
                made.load_cert_chain(self.client_certificate, self.client_key)
        except (OSError, ssl.SSLError) as error:
            names = ", ".join(str(one) for one in dataclasses.astuple(self) if one is not None)
            raise ConfigurationError(f"The files of TLS ({names}) cannot be read: {error.strerror or error}") from error
        return made


def find_certificate_error(error: BaseException | None) -> ssl.SSLCertVerificationError | None:
    """Return the error that says why a server's certificate was not accepted, among an error and its causes."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return error
        error = error.__cause__ or error.__context__
    return None
