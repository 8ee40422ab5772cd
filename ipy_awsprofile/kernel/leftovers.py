"""Find the objects and settings that keep another identity after a switch, and describe them.

The search covers the values of the notebook's variables, but not the objects inside these values.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Any
from weakref import ref

import botocore
from botocore.client import BaseClient
from botocore.signers import RequestSigner

from ipy_awsprofile.config.files import read_config
from ipy_awsprofile.config.regions import endpoint_of, is_aws
from ipy_awsprofile.config.request import arguments
from ipy_awsprofile.config.shared import python_of
from ipy_awsprofile.errors import ConfigFileError
from ipy_awsprofile.follower import (
    Follower,
    Handle,
    Leftover,
    Notebook,
    follower_of,
    followers,
    package_of,
    type_of,
)
from ipy_awsprofile.gate import (
    PROCESS,
    arguments_of_client,
    identity_of,
    is_stale,
    owner_of_keys,
)
from ipy_awsprofile.kernel.places import BEDROCK_KEY, ENDPOINT, ENDPOINT_VARIABLES
from ipy_awsprofile.label import Label
from ipy_awsprofile.place import ABSENT
from ipy_awsprofile.text import redacted_urls

if TYPE_CHECKING:
    from ipy_awsprofile.config.files import Section
    from ipy_awsprofile.config.target import Target
    from ipy_awsprofile.kernel.workers import Workers


def leftovers(
    namespace: Mapping[str, object],
    active: Label | None,
    before: OpenedBefore,
    lent: Mapping[str, Workers],
    target: Target | None,
) -> Iterator[Leftover]:
    """Yield the card's lines about objects and settings that don't use the active identity.

    ``target`` is the target of the active identity, or None. ``lent`` maps the address of each
    cluster that uses the notebook's identity to the cluster's workers.
    """
    variables = {}
    for name, value in list(namespace.items()):  # another thread can add a variable
        if not name.startswith("_"):  # IPython's own
            variables[name] = value
    yield from _about_signers(variables, active)
    for leftover, label in before.handles(variables):
        if label != active:
            yield leftover
    if active:
        yield from before.regions(variables, active)
    yield from before.workers(active, lent.values())
    for library in sorted(PROCESS.not_cleared):
        yield Leftover(
            library,
            "may keep its former identity for new objects, because this version of it is unknown: "
            "restart the kernel after a switch",
        )
    labels = {address: workers.label for address, workers in lent.items()}
    notebook = Notebook(variables, active, labels)
    for follower in followers():
        if follower.about:
            yield from follower.about(notebook)
    if active:
        if target:
            yield from _about_endpoint_variable(target)
        yield from _about_endpoint()
        yield from _about_other_endpoints()
        if os.environ.get(BEDROCK_KEY):
            yield Leftover(
                BEDROCK_KEY,
                "is an API key that Amazon Bedrock uses instead of any profile, even one that you "
                f"name: to change that, run `import os; del os.environ[{BEDROCK_KEY!r}]`",
            )


def _about_endpoint_variable(target: Target) -> Iterator[Leftover]:
    """Yield a line about a variable that replaces the active profile's S3 endpoint."""
    variable = next(filter(os.environ.get, ENDPOINT_VARIABLES), None)
    if variable is None or ENDPOINT.get() is not ABSENT:  # it was set after the switch
        return
    url = target.endpoint("s3")
    own = target.endpoint_in_files("s3")
    if own == url or is_aws(url):
        return
    if not own and target.server:  # the card has a row about the server
        return
    instead = f" instead of {redacted_urls(own)}" if own else ""
    line = arguments(target.request)
    yield Leftover(
        variable,
        f"makes clients and child processes use {redacted_urls(url)} for S3{instead}: to use the "
        f"profile's endpoint, run `import os; del os.environ[{variable!r}]`, then "
        f"`%aws_profile {line}`",
    )


def _about_endpoint() -> Iterator[Leftover]:
    """Yield a line about the active profile's S3 endpoint unless all profiles use this endpoint."""
    url = ENDPOINT.get()
    if url is ABSENT or os.environ.get("AWS_ENDPOINT_URL_S3"):
        return
    with suppress(ConfigFileError):
        config = read_config()
        different: dict[str, Section] = {}  # many profiles have the same settings
        for settings in config.profiles.values():
            if not python_of(settings):  # the programs with which the notebook shares its identity
                described = f"{settings.get('endpoint_url')} {settings.get('services')}"
                different.setdefault(described, settings)
        if any(endpoint_of("s3", each, config.services) != url for each in different.values()):
            yield Leftover(
                "AWS_ENDPOINT_URL_S3",
                f"makes child processes use {redacted_urls(str(url))} for S3, even with "
                "`--profile OTHER`: for another profile, use a `%%aws_profile NAME` cell",
            )


def _about_other_endpoints() -> Iterator[Leftover]:
    """Yield lines about variables with another server for a service, except for S3 and STS."""
    if os.environ.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"):
        return
    for variable, url in sorted(os.environ.items()):
        service = variable.removeprefix("AWS_ENDPOINT_URL_")
        if service in (variable, "S3", "STS"):
            continue
        if not url or is_aws(url):
            continue
        yield Leftover(
            variable,
            f"makes new clients and child processes use {redacted_urls(url)} for {service}: to "
            f"undo that, run `import os; del os.environ[{variable!r}]`",
        )


# Objects of botocore ------------------------------------------------------------------------------


def _about_signers(variables: Mapping[str, object], active: Label | None) -> Iterator[Leftover]:
    """Yield lines about clients, sessions and filesystems that don't use the active identity."""
    source = "session" if active else "boto3"
    for name, value in variables.items():
        label = label_in(value)
        client = value if isinstance(value, BaseClient) else None
        if package_of(value) == "aiobotocore":
            client = None
        code = "create it again"
        if owner_of_keys(_credentials_in(value)):
            code = "create it again without the copied keys"
        if client:
            service = client.meta.service_model.service_name
            given = arguments_of_client(service, client.meta.region_name, label, source)
            code = f"run `{name} = {source}.client({given})`"
        if label is None:
            if active and _lacks_credentials(value):
                yield Leftover(name, f"has no credentials: {code}")
        elif is_stale(label):
            yield Leftover(name, f"still signs as {label.text_beside(active)}: {code}")
        elif active and client and _has_former_region(client, label, active):
            yield Leftover(name, f"keeps the Region {label.region}: for {active.region}, {code}")


def _has_former_region(client: BaseClient, label: Label, active: Label) -> bool:
    """Return whether a client has the Region of an earlier switch to the active identity.

    Clients aren't affected if the user's code named another Region or the profile.
    """
    if label.is_chosen or label != active or not active.region:
        return False
    return label.region != active.region and client.meta.region_name == label.region


#: Where a resource, a client, and a session of boto3 and of botocore have them.
_CREDENTIALS = (
    "meta.client._request_signer._credentials",
    "_request_signer._credentials",
    "_session._credentials",
    "_credentials",
)


def label_in(value: object) -> Label | None:
    """Return the label of the identity that a client, resource, session or filesystem uses.

    The result is None for other objects, and if the object hasn't found its credentials yet.
    """
    return identity_of(_credentials_in(value))


def _credentials_in(value: object) -> object:
    """Return the credentials of a client, resource, session or filesystem.

    The result is None for other objects.
    """
    for path in _paths_to_credentials(value):
        with suppress(AttributeError):
            return attrgetter(path)(value)
    return None


def _paths_to_credentials(value: object) -> tuple[str, ...]:
    """Return the attributes in which an object of this type can have credentials."""
    if package_of(value) in {"boto3", "botocore", "ipy_awsprofile"}:
        return _CREDENTIALS
    follower = follower_of(value)
    return follower.credentials if follower else ()


def _lacks_credentials(value: object) -> bool:
    """Return whether a client, or an object with a client, signs requests without credentials."""
    for path in _paths_to_credentials(value):
        with suppress(AttributeError):
            owner: Any = attrgetter(path.rpartition(".")[0] or path)(value)
            if isinstance(owner, RequestSigner):
                is_signed = owner.signature_version not in {botocore.UNSIGNED, "bearer"}
                return is_signed and attrgetter(path)(value) is None
    return False


# Objects that were opened before ------------------------------------------------------------------


def _handle_type_of(value: object) -> Handle | None:
    """Return the `Handle` record for an object's type, or None if the type doesn't have one."""
    follower = follower_of(value)
    return follower.handles.get(type_of(value)) if follower else None


def is_handle(value: object) -> bool:
    """Return whether an object keeps using the S3 credentials that it was opened with."""
    kind = _handle_type_of(value)
    if kind is None:
        return False
    try:
        if kind.test:
            return kind.test(value)
        if not kind.address:
            return True
        used = attrgetter(kind.address)(value)
    except Exception:  # noqa: BLE001  # an incomplete object, or another version of the library
        return False
    return str(used).startswith("s3") or is_handle(used)


def _region_of(value: object) -> str:
    """Return the Region of a library's client, or an empty string for other objects."""
    follower = follower_of(value)
    if follower is None or not follower.region:
        return ""
    return str(getattr(value, follower.region, ""))


def starts_workers(value: object) -> bool:
    """Return whether an object runs code in worker processes, which keep their identity."""
    follower = follower_of(value)
    if follower is None or follower.starts_workers is None:
        return False
    return follower.starts_workers(value)


@dataclass(slots=True)
class _Opened:
    """A weak reference to an object, and the identity that the object was opened with.

    ``is_handle`` is true if the object is known to keep the S3 credentials that it was opened with.
    A lazy object can begin to keep S3 credentials later.
    """

    reference: ref[object]
    label: Label | None
    is_handle: bool = False


class OpenedBefore:
    """Records the identity with which S3 handles, other clients and workers were opened."""

    def __init__(self) -> None:
        #: By the object's ID, because the user can rename a variable.
        self._handles: dict[int, _Opened] = {}
        #: By the process's ID.
        self._workers: dict[object, Label | None] = {}

    def note(self, namespace: Mapping[str, object], active: Label | None) -> None:
        """Record the active identity for all objects and workers opened since the last call."""
        for key, opened in list(self._handles.items()):
            if opened.reference() is None:
                del self._handles[key]
        for name, value in list(namespace.items()):
            if name.startswith("_"):
                continue
            if _handle_type_of(value) or _region_of(value):
                opened = self._handles.setdefault(id(value), _Opened(ref(value), active))
                opened.is_handle = opened.is_handle or is_handle(value)
        self._workers = {process: self._workers.get(process, active) for process in _processes()}

    def handles(self, namespace: Mapping[str, object]) -> Iterator[tuple[Leftover, Label | None]]:
        """Yield lines about the handles in a namespace, with the identity of each handle."""
        for name, value in list(namespace.items()):
            opened = self._handles.get(id(value))
            if opened is None or opened.reference() is not value or name.startswith("_"):
                continue
            kind = _handle_type_of(value)
            if kind and (opened.is_handle or is_handle(value)):
                yield Leftover(name, kind.says), opened.label

    def regions(self, namespace: Mapping[str, object], active: Label) -> Iterator[Leftover]:
        """Yield lines about the clients that keep the Region of a former switch.

        Clients aren't affected if the user's code named another Region.
        """
        for name, value in namespace.items():
            opened = self._handles.get(id(value))
            region = _region_of(value)
            if opened is None or opened.label is None or region in ("", active.region):
                continue
            if opened.label.region == region:
                yield Leftover(
                    name, f"keeps the Region {region}: for {active.region}, create it again"
                )

    def workers(self, active: Label | None, lent: Iterable[Workers]) -> Iterator[Leftover]:
        """Yield lines about the worker processes that were started with a different identity."""
        moved = {process for workers in lent for process in workers.processes()}
        former: dict[str, str] = {}
        for process, library in _processes().items():
            if process not in moved and self._workers.get(process, active) != active:
                former[library.package] = library.restart
        for package, restart in sorted(former.items()):
            yield Leftover(package, f"keeps another identity in its workers: {restart}")


def _processes() -> dict[object, Follower]:
    """Return the running worker processes.

    Each process is returned with the first library in `INDEX` that uses the process.
    """
    found: dict[object, Follower] = {}
    for follower in followers():
        if follower.processes:
            for process in follower.processes():
                found.setdefault(process, follower)
    return found
