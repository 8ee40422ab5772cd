"""Describe how a switch updates fsspec and s3fs, and create storage options for a session."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from importlib import import_module
from threading import local
from types import ModuleType
from typing import TYPE_CHECKING, Any

from botocore.session import get_session

from ipy_awsprofile.config.python_interface import checks_arguments
from ipy_awsprofile.config.request import python_arguments
from ipy_awsprofile.errors import CredentialsUnavailable
from ipy_awsprofile.follower import Cache, Follower, Leftover, Notebook
from ipy_awsprofile.gate import PROCESS, session_here
from ipy_awsprofile.kernel.arguments import SecretOptions, s3_location
from ipy_awsprofile.kernel.watch import subclasses_of
from ipy_awsprofile.label import ActiveProfile, label_of
from ipy_awsprofile.place import ABSENT, DictItem, Place
from ipy_awsprofile.sessions.issuing import issue_keys
from ipy_awsprofile.sessions.session import ProfileSession, check_session, names_of_chain
from ipy_awsprofile.text import chain_line

if TYPE_CHECKING:
    import boto3


@checks_arguments
def storage_options(session: boto3.Session | None = None) -> dict[str, object]:
    """Return the ``storage_options=`` that pandas, Dask and fsspec need to open ``s3://`` paths.

    The options name a profile, so they don't contain secrets, and files opened with the options
    renew their session. If you don't pass a session, the options name the profile that the kernel's
    child processes use. Options for the active identity, with or without a session, are valid while
    this identity stays active. In a function that `across_profiles` calls, the options name the
    profile that the function is called for.

    Raise `CredentialsUnavailable` if the profile's name alone isn't enough to open the session
    again.

    https://s3fs.readthedocs.io/en/latest/#credentials
    """
    if session is None:
        session = session_here()
    if session is None:
        active = PROCESS.active
        if "AWS_PROFILE" not in os.environ or active is None:
            raise CredentialsUnavailable(
                "There is no active profile that child processes can use.",
                "Run `%aws_profile NAME`, or pass the session: `storage_options(session)`.",
            )
        return {"profile": ActiveProfile(os.environ["AWS_PROFILE"], active)}
    if not isinstance(session, ProfileSession) or not session.target.resolves_by_name:
        raise _needs_more_than_name(session)
    check_session(session)
    name = session.target.name
    label = label_of(session.get_credentials())
    if label and label == PROCESS.active and not label.is_chosen:
        name = ActiveProfile(name, label)
    options: dict[str, object] = {"profile": name}
    if session.region_name:  # otherwise, the kernel would use the active profile's Region
        options["client_kwargs"] = {"region_name": session.region_name}
    return options


def _needs_more_than_name(session: boto3.Session) -> CredentialsUnavailable:
    """Return the error for a session that a profile's name alone can't open again."""
    name = chain_line(names_of_chain(session)) or "a session of another library"
    credentials = session.get_credentials()
    label = label_of(credentials)
    if label and label.limits:
        name += f", {label.limits}"
    statements = [each.statement for each in PROCESS.scopes if each.credentials is credentials]
    if label and label == PROCESS.active:
        hint = "Use `storage_options()` without a session, which names the active profile."
    elif isinstance(session, ProfileSession):
        arguments = python_arguments(session.target.request)
        hint = _use_block(f"with using_profile({arguments}):")
    elif any(statements):
        hint = _use_block(statements[-1])
    else:
        hint = (
            "pandas, Dask and fsspec can't use this session. Open files with its clients instead."
        )
    problem = f"The name of a profile isn't enough to open this session again: {name}."
    return CredentialsUnavailable(problem, hint)


def _use_block(statement: str) -> str:
    return f"Write `{statement}`, and leave out `storage_options=` in the block."


def s3fs_options(session: boto3.Session) -> SecretOptions:
    """Return arguments for `S3FileSystem` that contain the session's short-lived credentials.

    https://s3fs.readthedocs.io/en/latest/#credentials
    """
    keys = issue_keys(session)
    region, endpoint = s3_location(session)
    options = SecretOptions(
        key=keys.access_key,
        secret=keys.secret_key,
        token=keys.token,
        client_kwargs={"region_name": region},
    )
    if endpoint:
        options["endpoint_url"] = endpoint
    return options


# Filesystems that an earlier identity has opened --------------------------------------------------


def _clear_filesystems(module: ModuleType) -> None:
    for filesystem in subclasses_of(module.AbstractFileSystem):
        filesystem.clear_instance_cache()


# The default arguments in a run -------------------------------------------------------------------


def _default_arguments() -> dict[str, Any]:
    config: dict[str, Any] = import_module("fsspec.config").conf
    return config


#: Arguments of S3 filesystems that determine their identity.
_IDENTITY = {"profile", "key", "secret", "token", "anon", "session", "username", "password"}


class _DefaultArguments(DictItem):
    """fsspec's default arguments of S3 filesystems."""

    @property
    def is_used(self) -> bool:
        """Whether the arguments determine an identity."""
        arguments = self.get()
        return isinstance(arguments, dict) and not _IDENTITY.isdisjoint(arguments)


_S3FS = _DefaultArguments(
    "fsspec.config.conf['s3']", _default_arguments, "s3", if_changed="`s3://` paths use that"
)


def _places_of_switch(_session: object) -> Mapping[Place, object]:
    """Return the default arguments without an identity, which fsspec would prefer to a switch."""
    arguments = _S3FS.get()
    if isinstance(arguments, dict):
        return {_S3FS: {name: arguments[name] for name in arguments.keys() - _IDENTITY}}
    return {_S3FS: ABSENT}


def _places_of_run() -> Mapping[Place, object]:
    return {_S3FS: _ArgumentsOfTurn(_default_arguments().get("s3") or {})}


class _ArgumentsOfTurn:
    """Default arguments of S3 filesystems for the profile that the current thread works for.

    fsspec updates a dict with this object. The update first calls `keys`, which fetches all
    arguments at once, because a renewal between two arguments would mix two sets of credentials.
    """

    def __init__(self, of_notebook: Mapping[str, object]) -> None:
        self._kept = {name: of_notebook[name] for name in of_notebook.keys() - _IDENTITY}
        self._fetched = local()

    def keys(self) -> Iterable[str]:
        """Fetch the arguments for this thread, and return their names."""
        options = dict(self._kept)
        session = session_here()
        if isinstance(session, ProfileSession) and session.target.store:
            options["profile"] = session.target.name
            options["client_kwargs"] = {"region_name": session.region_name}
        elif session:
            options |= s3fs_options(session)
        self._fetched.options = options
        return options.keys()

    def __getitem__(self, name: str) -> object:
        return self._fetched.options[name]


# Options that an earlier identity has returned ----------------------------------------------------


def _about_options(notebook: Notebook) -> Iterator[Leftover]:
    """Yield a line about each variable with options that name the former active profile."""
    for name, value in notebook.variables.items():
        profile = value.get("profile") if type(value) is dict else None
        if isinstance(profile, ActiveProfile) and profile.label != notebook.active:
            code = f"run `{name} = storage_options()`"
            if notebook.active is None:
                code = "leave out `storage_options=`"
            says = f"makes libraries sign as {profile.label.name}"
            if profile not in get_session().available_profiles:  # a limited session's own name
                says = f"names the profile of {profile.label.name}, which libraries can't find now"
            yield Leftover(name, f"{says}: {code}")


FOLLOWERS = (
    Follower(
        package="fsspec",
        why="fsspec reuses a filesystem if the arguments are equal, even for another identity.",
        tried="fsspec 2026.9",
        caches=(Cache("fsspec.spec", _clear_filesystems),),
        about=_about_options,
        places=_places_of_switch,
    ),
    Follower(
        package="s3fs",
        why="A filesystem has its own client, which ignores the current thread's profile.",
        tried="s3fs 2026.9",
        places_of_run=_places_of_run,
        credentials=("_s3._request_signer._credentials",),
    ),
    Follower(
        package="aiobotocore",
        why="aiobotocore's clients and sessions keep their credentials, as in botocore.",
        tried="aiobotocore 3.10",
        credentials=("_request_signer._credentials", "_credentials"),
    ),
)
