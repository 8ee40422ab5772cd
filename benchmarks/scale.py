"""Open hundreds of roles while STS throttles calls: ``python -m benchmarks scale``."""

from __future__ import annotations

import os
import random
import sys
import tempfile
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs

from ipy_awsprofile import across_profiles
from ipy_awsprofile.demo.front import serving

ROLES = 500

#: The time of a response in seconds, and the share of the calls that STS throttles.
LATENCY = 0.05
SHARES = (0.0, 0.3)

_ASSUMED = (
    "<AssumeRoleResponse><AssumeRoleResult><AssumedRoleUser><Arn>{arn}</Arn>"
    "<AssumedRoleId>A:scale</AssumedRoleId></AssumedRoleUser><Credentials>"
    "<AccessKeyId>ASIA</AccessKeyId><SecretAccessKey>s</SecretAccessKey>"
    "<SessionToken>t</SessionToken><Expiration>2100-01-01T00:00:00Z</Expiration></Credentials>"
    "</AssumeRoleResult></AssumeRoleResponse>"
)
_THROTTLED = "<ErrorResponse><Error><Code>Throttling</Code></Error></ErrorResponse>"


def main() -> None:
    """Print the time for all roles, for each share of throttled calls."""
    for share in SHARES:
        print(f"{ROLES} roles, {share:.0%} throttled: {_seconds(share):.1f} s")


def _seconds(share: float) -> float:
    chance = random.Random(1)  # the same for each run

    class Sts(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            """Answer AssumeRole, or throttle it."""
            sent = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            time.sleep(LATENCY)
            is_throttled = chance.random() < share
            arn = sent["RoleArn"][0].replace(":iam:", ":sts:").replace(":role/", ":assumed-role/")
            text = _THROTTLED if is_throttled else _ASSUMED.format(arn=f"{arn}/scale")
            self.send_response(400 if is_throttled else 200)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            """Do nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Sts)
    with serving(server) as url, tempfile.TemporaryDirectory() as home:
        _write_profiles(Path(home), url)
        os.environ["HOME"] = home
        start = time.perf_counter()
        frame = across_profiles("role-*", str, progress=False)
        end = time.perf_counter()
    if len(frame) != ROLES:
        sys.exit(f"{len(frame)} roles answered: {frame.attrs['errors'][:1]}")
    return end - start


def _write_profiles(home: Path, url: str) -> None:
    lines = []
    for number in range(ROLES):
        arn = f"arn:aws:iam::{number:012}:role/scale"
        lines += [f"[profile role-{number}]", "source_profile = user", f"role_arn = {arn}"]
        lines += ["region = us-east-1", f"endpoint_url = {url}"]
    (home / "config").write_text("\n".join(lines))
    (home / "credentials").write_text(
        "[user]\naws_access_key_id = AKIA\naws_secret_access_key = s\n"
    )
    os.environ["AWS_CONFIG_FILE"] = str(home / "config")
    os.environ["AWS_SHARED_CREDENTIALS_FILE"] = str(home / "credentials")
