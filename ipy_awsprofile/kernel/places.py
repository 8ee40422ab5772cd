"""Determine the variables and settings that a switch or a run over many profiles changes."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import boto3

from ipy_awsprofile.config.private import StaysInProcess
from ipy_awsprofile.config.user_environment import (
    KEY_VARIABLES,
    LENT,
    PARTS_OF_KEYS,
    user_variable,
)
from ipy_awsprofile.follower import followers, followers_of_run
from ipy_awsprofile.gate import PROCESS, session_here
from ipy_awsprofile.kernel.caches import clear_caches
from ipy_awsprofile.kernel.watch import default_session_replaced
from ipy_awsprofile.place import ABSENT, DictItem, Effect, Place, Variables
from ipy_awsprofile.sessions.session import ProfileSession

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

#: s3fs keeps the credentials of the first path.
_CHILDREN = "child processes use that, and so do `s3://` paths if you haven't used one before"
_SESSIONS = f"`boto3.Session()` and {_CHILDREN}"

#: Version 2 of the AWS CLI and most SDKs prefer AWS_REGION, which the switch has set.
_DEFAULT_REGION = "`boto3.Session()` and child processes that don't read `AWS_REGION` use that"

#: The variables that `boto3.Session()` doesn't read while a profile is active.
_OF_CHILDREN = (*LENT, "AWS_REGION")

#: The variables whose values of the user's a switch uses, as boto3 does.
_READ = ("AWS_CONFIG_FILE", "AWS_DEFAULT_REGION")

KEYS_IN_ENVIRONMENT = Variables(*KEY_VARIABLES, if_changed=_SESSIONS, parts=PARTS_OF_KEYS)

#: An API key for Amazon Bedrock, which botocore prefers to any other credentials.
#: https://docs.aws.amazon.com/bedrock/latest/userguide/api-keys-use.html
BEDROCK_KEY = "AWS_BEARER_TOKEN_BEDROCK"
_BEDROCK_KEY = Variables(
    BEDROCK_KEY,
    if_changed="calls to Amazon Bedrock send that API key instead of a signature",
    is_read=True,
)

#: The identity of S3 filesystems, which fsspec reads when it is imported.
#: https://filesystem-spec.readthedocs.io/en/latest/features.html#configuration
_OF_FSSPEC = Variables(
    *("FSSPEC_S3_PROFILE", "FSSPEC_S3_KEY", "FSSPEC_S3_SECRET", "FSSPEC_S3_TOKEN"),
    if_changed=_CHILDREN,
)

_PROXIES = ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY")


def notebook_variable(name: str, shell: InteractiveShell) -> DictItem:
    """Return the `Place` for the notebook's variable that contains the session."""
    return DictItem(name, partial(getattr, shell, "user_ns"), name, owner=shell)


def places_of(session: ProfileSession, lent: Mapping[str, str | None]) -> dict[Place, object]:
    """Return the variables and settings (places) that a switch sets, with their values.

    The result doesn't include the notebook's variable for the session. ``lent`` contains the
    environment variables for child processes. Variables whose value is None are removed.
    """
    environment: dict[str, str | None] = {"AWS_DEFAULT_PROFILE": None}
    places: dict[Place, object] = {_OF_FSSPEC: {}}
    request = session.target.request
    is_limited = request.read_only or request.policy  # the API key isn't
    if is_limited or user_variable(BEDROCK_KEY) is None:
        places[_BEDROCK_KEY] = {}
    # Child processes find a store's keys in the files or the environment, because none can be lent.
    if session.target.resolves_by_name or not session.target.store:
        places[KEYS_IN_ENVIRONMENT] = {}
    for name, value in {**environment, **lent, **_direct_connection()}.items():
        users = _CHILDREN if name in _OF_CHILDREN else _SESSIONS
        if name == "AWS_DEFAULT_REGION":
            users = _DEFAULT_REGION
        variable = Variables(name, if_changed=users, is_read=name in _READ)
        places[variable] = {} if value is None else {name: value}
    places |= {DEFAULT_SESSION: session, LIBRARIES: session}
    url = session.target.endpoint("s3")
    is_set_by_user = any(map(os.environ.get, ENDPOINT_VARIABLES))
    shows_endpoint = bool(url) and not is_set_by_user
    if shows_endpoint:
        places[ENDPOINT] = url
    places |= _user_endpoints(shows_endpoint=shows_endpoint)
    for follower in followers():
        if follower.places:
            places |= follower.places(session)
    return places


#: The variables with S3's endpoint. The first variable takes precedence over the second.
ENDPOINT_VARIABLES = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")


class _EndpointVariable(Variables):
    """A variable with an endpoint. Without the variable, the profile's endpoint is used."""

    @property
    def is_used(self) -> bool:
        """Whether the variable is set."""
        return bool(self.get())


def _user_endpoints(*, shows_endpoint: bool) -> dict[Place, object]:
    """Return the `Place` objects for the user's endpoint variables, with the variables' values.

    A switch doesn't set the user's endpoint variables, but the card lists those that the user
    changes later. ``shows_endpoint`` is true if child processes get the profile's S3 endpoint.
    """
    places: dict[Place, object] = {}
    for name in (*ENDPOINT_VARIABLES, "AWS_ENDPOINT_URL_STS"):
        users = "new clients and child processes use that"
        if name == "AWS_ENDPOINT_URL" and shows_endpoint:
            users = "new clients use that, and child processes, too, but not for S3"
        variable = _EndpointVariable(name, if_changed=users, is_read=True)
        places[variable] = variable.get()
    return places


def show_endpoint_again() -> None:
    """Set the variables with the profile's S3 endpoint again if the user has removed them."""
    url = ENDPOINT.get()
    if url is not ABSENT:
        _show_endpoint(url)


def places_of_run() -> dict[Place, object]:
    """Return the places that a run over many profiles sets, with their values.

    A place is a variable or a setting.

    The run's threads share one environment. boto3 and some libraries use the session of the current
    thread. AWS refuses calls from all other libraries, because the access keys in the environment
    don't exist.
    """
    fake = "PASS-THE-SESSION-OF-THE-PROFILE"
    gone = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", BEDROCK_KEY, *LENT)
    places: dict[Place, object] = {Variables(name): {} for name in gone}
    places[KEYS_IN_ENVIRONMENT] = {"AWS_ACCESS_KEY_ID": fake, "AWS_SECRET_ACCESS_KEY": fake}
    places |= {DEFAULT_SESSION: TurnSession(), LIBRARIES: None}
    places[_SETUP] = _refuse_default_session
    for follower in followers_of_run():
        if follower.places_of_run:
            places |= follower.places_of_run()
    return places


def _direct_connection() -> dict[str, str | None]:
    """Return the variables that keep clients from sending the token to the user's HTTP proxy."""
    if not any(map(os.environ.get, _PROXIES)):
        return {}
    hosts = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    if "127.0.0.1" not in hosts:
        hosts = f"{hosts},127.0.0.1".lstrip(",")
    return {"no_proxy": hosts, "NO_PROXY": hosts}


def _show_endpoint(url: Any) -> None:
    """Set or remove the variables that give an S3 endpoint to libraries without botocore.

    Arrow reads ``AWS_ENDPOINT_URL_S3``, and object_store reads the other variables. The variables
    aren't added to `os.environ`, so botocore doesn't use them for other profiles in the kernel.

    https://docs.python.org/3/library/os.html#os.putenv
    https://arrow.apache.org/docs/cpp/env_vars.html
    https://docs.rs/object_store/latest/object_store/aws/struct.AmazonS3Builder.html
    """
    is_http = str(url).startswith("http:")
    ours = {"AWS_ENDPOINT_URL_S3": url, "AWS_ENDPOINT": url, "AWS_ALLOW_HTTP": str(is_http).lower()}
    for name, value in ours.items():
        if name in os.environ or url is not ABSENT:
            os.putenv(name, os.environ.get(name, value))
        else:
            os.unsetenv(name)


ENDPOINT = Effect("S3 endpoint", _show_endpoint)


# boto3 --------------------------------------------------------------------------------------------


DEFAULT_SESSION = DictItem(
    "boto3.DEFAULT_SESSION",
    partial(getattr, boto3, "__dict__"),
    "DEFAULT_SESSION",
    if_changed="`boto3.client(…)` uses it until the next switch",
)


_SETUP = DictItem(
    "boto3.setup_default_session", partial(getattr, boto3, "__dict__"), "setup_default_session"
)


def _refuse_default_session(**_: object) -> None:
    """Raise NotForOneProfile, because the threads of a run share boto3's default session."""
    raise default_session_replaced()


class TurnSession(StaysInProcess, boto3.Session):
    """Represents the session of the profile that the current thread runs code for.

    This class lets a function from an earlier cell use ``session`` for the current thread's
    profile.
    """

    def __init__(self) -> None:
        """Do nothing, because every attribute comes from the thread's own session."""

    def __getattribute__(self, name: str) -> Any:
        return getattr(session_here(), name)


def require_default_session() -> None:
    """Raise NotForOneProfile if a function has replaced boto3's default session during a run."""
    if type(boto3.DEFAULT_SESSION) is not TurnSession:
        raise default_session_replaced()


# Libraries ----------------------------------------------------------------------------------------


def _move_libraries(session: object) -> None:
    imported = followers()
    PROCESS.not_cleared = clear_caches(imported)
    active = session if isinstance(session, ProfileSession) else None
    for follower in imported:
        if follower.move:
            follower.move(active)


LIBRARIES = Effect("libraries", _move_libraries)
