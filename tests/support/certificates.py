"""Certificates for the TLS tests, made by the openssl command: a CA and what it signed."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
DAYS = "2"


@dataclass(frozen=True)
class Identity:
    """A certificate and its key, as files."""

    certificate: Path
    key: Path


class Certificates:
    """ca           signed all the others but stranger
    server       for localhost and 127.0.0.1
    client       for clients that must show one
    wrong_host   good, but for another host
    expired      for localhost, until yesterday
    stranger     for localhost, signed by itself
    """

    def __init__(self, folder):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True)
        self.ca = self._self_signed("ca", "subjectAltName=DNS:ca.test", "basicConstraints=critical,CA:TRUE")
        self.server = self._signed("server", "subjectAltName=DNS:localhost,IP:127.0.0.1")
        self.client = self._signed("client", "extendedKeyUsage=clientAuth")
        self.wrong_host = self._signed("wrong_host", "subjectAltName=DNS:elsewhere.test")
        self.expired = self._signed("expired", "subjectAltName=DNS:localhost", days="-1")
        self.stranger = self._self_signed("stranger", "subjectAltName=DNS:localhost,IP:127.0.0.1")

    def _self_signed(self, name, *extensions):
        identity = self._identity(name)
        self._openssl("req", "-x509", *NEW_KEY, *self._request(identity, name, extensions), "-out", identity.certificate)
        return identity

    def _signed(self, name, *extensions, days=DAYS):
        identity = self._identity(name)
        request = self.folder / f"{name}.csr"
        self._openssl("req", "-new", *NEW_KEY, *self._request(identity, name, extensions), "-out", request)
        self._openssl(
            *("x509", "-req", "-in", request, "-CA", self.ca.certificate, "-CAkey", self.ca.key),
            *("-CAcreateserial", "-copy_extensions", "copy", "-days", days, "-out", identity.certificate),
        )
        return identity

    def _identity(self, name):
        return Identity(self.folder / f"{name}.crt", self.folder / f"{name}.key")

    def _request(self, identity, name, extensions):
        return ["-keyout", identity.key, "-subj", f"/CN={name}", *(x for e in extensions for x in ("-addext", e))]

    def _openssl(self, *arguments):
        subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)
