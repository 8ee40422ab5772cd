"""A small AWS on loopback that notes which identity signed each request.

It answers only what the libraries of the table ask for, and checks no signature, because the access
key tells the identity. It runs outside the notebook's process: libraries in other languages can
wait for an answer without letting another thread of their process run.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from hashlib import md5
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from threading import Lock, Thread
from urllib.parse import parse_qs, unquote, urlsplit

import pandas as pd

#: The user's own profile with long-term keys, and the profiles of roles with their accounts.
USER = "UserAlpha"
USER_ACCOUNT = "111111111111"
USER_KEY = "AKIAALPHA00000000000"
SECRET = "only-the-recorder-sees-it"
ROLES = {"RoleBeta": "222222222222", "RoleGamma": "333333333333"}

#: What an identity's name adds for AssumeRole with a session policy, and with this session name.
READ_ONLY = "read-only"
LENT = "lent"

#: Requests without a key, and with a key that STS hasn't issued. The recorder refuses both.
ANONYMOUS = "anonymous"
UNKNOWN = "unknown"

REGION = "us-east-1"
BUCKET = "cities"

#: Where the notebook's process gets the records, and adds one. AWS has no such addresses.
TAKE = "/-/take"
NOTE = "/-/note/"

_CSV = b"city,people\nOslo,717\n"
_GEOJSON = b"""{"type": "FeatureCollection", "features": [{"type": "Feature", "properties": {},
"geometry": {"type": "Point", "coordinates": [10.7, 59.9]}}]}"""

#: Each file also is in folders with these names, for libraries that remember what they have read.
_COPY = re.compile(r"copy-\d+/")
_MODIFIED = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Request:
    """A request, as AWS sees it. ``query`` also has the parameters of the query protocol."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def _scope(self) -> list[str]:
        """Return the credential scope: the access key, the date, the Region, and the service."""
        header = re.search(r"Credential=([^,\s]+)", self.headers.get("authorization", ""))
        scope = header[1] if header else self.query.get("X-Amz-Credential", "//s3/s3/")
        return scope.split("/")

    @property
    def access_key(self) -> str:
        """Return the access key ID, or an empty text for an anonymous request."""
        return self._scope[0]

    @property
    def service(self) -> str:
        """Return the service's signing name."""
        return self._scope[3]

    @property
    def operation(self) -> str:
        """Return the operation, or the method and path if the request doesn't name it."""
        target = self.headers.get("x-amz-target", "").rpartition(".")[2]
        return target or self.query.get("Action") or f"{self.method} {self.path}"


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer: a file's content, XML as text, or a JSON document."""

    body: bytes | str | object = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)

    def encoded(self) -> tuple[str, bytes]:
        """Return the content type and the content."""
        if isinstance(self.body, bytes):
            return "application/octet-stream", self.body
        if isinstance(self.body, str):
            return "text/xml", self.body.encode()
        return "application/json", json.dumps(self.body).encode()


class Recorder:
    """The identities that STS has issued, the files in S3, and the requests so far."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._numbers = count(1)
        #: Identities such as ``RoleBeta, read-only``, by access key.
        self._identities = {USER_KEY: USER}
        self._seen: list[tuple[str, str]] = []
        parquet = pd.DataFrame({"people": [717]}).to_parquet()
        self._files = {"cities.csv": _CSV, "cities.geojson": _GEOJSON, "cities.parquet": parquet}

    def _note(self, access_key: str, what: str) -> None:
        identity = self._identities.get(access_key, UNKNOWN if access_key else ANONYMOUS)
        with self._lock:
            self._seen.append((identity, what))

    def answer(self, request: Request) -> Answer:
        """Answer a request, and note who signed it, except for STS, which switches use."""
        if request.path == TAKE:
            with self._lock:
                seen = self._seen
                self._seen = []
            return Answer(seen)
        if request.path.startswith(NOTE):
            self._note(request.path.removeprefix(NOTE), "reported by the library")
            return Answer()
        if request.path.startswith("/latest/"):  # an instance's metadata
            return Answer(status=404)
        if request.query.get("Action") == "AssumeRole":
            return self._assume_role(request.query)
        if request.query.get("Action") == "GetCallerIdentity":
            return self._caller_identity(request.access_key)
        self._note(request.access_key, f"{request.service} {request.operation}")
        if request.access_key not in self._identities:
            return _error(403, "InvalidAccessKeyId" if request.access_key else "AccessDenied")
        if request.service == "s3":
            return self._s3(request)
        if request.service == "redshift":
            return _redshift(request)
        if request.service == "es":
            return Answer({"version": {"distribution": "opensearch", "number": "3.1.0"}})
        return _json(request)

    def _assume_role(self, parameters: Mapping[str, str]) -> Answer:
        _, _, _, _, account, role = parameters["RoleArn"].split(":")
        role = role.removeprefix("role/")
        name = parameters["RoleSessionName"]
        identity = [role]
        if any(parameter.startswith("Policy") for parameter in parameters):
            identity.append(READ_ONLY)
        if name == LENT:
            identity.append(LENT)
        with self._lock:
            key = f"ASIA{role.removeprefix('Role').upper():0<8}{next(self._numbers):08}"
            self._identities[key] = ", ".join(identity)
        seconds = int(parameters.get("DurationSeconds", "3600"))
        return _query_answer(
            "AssumeRole",
            f"<Credentials><AccessKeyId>{key}</AccessKeyId><SessionToken>{key}</SessionToken>"
            f"<SecretAccessKey>{SECRET}</SecretAccessKey>{_expiration(seconds)}</Credentials>"
            f"<AssumedRoleUser><Arn>arn:aws:sts::{account}:assumed-role/{role}/{name}</Arn>"
            f"<AssumedRoleId>A:{name}</AssumedRoleId></AssumedRoleUser>",
        )

    def _caller_identity(self, access_key: str) -> Answer:
        identity = self._identities.get(access_key)
        if identity is None:
            return _error(403, "InvalidClientTokenId")
        profile = identity.partition(",")[0]
        account = ROLES.get(profile, USER_ACCOUNT)
        arn = f"arn:aws:sts::{account}:assumed-role/{profile}/session"
        if profile == USER:
            arn = f"arn:aws:iam::{account}:user/{profile}"
        about = f"<Arn>{arn}</Arn><UserId>A</UserId><Account>{account}</Account>"
        return _query_answer("GetCallerIdentity", about)

    def _s3(self, request: Request) -> Answer:
        bucket, _, key = unquote(request.path).strip("/").partition("/")
        if not bucket:
            buckets = f"<Buckets><Bucket><Name>{BUCKET}</Name></Bucket></Buckets>"
            return Answer(f"<ListAllMyBucketsResult>{buckets}</ListAllMyBucketsResult>")
        if not key:
            return self._s3_bucket(request)
        if request.method == "PUT":
            if key in self._files and request.headers.get("if-none-match") == "*":
                return _error(412, "PreconditionFailed")
            self._files[key] = request.body
            return Answer(headers={"ETag": _etag(request.body)})
        content = self._files.get(_COPY.sub("", key))
        if content is None:
            return _error(404, "NoSuchKey")
        modified = format_datetime(_MODIFIED, usegmt=True)
        headers = {"ETag": _etag(content), "Last-Modified": modified, "Accept-Ranges": "bytes"}
        wanted = re.fullmatch(r"bytes=(\d*)-(\d*)", request.headers.get("range", ""))
        if wanted is None:
            return Answer(content, headers=headers)
        size = len(content)
        start = int(wanted[1]) if wanted[1] else max(size - int(wanted[2]), 0)
        end = min(int(wanted[2]) + 1, size) if wanted[1] and wanted[2] else size
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
        return Answer(content[start:end], 206, headers)

    def _s3_bucket(self, request: Request) -> Answer:
        if "delete" in request.query:
            keys = re.findall("<Key>(.*?)</Key>", request.body.decode())
            for key in keys:
                self._files.pop(key, None)
            deleted = "".join(f"<Deleted><Key>{key}</Key></Deleted>" for key in keys)
            return Answer(f"<DeleteResult>{deleted}</DeleteResult>")
        if "location" in request.query:
            return Answer("<LocationConstraint></LocationConstraint>")
        if request.method != "GET":
            return Answer(headers={"x-amz-bucket-region": REGION})
        return Answer(self._s3_listing(request.query))

    def _s3_listing(self, query: Mapping[str, str]) -> str:
        prefix = query.get("prefix", "")
        delimiter = query.get("delimiter", "")
        copy = _COPY.match(prefix)
        contents = ""
        folders = set()
        for name, content in sorted(self._files.items()):
            key = (copy[0] if copy else "") + name
            inside = key.removeprefix(prefix)
            if not key.startswith(prefix) or key <= query.get("start-after", ""):
                continue
            if delimiter and delimiter in inside:
                folders.add(prefix + inside.partition(delimiter)[0] + delimiter)
                continue
            contents += (
                f"<Contents><Key>{key}</Key><ETag>{_etag(content)}</ETag>"
                f"<Size>{len(content)}</Size><StorageClass>STANDARD</StorageClass>"
                f"<LastModified>{_MODIFIED:%Y-%m-%dT%H:%M:%S}.000Z</LastModified></Contents>"
            )
        contents += "".join(
            f"<CommonPrefixes><Prefix>{folder}</Prefix></CommonPrefixes>"
            for folder in sorted(folders)
        )
        return (
            '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
            f"<Name>{BUCKET}</Name><Prefix>{prefix}</Prefix><KeyCount>{len(self._files)}</KeyCount>"
            f"<MaxKeys>1000</MaxKeys><IsTruncated>false</IsTruncated>{contents}</ListBucketResult>"
        )


def _etag(content: bytes) -> str:
    return f'"{md5(content, usedforsecurity=False).hexdigest()}"'


def _error(status: int, code: str) -> Answer:
    return Answer(f"<Error><Code>{code}</Code><Message>{code}</Message></Error>", status)


def _expiration(seconds: int) -> str:
    ends = datetime.now(UTC) + timedelta(seconds=seconds)
    return f"<Expiration>{ends:%Y-%m-%dT%H:%M:%SZ}</Expiration>"


def _query_answer(action: str, result: str) -> Answer:
    return Answer(
        f"<{action}Response><{action}Result>{result}</{action}Result>"
        f"<ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></{action}Response>"
    )


def _redshift(request: Request) -> Answer:
    """Return a database user whose name is the access key of the request."""
    user = f"<DbUser>IAM:{request.access_key}</DbUser><DbPassword>{SECRET}</DbPassword>"
    return _query_answer(request.operation, user + _expiration(900))


#: The answers of services with a JSON protocol, by the end of the operation's name.
_DOCUMENTS: dict[str, object] = {
    "/invoke": {
        "id": "1",
        "type": "message",
        "role": "assistant",
        "model": "claude",
        "content": [{"type": "text", "text": "Oslo"}],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 1, "output_tokens": 1},
    },
    "/converse": {
        "output": {"message": {"role": "assistant", "content": [{"text": "Oslo"}]}},
        "stopReason": "end_turn",
        "usage": {"inputTokens": 1, "outputTokens": 1, "totalTokens": 2},
        "metrics": {"latencyMs": 1},
    },
    "/chat/completions": {"id": "1", "object": "chat.completion", "choices": []},
    "StartQueryExecution": {"QueryExecutionId": "1"},
    "GetQueryExecution": {
        "QueryExecution": {
            "QueryExecutionId": "1",
            "Query": "SELECT 1",
            "StatementType": "DDL",
            "Status": {"State": "SUCCEEDED"},
            "ResultConfiguration": {"OutputLocation": f"s3://{BUCKET}/cities.csv"},
        }
    },
    "GetQueryResults": {"ResultSet": {"Rows": [], "ResultSetMetadata": {"ColumnInfo": []}}},
    "GetParameter": {"Parameter": {"Name": "city", "Type": "String", "Value": "Oslo"}},
    "GetItem": {"Item": {"city": {"S": "Oslo"}}},
    "ListTrainingJobs": {"TrainingJobSummaries": []},
}


def _json(request: Request) -> Answer:
    for name, document in _DOCUMENTS.items():
        if request.operation.endswith(name):
            return Answer(document)
    return Answer({"__type": "ValidationException", "message": request.operation}, 400)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def _answer(self) -> None:
        address = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        query = parse_qs(address.query, keep_blank_values=True)
        if "x-www-form-urlencoded" in self.headers.get("Content-Type", ""):
            query |= parse_qs(body.decode())
        parameters = {name: values[0] for name, values in query.items()}
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, address.path, parameters, headers, body)
        answer = self.server.recorder.answer(request)
        content_type, content = answer.encoded()
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    do_GET = do_HEAD = do_POST = do_PUT = _answer  # noqa: N815  # the base class's names

    def log_message(self, *_: object) -> None:
        """Do nothing, because the table is the only output."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.recorder = Recorder()

    def handle_error(self, *_: object) -> None:
        """Do nothing, because a client that has closed its connection isn't an error."""


@contextmanager
def recording() -> Iterator[str]:
    """Run a recorder, and return its address."""
    server = _Server()
    Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
