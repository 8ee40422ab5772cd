"""The documentation's pages, whose cells run in the order of their page."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
import runpy
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from configparser import ConfigParser
from contextlib import contextmanager
from operator import itemgetter
from pathlib import Path
from secrets import token_hex
from types import SimpleNamespace
from typing import Any
from unittest.mock import AsyncMock, patch

import boto3
import nbformat
import pytest
from botocore.exceptions import ClientError
from IPython.core.interactiveshell import InteractiveShell
from IPython.display import display
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from traitlets.config import Config

from ipy_awsprofile import libraries
from ipy_awsprofile.config import organization, organization_keys
from ipy_awsprofile.config.shared import AGENT, SHARED_PROFILES, process_of
from ipy_awsprofile.demo.aws import append_section
from ipy_awsprofile.demo.iam import Signer
from ipy_awsprofile.demo.identity_center import write_private
from ipy_awsprofile.demo.stages import ROLE_ACCOUNT, USER_ACCOUNT, allow, seed_all, trusting
from ipy_awsprofile.follower import INDEX, all_followers
from matrix.uses import USES
from tests.aws import EmbeddedAws
from tests.packages import has
from tests.pages import comparable, output_of, page_cells, with_outputs
from tests.processes import posix
from tests.shells import Shell, run_notebook
from tests.test_readme import DOCS, blocks

pytestmark = posix  # the pages have commands and paths of one

#: Whether to update the pages with the outputs of this run.
UPDATE = bool(os.environ.get("UPDATE_OUTPUTS"))
HOW_TO = sorted((DOCS / "how-to").glob("*.md"))
LIBRARIES = DOCS / "reference" / "libraries.md"
UNATTENDED = DOCS / "how-to" / "unattended.md"
TUTORIALS = DOCS.parent / "notebooks"
CELLS = [file for file in sorted(DOCS.rglob("*.md")) if blocks(file.read_text(), "ipython3")]


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[EmbeddedAws]:
    """Yield the embedded AWS of `ipy-awsprofile lab`, whose files the environment names."""
    with EmbeddedAws() as aws:
        seed_all(aws)
        for name, value in aws.environment().items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
        yield aws


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Change to a folder where a page can write its files, and return it."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    logger = logging.getLogger("ipy_awsprofile")
    monkeypatch.setattr(logger, "handlers", [])
    yield folder
    # The page of errors turns on the messages of DEBUG, which would go on in other tests.
    logger.setLevel(logging.NOTSET)


def as_container(aws: EmbeddedAws) -> Iterator[None]:
    """Run the page in a container whose role can assume RoleBeta."""
    service = trusting("*")
    service["Statement"][0]["Principal"] = {"Service": "ecs-tasks.amazonaws.com"}
    task = aws.iam.create_role(
        "Task", account=USER_ACCOUNT, trust=service, policy=allow("sts:AssumeRole")
    )
    with aws.in_container(task) as environment:
        endpoint = {"AWS_ENDPOINT_URL": aws.endpoint_url}
        os.environ.update(environment | endpoint | {"AWS_REGION": "us-west-2"})
        yield


def job_variables(aws: EmbeddedAws) -> dict[str, str]:
    """Create a role that trusts a branch, and return the variables of its CI job."""
    issuer = "token.actions.githubusercontent.com"
    branch = "repo:example/reports:ref:refs/heads/main"
    provider = aws.create_oidc_provider(f"https://{issuer}", account=ROLE_ACCOUNT)
    statement = {
        "Effect": "Allow",
        "Principal": {"Federated": f"arn:aws:iam::{ROLE_ACCOUNT}:oidc-provider/{issuer}"},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {
            "StringEquals": {f"{issuer}:aud": "sts.amazonaws.com", f"{issuer}:sub": branch}
        },
    }
    trust = {"Version": "2012-10-17", "Statement": [statement]}
    role = aws.iam.create_role("Report", account=ROLE_ACCOUNT, trust=trust, policy=allow("s3:*"))
    token = provider.token(branch)
    return {
        "AWS_ENDPOINT_URL": aws.endpoint_url,
        "AWS_ROLE_ARN": role,
        "AWS_ROLE_SESSION_NAME": "report",
        "AWS_WEB_IDENTITY_TOKEN_FILE": str(write_private(aws.home / "token", token)),
        "AWS_REGION": "us-west-2",
    }


def in_the_lab(_aws: EmbeddedAws) -> Iterator[None]:
    """Run the page in `ipy-awsprofile lab`."""
    yield


def with_a_phone(aws: EmbeddedAws) -> Iterator[None]:
    """Type the codes of Auditor's device, instead of using the lab's mfa_process."""
    config = aws.config_file.read_text()
    (serial,) = set(re.findall("mfa_serial = (.*)", config))
    aws.config_file.write_text(re.sub("mfa_process = .*\n", "", config))

    def answer(question: str) -> str:
        display({"text/plain": f"{question}······"}, raw=True)
        return aws.iam.mfa_code(serial)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("getpass.getpass", answer)
        patch.setattr("ipy_awsprofile.notebook.prompts.renders_html", lambda: True)
        yield


HUB = DOCS / "how-to" / "jupyterhub.md"


def run_config(source: str) -> Config:
    """Return the settings of a configuration file."""
    config = Config()
    exec(source, {"get_config": lambda: config})
    return config


def server_variables(aws: EmbeddedAws, name: str) -> dict[str, str]:
    """Create the role from the page for a user, and return the variables of the user's server.

    The page's hooks run with the parts of JupyterHub and OAuthenticator that they use.
    """
    page = HUB.read_text()
    (condition,) = blocks(page, "json")
    provider = aws.create_oidc_provider(
        "https://login.corp.example", account=USER_ACCOUNT, audiences=("jupyterhub",)
    )
    trust = {
        "Effect": "Allow",
        "Principal": {"Federated": provider.arn},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": json.loads(condition.replace('"ann"', f'"{name}"')),
    }
    aws.iam.create_role(
        f"jupyter-{name}",
        account=USER_ACCOUNT,
        trust={"Version": "2012-10-17", "Statement": [trust]},
        policy=allow("sts:AssumeRole"),
    )
    tokens = str(aws.home / "tokens")
    hub = run_config(blocks(page, "python")[0].replace("/run/jupyterhub", tokens))
    assert hub.Authenticator.enable_auth_state
    authenticator = SimpleNamespace(
        user_auth_state_key="oauth_user",
        user_info_to_username=itemgetter("name"),
        normalize_username=str.lower,
    )

    def sign_in() -> dict[str, Any]:
        token = provider.token(name, audience="jupyterhub", jti=token_hex(8))
        state = {"oauth_user": {"name": name.title()}, "id_token": token}
        assert hub.OAuthenticator.modify_auth_state_hook(authenticator, state) == state
        return state

    state, environment = sign_in(), dict[str, str]()
    user = SimpleNamespace(name=name, get_auth_state=AsyncMock(return_value=state))
    owners: list[tuple[str, str]] = []
    with pytest.MonkeyPatch.context() as patch:  # only root can give a file away
        patch.setattr("shutil.chown", lambda path, user: owners.append((path.name, user)))
        asyncio.run(hub.Spawner.pre_spawn_hook(SimpleNamespace(user=user, environment=environment)))
        token_file = Path(environment["AWS_WEB_IDENTITY_TOKEN_FILE"])
        assert token_file.read_text() == state["id_token"]
        renewed = sign_in()["id_token"]
    assert token_file.read_text() == renewed
    assert owners == [(f"{name}.new", name)] * 2
    return environment | {"JUPYTERHUB_USER": name, "AWS_ENDPOINT_URL": aws.endpoint_url}


def on_a_hub(aws: EmbeddedAws) -> Iterator[None]:
    """Run the page as Ann, with the page's configuration of IPython."""
    os.environ.update(server_variables(aws, "ann"))
    shell = InteractiveShell.instance()
    shell.config.merge(run_config(blocks(HUB.read_text(), "python")[1]))
    yield


STORES = DOCS / "how-to" / "keys.md"
SHARE = DOCS / "how-to" / "share.md"
#: A program that accepts only a tool's options, and prints what the tool prints.
STAND_IN = """\
#!{python}
import argparse

parser = argparse.ArgumentParser()
for name, choices in {options}.items():
    parser.add_argument(name, choices=choices)
parser.parse_args()
print({printed!r})
"""


def with_stores(aws: EmbeddedAws) -> Iterator[None]:
    """Install programs with the names, options and output of the tools on the page."""
    user = aws.iam.create_user("Ann", account=USER_ACCOUNT, policy=allow("s3:*"))
    keys = {"AccessKeyId": user.access_key_id, "SecretAccessKey": user.secret_access_key}
    process: dict[str, list[str] | None] = {"command": ["credential-process"]}
    tools: dict[str, tuple[dict[str, list[str] | None], str]] = {
        "aws-vault": (
            {"command": ["export"], "--format": ["json"], "profile": ["ann-vault"]},
            printed(aws.iam.create_session(user, 3600), indent=2),
        ),
        "granted": (process | {"--profile": ["ann-granted"]}, json.dumps({"Version": 1} | keys)),
    }
    folder = aws.home / "bin"
    folder.mkdir()
    for name, (options, text) in tools.items():
        program = folder / name
        program.write_text(STAND_IN.format(python=sys.executable, options=options, printed=text))
        program.chmod(0o700)
    os.environ["PATH"] = f"{folder}{os.pathsep}{os.environ['PATH']}"
    os.environ["AWS_ENDPOINT_URL"] = aws.endpoint_url
    yield


def printed(session: Signer, indent: int | None = None) -> str:
    """Return a session as a credential_process prints it."""
    assert session.expiration
    keys = {
        "Version": 1,
        "AccessKeyId": session.access_key_id,
        "SecretAccessKey": session.secret_access_key,
        "SessionToken": session.session_token,
        "Expiration": f"{session.expiration:%Y-%m-%dT%H:%M:%SZ}",
    }
    return json.dumps(keys, indent=indent)


def with_a_person(aws: EmbeddedAws) -> Iterator[None]:
    """Answer the question about a window."""
    with (
        patch("getpass.getpass", lambda _question: ""),
        patch("builtins.input", lambda _question: "yes"),
    ):
        yield


ORGANIZATION = DOCS / "how-to" / "organization.md"


def with_a_policy(aws: EmbeddedAws) -> Iterator[None]:
    """Install the policy of the page, as the administrator of the machine does."""
    text = blocks(ORGANIZATION.read_text(), "toml")[0]
    path = Path("/etc/ipy_awsprofile/policy.toml")
    with (
        patch.object(organization, "policy_files", lambda: [path]),
        patch.object(organization, "version_of", lambda _path: (0, 0, 0)),
        patch.object(organization, "read_file", lambda _path: text.encode()),
        patch.object(organization.PolicyFile, "is_changeable", False),
        patch.object(organization_keys, "os_user", lambda: "ann"),
        patch.object(organization.OrganizationPolicy, "audits", (aws.home / "ann.jsonl",)),
    ):
        yield


#: The environment that a page describes, if it isn't the lab.
PLACES: dict[str, Callable[[EmbeddedAws], Iterator[None]]] = {
    "on-aws": as_container,
    HUB.stem: on_a_hub,
    "agent-writes": with_a_person,
    ORGANIZATION.stem: with_a_policy,
    "mfa": with_a_phone,
    STORES.stem: with_stores,
}


@pytest.mark.parametrize("page", CELLS, ids=lambda page: page.stem)
@pytest.mark.usefixtures("work")
def test_cells(aws: EmbeddedAws, bare_shell: Shell, page: Path) -> None:
    """Each cell of a page succeeds, in order, and has the output that the page shows.

    No cell signs with a previous identity. With UPDATE_OUTPUTS, the page gets the outputs of this
    run.
    """
    if "import duckdb" in page.read_text() and not has("duckdb"):
        pytest.skip("needs duckdb")
    with contextmanager(PLACES.get(page.stem, in_the_lab))(aws):
        if page.stem != "troubleshooting":  # it shows a magic that isn't loaded
            bare_shell.good("%load_ext ipy_awsprofile\n%config AwsProfileMagics.stale = 'refuse'")
        follow(page, aws, bare_shell)
        bare_shell.good("%unload_ext ipy_awsprofile")


def follow(page: Path, aws: EmbeddedAws, shell: Shell) -> None:
    """Follow a page in order: write the config file, run the cells, and compare the outputs."""
    text, outputs = page.read_text(), []
    for cell in page_cells(text):
        if cell.language == "ini":
            add_sections(aws.config_file, cell.source)
            outputs.append("")
            continue
        ran = shell.run(cell.source)
        outputs.append(output_of(ran, aws.home))
        # If a cell must fail, the page shows its error. An empty block can become anything.
        if not (UPDATE and cell.shown == ""):
            error = comparable(f"{type(ran.error).__name__}: {ran.error}")
            name = error.partition(":")[0]
            named = re.search(rf"^{name}:", comparable(cell.shown or ""), re.M)
            assert (ran.error is not None) == bool(named), ran.printed
        if cell.shown is not None and not UPDATE:
            assert comparable(outputs[-1]) == comparable(cell.shown)
    if UPDATE:
        page.write_text(with_outputs(text, outputs))


def add_sections(config: Path, text: str) -> None:
    """Add the sections on a page to the config file, unless it already has them."""
    shown, written = ConfigParser(interpolation=None), ConfigParser(interpolation=None)
    shown.read_string(text)
    written.read(config)
    config.touch(mode=0o600)
    for name in shown.sections():
        if name not in written:
            append_section(config, name, dict(shown[name]))


def test_pages_show_what_happens() -> None:
    """Every how-to page, and the pages for beginners, show the output of a cell."""
    assert DOCS / "start.md" in CELLS
    for page in HOW_TO:
        assert any(cell.shown for cell in page_cells(page.read_text())), page


def test_pages_say_what_they_need() -> None:
    """A how-to page that needs more than `ipy-awsprofile lab` says what it needs."""
    libraries = r"\b(polars|duckdb|awswrangler|papermill)\b"
    for page in HOW_TO:
        text = page.read_text()
        cells = "".join(cell.source for cell in page_cells(text))
        if page.stem in PLACES or re.search(libraries, cells + "".join(blocks(text, "console"))):
            assert re.search(r"\*\*(You need|needs)\*\*", text), page


def test_papermill(aws: EmbeddedAws, work: Path) -> None:
    """The page's notebook runs for the profile in a papermill command, or papermill fails."""
    page = UNATTENDED.read_text()
    cells = [nbformat.v4.new_code_cell(cell.source) for cell in page_cells(page)[:3]]
    cells[0].metadata["tags"] = ["parameters"]
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=metadata), work / "report.ipynb")
    _, command = [shlex.split(line[2:]) for line in "".join(blocks(page, "console")).splitlines()]
    good, bad = (
        subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        for arguments in (command, [*command[:2], "failed.ipynb", "-p", "profile", "Nobody"])
    )
    assert "There is no profile `Nobody`" in bad.communicate(timeout=120)[1]
    assert bad.returncode != 0
    assert good.wait(timeout=120) == 0
    assert outputs_of(work / "atlas.ipynb")[-1] == "'400000000000'"


def outputs_of(notebook: Path) -> list[str]:
    """Return the texts of a notebook's results."""
    outputs = [
        output for cell in nbformat.read(notebook, 4).cells for output in cell.get("outputs", [])
    ]
    return [
        output["data"]["text/plain"] for output in outputs if output.output_type == "execute_result"
    ]


@pytest.mark.parametrize("variables", ["token", "keys"])
def test_ci(aws: EmbeddedAws, bare_shell: Shell, variables: str) -> None:
    """The page's line works with a token, as in GitLab, and with the keys of AWS's action."""
    job = job_variables(aws)
    if variables == "keys":
        sts = boto3.client("sts", region_name="us-west-2", endpoint_url=aws.endpoint_url)
        keys = sts.assume_role_with_web_identity(
            RoleArn=job.pop("AWS_ROLE_ARN"),
            RoleSessionName="GitHubActions",
            WebIdentityToken=Path(job.pop("AWS_WEB_IDENTITY_TOKEN_FILE")).read_text(),
        )["Credentials"]
        job["AWS_ACCESS_KEY_ID"] = keys["AccessKeyId"]
        job["AWS_SECRET_ACCESS_KEY"] = keys["SecretAccessKey"]
        job["AWS_SESSION_TOKEN"] = keys["SessionToken"]
    os.environ.update(job)
    line = blocks(UNATTENDED.read_text(), "text")[-1]
    bare_shell.good("%load_ext ipy_awsprofile")
    assert "assumed-role/Report/" in bare_shell.good(line).text
    listed = "[one['Name'] for one in session.client('s3').list_buckets()['Buckets']]"
    assert len(bare_shell.good(listed).result) == 3
    wrong = line.replace(ROLE_ACCOUNT, USER_ACCOUNT)
    assert type(bare_shell.run(wrong).error).__name__ == "UnexpectedAccount"


def test_two_users_of_jupyterhub(aws: EmbeddedAws, tmp_path: Path) -> None:
    """With the page's configuration, each user's notebook gets the user's role and session name."""
    page = HUB.read_text()
    profile = tmp_path / "ipython" / "profile_default"
    profile.mkdir(parents=True)
    (profile / "ipython_config.py").write_text(blocks(page, "python")[1])
    cells = [cell.source for cell in page_cells(page)]
    assert not any("%load_ext" in cell for cell in cells)  # the configuration loads the extension
    cells.insert(2, "len(session.client('s3').list_buckets()['Buckets'])")
    protected = f"%aws_profile --role-arn arn:aws:iam::{ROLE_ACCOUNT}:role/prod-admin"
    cells += [protected, f"{protected} --yes", "%config AwsProfileMagics.session_name"]
    for name in ("ann", "ben"):
        variables = server_variables(aws, name) | {"IPYTHONDIR": str(tmp_path / "ipython")}
        token = Path(variables["AWS_WEB_IDENTITY_TOKEN_FILE"])
        assert token.stat().st_mode & 0o777 == 0o600
        ran, _ = run_notebook(*cells, environment=variables)
        own, assumed, listed, refused, limited, session_name = ran
        assert f":assumed-role/jupyter-{name}/{name}\n" in own.text
        assert f":assumed-role/RoleBeta/{name}\n" in assumed.text
        assert listed.text == "3"
        assert refused.error.ename == "ProtectedProfile"
        assert "read-only" in limited.text
        assert session_name.text == f"'{name}'"
    shown = re.findall(r"`(arn:aws:sts:\S+)`", page)
    assert len(shown) == 2
    signers = {call.arn for call in aws.calls}
    assert {arn.replace("ann", name) for arn in shown for name in ("ann", "ben")} <= signers
    sts = boto3.client("sts", region_name="us-west-2", endpoint_url=aws.endpoint_url)
    for role, chosen in (("ann", "ann"), ("ann", "ben"), ("ben", "ann")):
        with pytest.raises(ClientError, match="AccessDenied"):
            sts.assume_role_with_web_identity(
                RoleArn=f"arn:aws:iam::{USER_ACCOUNT}:role/jupyter-{role}",
                RoleSessionName=chosen,
                WebIdentityToken=token.read_text(),
            )


def test_pasted_keys_are_found(work: Path) -> None:
    """The command for pasted keys finds notebooks that contain a key, even checkpoints."""
    page = STORES.read_text()
    (pasted,) = blocks(page, "python")
    for name, cell in {"a": pasted, "b": "boto3.Session()", ".ipynb_checkpoints/c": pasted}.items():
        (work / name).parent.mkdir(exist_ok=True)
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell)])
        nbformat.write(notebook, work / f"{name}.ipynb")
    find = blocks(page, "console")[0].removeprefix("$ ")
    listed = subprocess.run(find, shell=True, capture_output=True, text=True, check=True).stdout
    assert sorted(listed.split()) == ["./.ipynb_checkpoints/c.ipynb", "./a.ipynb"]


def test_config_files(aws: EmbeddedAws) -> None:
    """The lab's config file has the sections on its pages, with the same settings."""
    stage = ConfigParser(interpolation=None)
    stage.read(aws.config_file)
    shown = ConfigParser()
    for page in set(HOW_TO) - {STORES, SHARE}:
        for block in blocks(page.read_text(), "ini"):
            shown.read_string(block)
    assert shown.sections()
    for name in shown.sections():
        expected = {key: value for key, value in shown[name].items() if key != "sso_start_url"}
        assert expected.items() <= stage[name].items()


def test_shared_profiles() -> None:
    """The page shows the profiles that `--share` adds."""
    (shown,) = blocks(SHARE.read_text(), "ini")
    for name in SHARED_PROFILES:
        process = process_of(name).replace(sys.executable, "/path/to/python")
        section = f"[profile {name}]\ncredential_process = {process}\nregion = us-west-2\n"
        assert section in f"{shown}\n"


def test_mcp_settings() -> None:
    """The settings of an MCP server have Jupyter AI's fields, and name the proxy's profile."""
    (settings,) = map(json.loads, blocks(SHARE.read_text(), "json"))
    (server,) = settings["mcp_servers"]
    assert server.keys() == {"name", "command", "args"}
    proxy, endpoint, *options = server["args"]
    assert proxy.startswith("mcp-proxy-for-aws-cli@")
    assert endpoint.startswith("https://")
    assert options == ["--profile", AGENT]


def test_picture_of_the_picker() -> None:
    """In the documentation, a tutorial shows a picture of the picker instead of an empty output."""
    tutorial = (TUTORIALS / "01-from-profile-to-buckets.ipynb").read_text()
    page = json.loads(runpy.run_path(str(DOCS / "conf.py"))["with_picture"](tutorial))
    outputs = [output for cell in page["cells"] for output in cell.get("outputs", [])]
    kinds = {kind for output in outputs for kind in output.get("data", {})}
    assert "image/png" in kinds
    assert not any("widget" in kind for kind in kinds)


def test_libraries_of_the_matrix() -> None:
    """The page of supported libraries has the libraries of `make libraries` in bold."""
    page = LIBRARIES.read_text()
    (table,) = re.findall(r"## What follows automatically(.+?)\n## ", page, re.DOTALL)
    (clusters,) = re.findall(r"- \*\*Worker processes\*\*(.+)", page)
    assert set(re.findall(r"\*\*(.+?)\*\*", table + clusters)) == {
        use.name.partition(" ")[0] for use in USES.values()
    }


def test_requirements_of_the_matrix() -> None:
    """`make libraries` installs each library that it runs."""
    lines = (DOCS.parent / "matrix" / "requirements.txt").read_text().splitlines()
    installed = {canonicalize_name(Requirement(line).name) for line in lines}
    used = {canonicalize_name(use.distribution) for use in USES.values()}
    assert used - installed == {"boto3", "botocore"}  # the package's own


def test_libraries_with_a_record() -> None:
    """The page of supported libraries names each library that has a record."""
    page = LIBRARIES.read_text().casefold()
    packages = {package.replace("_", "-") for package in INDEX}
    # One that Dask uses, and a part of Python.
    unnamed = {"distributed", "concurrent.futures.process"}
    assert {package for package in packages if package not in page} == unnamed


def test_libraries_with_open_objects() -> None:
    """The page of supported libraries names those whose open objects the card lists."""
    page = LIBRARIES.read_text()
    (listed,) = re.findall(r"lists variables with objects from (.+?)\. ", page, re.DOTALL)
    names = set(re.findall(r"\w+", re.sub(r"\(.+?\)|\bor\b", "", listed.casefold())))
    with_handles = {each.package for each in all_followers() if each.handles}
    assert names == with_handles - {"ipyparallel"}  # the next item has it


def test_functions_for_libraries() -> None:
    """The page of supported libraries has each function of `libraries`."""
    (table,) = re.findall(r"## What needs a call(.+?)\n## ", LIBRARIES.read_text(), re.DOTALL)
    assert set(re.findall(r"\| `(?:libraries\.)?(\w+)\(", table)) == set(libraries.__all__)
    assert all(callable(getattr(libraries, name)) for name in libraries.__all__)
