"""What travels to a worker: a session as short-lived credentials and settings, and a function.

Roles are assumed in the kernel. A worker, which may be another machine, needs no config file, and
gets no long-term key.
"""

from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any

import botocore.session
from botocore.configprovider import ConstantProvider

from ipy_awsprofile.calls import Answer, Function, answer_of, problem_of
from ipy_awsprofile.errors import InvalidOption
from ipy_awsprofile.event_hooks import built_in_hooks
from ipy_awsprofile.service_data import SessionLoader
from ipy_awsprofile.sessions import NamedSession, ProfileSession, session_token, short_lived
from ipy_awsprofile.shared_files import read_shared_files
from ipy_awsprofile.sources import patience

if TYPE_CHECKING:
    from concurrent.futures import Executor
    from datetime import datetime


@dataclass(frozen=True, slots=True, repr=False)
class PortableSession:
    """All that a session is made of elsewhere. Its repr and its text have no secret.

    ``settings`` are what the profile says about its clients, ``services`` the [services] section
    that it names. ``expiry`` (UTC) is when the credentials end; nobody renews them there.
    """

    chain: tuple[str, ...]
    region: str | None
    settings: dict[str, Any]
    services: dict[str, Any]
    expiry: datetime | None
    access_key: str
    secret_key: str
    token: str

    def __repr__(self) -> str:
        return f"<portable session of {' ← '.join(self.chain)}>"

    def full_config(self) -> dict[str, Any]:
        """Give what the kernel's files said, in the form of botocore's ``Session.full_config``."""
        return {"profiles": {self.chain[0]: self.settings}, "services": self.services}

    def open(self) -> NamedSession:
        """Make a boto3 session of it, for which no file is read."""
        return NamedSession(_WorkerCore(self), self.chain)


def portable(session: ProfileSession) -> PortableSession:
    """Take a session along as it is now. For long-term keys, STS gives short-lived credentials.

    Those of GetSessionToken can't call IAM, nor STS but for AssumeRole and GetCallerIdentity.
    Raises a child of `AwsProfileError`.

    https://docs.aws.amazon.com/STS/latest/APIReference/API_GetSessionToken.html
    """
    has_token = bool(session.get_credentials().get_frozen_credentials().token)  # type: ignore[union-attr]
    keys, expiry = short_lived(session) if has_token else session_token(session)
    settings = session.target.client_settings()
    named = str(settings.get("services", ""))
    section = read_shared_files(session.target.files).services.get(named)
    return PortableSession(
        chain=session.chain,
        region=session.region_name,
        settings=settings,
        services={named: dict(section)} if section else {},
        expiry=expiry,
        access_key=str(keys.access_key),
        secret_key=str(keys.secret_key),
        token=str(keys.token),
    )


class _WorkerCore(botocore.session.Session):
    """A botocore session whose config has come along; the worker's own files don't count."""

    def __init__(self, portable: PortableSession) -> None:
        self._brought = portable.full_config()
        super().__init__(
            profile=portable.chain[0], event_hooks=built_in_hooks(), include_builtin_handlers=False
        )
        config_store = self.get_component("config_store")
        config_store.set_config_provider("region", ConstantProvider(portable.region))
        self.lazy_register_component(
            "data_loader", lambda: SessionLoader(self.get_config_variable("data_path"))
        )
        self.set_credentials(portable.access_key, portable.secret_key, portable.token)
        if config := patience(portable.settings):
            self.set_default_client_config(config)

    @property
    def full_config(self) -> dict[str, Any]:
        """What the files said in the kernel."""
        return self._brought


class PortableFunction:
    """A function that is pickled by value where it is from a notebook, if cloudpickle is there.

    Raises InvalidOption if it can't travel to this executor.
    """

    def __init__(self, function: Function, executor: Executor) -> None:
        self._function: Function | None = function
        self._pickled = b"" if type(executor) is ThreadPoolExecutor else _pickled(function)

    def __getstate__(self) -> bytes:
        return self._pickled

    def __setstate__(self, pickled: bytes) -> None:
        self._function, self._pickled = None, pickled

    def __call__(self, session: Any) -> Any:
        """Call the function; unpickled only now, so that what is wrong with that can be told."""
        if self._function is None:
            self._function = pickle.loads(self._pickled)  # noqa: S301  # the kernel has sent it
        return self._function(session)


def work(session: PortableSession, function: PortableFunction) -> Answer:
    """Call the function with the session; this is what an executor is given to do."""
    try:
        opened = session.open()
    except Exception as error:  # noqa: BLE001
        return Answer(problem=problem_of(error, (session.secret_key, session.token)))
    return answer_of(function, opened)


def _pickled(function: Function) -> bytes:
    pickler = _pickler(function)
    try:
        pickled: bytes = pickler.dumps(function)
    except Exception as error:
        raise InvalidOption(
            f"The function can't be sent to a worker: {problem_of(error).message}",
            "It takes along the variables that it uses. Leave sessions and clients out: the "
            "function gets a session of its own.",
        ) from error
    return pickled


def _pickler(function: Function) -> ModuleType:
    try:
        import cloudpickle
    except ImportError:
        if getattr(function, "__module__", "__main__") == "__main__":
            raise InvalidOption(
                "A function of the notebook needs cloudpickle to be sent to a worker.",
                "Run `%pip install cloudpickle`, or import the function from a module that the "
                "workers have.",
            ) from None
        return pickle
    module: ModuleType = cloudpickle
    return module
