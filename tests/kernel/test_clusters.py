"""The identity that signs on the machines of a Dask cluster, and the card's lines about it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace

import pytest

from ipy_awsprofile.demo.stages import ROLE_ACCOUNT, allow
from ipy_awsprofile.errors import CredentialsUnavailable, InvalidOption
from ipy_awsprofile.kernel import workers
from tests.aws import EmbeddedAws
from tests.kernel.conftest import BUCKET
from tests.kernel.test_card import card_of
from tests.roles import roles_in_s3
from tests.shells import Shell

pytest.importorskip("distributed")

#: A command of Dask on a machine that doesn't have this package.
COMMAND = """
import sys
sys.modules["ipy_awsprofile"] = None
from distributed.cli.dask_{} import main
main()
"""

#: Functions that use AWS in a worker, and a function that calls them in every worker.
FUNCTIONS = f"""
from distributed import Client
from ipy_awsprofile import libraries

def read():
    import boto3
    boto3.client("s3", region_name="us-west-2").head_bucket(Bucket="{BUCKET}")

def read_with_polars():
    import polars
    polars.read_parquet("s3://{BUCKET}/cities.parquet")

def write():
    import boto3
    boto3.client("s3", region_name="us-west-2").put_object(Bucket="{BUCKET}", Key="new")

def read_later():
    import time
    time.sleep(2)
    read()

def everywhere(function):
    addresses = client.scheduler_info(n_workers=-1)["workers"]
    return [client.submit(function, workers=[each], pure=False).result() for each in addresses]
"""


class Cluster:
    """A scheduler and workers, as on machines with separate homes and the role ClusterRole."""

    def __init__(self, aws: EmbeddedAws, home: Path) -> None:
        self._processes = ExitStack()
        self._home = home
        home.mkdir()
        principal = {"Service": "ec2.amazonaws.com"}
        statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal}
        role = aws.iam.create_role(
            "ClusterRole",
            account=ROLE_ACCOUNT,
            trust={"Version": "2012-10-17", "Statement": [statement]},
            policy=allow("*"),
        )
        machine = self._processes.enter_context(aws.on_instance(role))
        foreign = {name: os.environ[name] for name in os.environ if not name.startswith("AWS_")}
        homes = dict.fromkeys(("HOME", "USERPROFILE"), str(home))
        own = {"AWS_ENDPOINT_URL": aws.endpoint_url, "AWS_ALLOW_HTTP": "true"}
        self._environment = foreign | homes | own | machine
        self.file = home / "scheduler.json"
        self._start("scheduler", "--port", "0")
        while not (self.file.exists() and self.file.read_text()):
            time.sleep(0.05)
        self.add_worker()

    def add_worker(self) -> None:
        """Start a worker."""
        self._start("worker", "--no-nanny", "--nthreads", "1")

    def add_keys(self, settings: dict[str, str]) -> None:
        """Write keys to the credentials file of the machines."""
        lines = [f"{name} = {value}" for name, value in settings.items()]
        (self._home / ".aws").mkdir()
        (self._home / ".aws" / "credentials").write_text("\n".join(["[default]", *lines]))

    def close(self) -> None:
        """End the processes."""
        self._processes.close()

    def _start(self, command: str, *options: str) -> None:
        where = ("--scheduler-file", str(self.file), "--host", "127.0.0.1", "--no-dashboard")
        process = self._processes.enter_context(
            subprocess.Popen(
                [sys.executable, "-c", COMMAND.format(command), *where, *options],
                env=self._environment,
                stderr=subprocess.DEVNULL,
            )
        )
        self._processes.callback(process.kill)


@pytest.fixture
def cluster(aws: EmbeddedAws, notebook: Shell, tmp_path: Path) -> Iterator[Cluster]:
    """Start a cluster, which the notebook uses as ``client``."""
    started = Cluster(aws, tmp_path / "machine")
    notebook.names.update(__name__="__main__", FILE=str(started.file))  # where pickle looks
    notebook.good(f"{FUNCTIONS}\nclient = Client(scheduler_file=FILE)\nclient.wait_for_workers(1)")
    yield started
    notebook.good("client.close()")
    started.close()


def test_a_cluster_follows(aws: EmbeddedAws, notebook: Shell, cluster: Cluster) -> None:
    """The card names a cluster with another identity, and its line moves all workers.

    They follow switches, but neither blocks nor a switch during their tasks. `--off`, `close` and a
    protected profile bring their own identity back.
    """

    def signers(code: str) -> set[str]:
        return roles_in_s3(aws, notebook, code)

    notebook.good("%aws_profile RoleBeta")
    assert signers("everywhere(read); everywhere(read_with_polars)") == {"ClusterRole"}
    (line,) = re.findall("`client` has workers .*? call `([^`]+)`", card_of(notebook))
    notebook.good(line)
    assert signers("everywhere(read); everywhere(read_with_polars)") == {"RoleBeta"}
    card = card_of(notebook)
    assert "`client`" not in card
    workers = r"workers of tcp://127.0.0.1:\d+ use this identity \(their keys: 15 minutes"
    assert re.search(workers, card)
    notebook.good("%aws_profile RoleGamma")
    cluster.add_worker()
    notebook.good("client.wait_for_workers(2)")
    assert signers("everywhere(read); everywhere(read_with_polars)") == {"RoleGamma"}
    block = "%%aws_profile RoleBeta\neverywhere(read)"
    assert signers(block) == {"RoleGamma"}
    assert "`client` has workers that sign as RoleGamma" in notebook.good(block).text
    notebook.good("pending = client.submit(read_later)")
    assert "`client` has workers that sign as RoleGamma" in card_of(
        notebook, "%aws_profile RoleBeta"
    )
    assert signers("pending.result()") == {"RoleGamma"}
    notebook.good("lent = libraries.dask_workers(client, read_only=True)")
    assert signers("everywhere(read)") == {"RoleBeta"}
    assert "AccessDenied" in str(notebook.run("everywhere(write)").error)
    notebook.good("lent.close()")
    assert signers("everywhere(read)") == {"ClusterRole"}
    for end in ("%aws_profile --off", "%aws_profile --share off", "%aws_profile RoleGamma --yes"):
        notebook.good(f"%aws_profile RoleBeta\n{line}")
        assert signers("everywhere(read)") == {"RoleBeta"}
        notebook.good(f"%config AwsProfileMagics.protected = ['RoleGamma']\n{end}")
        assert signers("everywhere(read)") == {"ClusterRole"}


def test_clusters_that_cannot_follow(
    aws: EmbeddedAws, notebook: Shell, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Workers without news of the kernel use no identity; other notebooks and their own keys win.

    A scheduler without encryption is refused. The card names workers that get separate keys later.
    """
    assert isinstance(notebook.refused("libraries.dask_workers(client)"), InvalidOption)
    notebook.good("%aws_profile RoleBeta")
    remote = {"address": "tcp://192.0.2.1:8786", "workers": {}}
    notebook.names["remote"] = SimpleNamespace(
        scheduler_info=lambda **_: remote, scheduler=SimpleNamespace(address=remote["address"])
    )
    error = notebook.refused("libraries.dask_workers(remote)")
    assert "tcp://192.0.2.1:8786 aren't encrypted" in str(error)
    note = "{'owner': 'another', 'Expiration': '2100-01-01T00:00:00Z'}"
    leave = "client.set_metadata('dask-workers', {})"
    notebook.good(leave.format(note))
    error = notebook.refused("libraries.dask_workers(client)")
    assert "The workers already use another notebook's identity." in str(error)
    notebook.good(leave.format(note.replace("2100", "2000")))  # it was killed
    with monkeypatch.context() as brief:
        brief.setattr(workers, "GOOD_FOR", 3)  # the kernel sends nothing for minutes
        notebook.good("libraries.dask_workers(client)")
    time.sleep(3)
    aws.calls.clear()
    failed = str(notebook.run("everywhere(read)").error)
    assert "This worker can't use the notebook's identity anymore" in failed
    assert aws.calls == []
    notebook.good("libraries.dask_workers(client).close()")
    assert roles_in_s3(aws, notebook, "everywhere(read)") == {"ClusterRole"}
    monkeypatch.setattr(workers, "EVERY", 1)
    notebook.good("lent = libraries.dask_workers(client)")
    cluster.add_keys(aws.iam.create_user("Own", account=ROLE_ACCOUNT, policy=allow("*")).settings())
    prefers = "AWS SDKs prefer the worker's own credentials (shared-credentials-file)"
    while prefers not in card_of(notebook):
        time.sleep(0.5)
    assert roles_in_s3(aws, notebook, "everywhere(read)") == {"Own"}
    notebook.good("lent.close()")
    error = notebook.refused("libraries.dask_workers(client)")
    assert isinstance(error, CredentialsUnavailable)
    assert prefers in str(error)
