"""A key pair whose holder alone can use and renew a sign-in: demonstrating proof of possession.

https://www.rfc-editor.org/rfc/rfc9449
"""

from __future__ import annotations

import base64
import json
import textwrap
import time
import uuid
from hashlib import sha256
from typing import Any

from botocore import compat
from botocore.exceptions import MissingDependencyException

from ipy_awsprofile.config.stays_in_process import StaysInProcess

#: Bytes of each coordinate, and of each half of a signature.
_BYTES = 32


class ProofKey(StaysInProcess):
    """A new key pair on the curve P-256.

    Raises MissingDependencyException without AWS's cryptography, which botocore needs, too.
    """

    def __init__(self) -> None:
        if getattr(compat, "EC", None) is None:
            raise MissingDependencyException(msg="awscrt")
        from awscrt.crypto import EC, ECType

        self._key: Any = EC.new_generate(ECType.P_256)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    def pem(self) -> str:
        """Return the private key in the form in which the AWS CLI stores it."""
        from awscrt.crypto import ECExportFormat

        content = base64.b64encode(self._key.export_key(ECExportFormat.SEC1)).decode()
        lines = textwrap.fill(content, width=64)
        return f"-----BEGIN EC PRIVATE KEY-----\n{lines}\n-----END EC PRIVATE KEY-----\n"

    def proof(self, url: str) -> str:
        """Return the header ``DPoP`` of a POST request to an address."""
        from awscrt.crypto import EC

        x, y = self._key.get_public_coords()
        jwk = {"kty": "EC", "x": _encoded(x), "y": _encoded(y), "crv": "P-256"}
        header = {"typ": "dpop+jwt", "alg": "ES256", "jwk": jwk}
        claims = {"htm": "POST", "htu": url, "iat": int(time.time()), "jti": str(uuid.uuid4())}
        signed = ".".join(_encoded(json.dumps(part).encode()) for part in (header, claims))
        signature = self._key.sign(sha256(signed.encode()).digest())
        pair = EC.decode_der_signature_to_padded_pair(signature, pad_to=_BYTES)
        return f"{signed}.{_encoded(pair)}"


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
