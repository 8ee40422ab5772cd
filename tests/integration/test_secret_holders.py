"""No object reveals its secrets if it is shown, copied, inspected, pickled or stored."""

from __future__ import annotations

import copy
import gc
import os
import pickle
import pprint
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import botocore.session
import cloudpickle
import pytest
from botocore.credentials import Credentials

from ipy_awsprofile import (
    libraries,
    list_assigned_roles,
    list_profiles,
    open_session,
    scoped,
    who_am_i,
)
from ipy_awsprofile.config.request import SessionRequest
from ipy_awsprofile.config.target import sign_in_target, target_of
from ipy_awsprofile.kernel.lending import Lending
from ipy_awsprofile.sessions.portable import portable, session_token, short_lived
from ipy_awsprofile.sessions.sign_in import Callback, begin_sign_in
from tests.identity_center import organisation
from tests.local_browser import Browser, browser

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws
    from ipy_awsprofile.demo.stages.scenario import Scenario
    from tests.shells import Shell

__all__ = ["browser"]

#: Ways to convert an object to a text.
WAYS: dict[str, Callable[[Any], str]] = {
    "repr": repr,
    "str": str,
    "format": lambda one: f"{[one]} {one!r:.2000}",
    "pprint": pprint.pformat,
    "vars": lambda one: repr(vars(one)),
    "asdict": lambda one: repr(asdict(one)),
    "copy": lambda one: repr(copy.copy(one)),
    "deepcopy": lambda one: repr(copy.deepcopy(one)),
    "pickle": lambda one: pickle.dumps(one).decode("latin-1"),
    "cloudpickle": lambda one: cloudpickle.dumps(one).decode("latin-1"),
}

#: Classes that workers unpickle, so that the pickle contains short-lived credentials.
FOR_WORKERS = {"PortableSession", "SecretOptions"}

#: The maximum number of objects of a class that the test inspects.
MOST = 20


@dataclass
class Held:
    """Live objects of every kind, and the secrets in them."""

    objects: list[Any]
    long_term: set[str]
    others: set[str]


@pytest.fixture
def held(aws: EmbeddedAws, shell: Shell, scenario: Scenario, browser: Browser) -> Iterator[Held]:
    """Create every kind of object that holds a secret, from sessions to sign-ins."""
    browser.answer = None
    aws.signin.codes.user = scenario.user
    organisation(aws)
    aws.sso.sign_in("corp")
    aws.write_profile("Login", login_session=scenario.user.arn, region="us-west-2")
    shell.good("%aws_profile RoleBeta")
    user, role, assigned = map(open_session, ("UserAlpha", "RoleBeta", "prod-reader"))
    login = target_of(SessionRequest(profile="Login"))
    with scoped(assigned, seconds=600) as limited:
        pass
    pages = [begin_sign_in(sign_in_target("corp")), begin_sign_in(login)]
    objects = [
        *(user, role, assigned, limited, open_session("prod-reader", read_only=True), *pages),
        begin_sign_in(sign_in_target("corp"), device_code=True),
        begin_sign_in(login, device_code=True),
        *(short_lived(role), session_token(user), portable(role)),
        *(libraries.dask_storage_options(role), libraries.polars_options(role)),
        *(libraries.spark_options(role), list_profiles(), list_assigned_roles(), who_am_i(role)),
    ]
    long_term = {scenario.user.access_key_id, scenario.user.secret_access_key}
    token = Path(os.environ["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"]).read_text()
    verifiers = {one.verifier for one in gc.get_objects() if type(one) is Callback}
    assert len(verifiers) >= len(pages)
    secrets = {token, *verifiers, *aws.secrets()}
    yield Held(objects, long_term, secrets - long_term)
    for page in pages:
        page.close()


def is_ours(one: object) -> bool:
    """Return whether an object's class is from the package, but not from the embedded AWS."""
    module = str(type(one).__module__)
    return module.startswith("ipy_awsprofile.") and not module.startswith("ipy_awsprofile.demo")


def text_of(one: object, way: str) -> str:
    """Return an object as a text, or an empty text if that fails."""
    try:
        return WAYS[way](one)
    except Exception:  # noqa: BLE001  # such as the errors of widgets
        return ""


@pytest.mark.slow
def test_every_object(held: Held) -> None:
    """Each live object of our classes hides its secrets, however it is converted to a text."""
    gc.collect()
    by_class: dict[type, list[object]] = {}
    for one in filter(is_ours, gc.get_objects()):
        by_class.setdefault(type(one), []).append(one)
    assert len(by_class) > 60
    secrets = held.long_term | held.others
    given_away = set()
    for kind, objects in by_class.items():
        # botocore's own sessions and credentials have attributes that contain keys, and the server
        # that lends sessions has their tokens.
        has_keys = issubclass(kind, botocore.session.Session | Credentials | Lending)
        for way in WAYS:
            may_travel = "pickle" in way and kind.__name__ in FOR_WORKERS
            hidden = held.long_term if may_travel else secrets
            for one in islice(objects, 0 if has_keys and way == "vars" else MOST):
                text = text_of(one, way)
                if any(secret in text for secret in hidden):
                    given_away.add((kind.__name__, way))
    assert given_away == set()


def test_what_workers_get(held: Held, scenario: Scenario) -> None:
    """A worker's pickled session contains its credentials, so the search above can find secrets."""
    (record,) = (one for one in held.objects if type(one).__name__ == "PortableSession")
    text = pickle.dumps(record).decode("latin-1")
    assert any(secret in text for secret in held.others)
    assert pickle.loads(pickle.dumps(record)) == record


def test_magics(held: Held, shell: Shell, tmp_path: Path) -> None:
    """IPython shows and stores variables without their secrets."""
    secrets = held.long_term | held.others
    names = [f"variable_{number}" for number in range(len(held.objects))]
    shell.names.update(zip(names, held.objects, strict=True))
    cells = [f"{name}{mark}" for name in names for mark in ("", "?", "??")]
    cells += [f"%store {name}" for name in names]
    cells += ["%whos", "%who_ls", "%store", f"%store names >> {tmp_path / 'names'}"]
    for cell in cells:
        ran = shell.run(cell)
        shown = f"{ran.printed}{ran.displayed}{ran.result!r}{ran.error!r}"
        assert not [secret[:4] for secret in secrets if secret in shown], cell
    files = [file for file in Path(shell.ip.profile_dir.location).rglob("*") if file.is_file()]
    assert files
    for file in files:
        content = file.read_bytes().decode("latin-1")
        assert not [secret[:4] for secret in secrets if secret in content], file
