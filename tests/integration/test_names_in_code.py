"""Clients, paths, results and functions that code uses in a wrong way: the answer's code works."""

from __future__ import annotations

import pytest

from ipy_awsprofile.demo.stages import add_role, seed_organisation
from ipy_awsprofile.errors import InvalidOption
from tests.aws import EmbeddedAws
from tests.integration.test_hints import code_in
from tests.integration.test_passed_sessions import CSV, line_of
from tests.packages import needs
from tests.shells import Shell


@pytest.fixture
def notebook(shell: Shell, aws: EmbeddedAws) -> Shell:
    """Return a notebook of RoleGamma, which can do everything in S3, with a file in S3."""
    add_role(aws, "RoleGamma", "s3:*", "sts:GetScopedCredentials")
    shell.good("import boto3, pandas as pd\nfrom ipy_awsprofile import *")
    shell.good("%aws_profile RoleGamma --quiet")
    shell.good(f"pd.DataFrame({{'a': [1]}}).to_csv('{CSV}', index=False)")
    return shell


# Clients ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("service", ["bedrock-runtime", "sagemaker-runtime", "logs"])
def test_the_service_of_a_former_client(notebook: Shell, aws: EmbeddedAws, service: str) -> None:
    """The line about a former client's call creates a client of the same service again."""
    calls = {
        "bedrock-runtime": "converse(modelId='m', messages=[])",
        "sagemaker-runtime": "invoke_endpoint(EndpointName='e', Body=b'')",
        "logs": "describe_log_groups()",
    }
    notebook.good(f"former = boto3.client('{service}')\n%aws_profile RoleBeta --quiet")
    text = notebook.run(f"former.{calls[service]}").text
    created = next(each for each in code_in(text) if each.startswith("session.client("))
    assert notebook.good(f"{created}.meta.service_model.service_name").result == service


def test_methods_of_another_service(notebook: Shell) -> None:
    """A method of a related service, and a service's name with an underscore, get the service."""
    code = 'open_session("RoleBeta").client("bedrock").converse'
    *_, right, wrong = code_in(line_of(notebook, f"{code}(modelId='m')"))
    assert callable(notebook.good(code.replace(wrong, right)).result)
    (name,) = code_in(line_of(notebook, "session.client('bedrock_runtime')"))
    assert notebook.good(f"session.client('{name}').converse")
    assert line_of(notebook, "session.client('bedrock').no_such_method()") == ""


def test_a_client_as_an_attribute(notebook: Shell) -> None:
    """A service as an attribute of a session gets the code of the client."""
    for name in ("s3", "bedrock_runtime"):
        ran = notebook.run(f"session.{name}")
        *_, created = code_in(str(ran.error))
        client = notebook.good(f"{created}.meta.service_model.service_name").result
        assert client == name.replace("_", "-")
    assert notebook.good("hasattr(session, 's3')").result is False


def test_methods_of_a_client_on_a_resource(notebook: Shell) -> None:
    """A client's method on a resource gets the method of the resource's own client."""
    notebook.good("s3 = session.resource('s3')")
    *_, code = code_in(line_of(notebook, "s3.list_buckets()"))
    assert notebook.good(f"{code}()").result["Buckets"]
    line = line_of(notebook, "session.resource('s3').list_buckets()")
    assert line.endswith("Write `.meta.client.list_buckets` instead of `.list_buckets`.")


def test_clients_in_with_statements(notebook: Shell) -> None:
    """A client in a `with` statement gets what to do, and an `async` one also about `await`."""
    line = line_of(notebook, "with session.client('s3') as s3: pass")
    assert line.endswith("can't be used in a `with` statement. Create the client before it.")
    line = line_of(notebook, "async with session.client('s3') as s3: pass")
    assert "call its methods without `await`" in line


def test_the_role_of_a_session(notebook: Shell, aws: EmbeddedAws) -> None:
    """SageMaker's function on a session gets the ARN of the role or, without one, the identity."""
    ran = notebook.run("session.get_execution_role()")
    assert code_in(str(ran.error))[-1] == "arn:aws:iam::123456789012:role/RoleGamma"
    notebook.good("%aws_profile UserAlpha --quiet")
    imported, code = code_in(str(notebook.run("session.get_execution_role()").error))[-2:]
    assert notebook.good(f"{imported}\n{code}").result.endswith(":user/UserAlpha")


# Paths ------------------------------------------------------------------------------------------


def test_paths_of_pathlib(notebook: Shell) -> None:
    """A `Path` of S3 gets the string that pandas reads, or code that opens the object."""
    notebook.good("from pathlib import Path\nbase = Path('s3://my-first-bucket')")
    for code in (f"pd.read_csv(Path('{CSV}'))", "pd.read_csv(base / 'sales.csv')"):
        *_, path = code_in(line_of(notebook, code))
        assert len(notebook.good(f"pd.read_csv({path})").result) == 1
    imported, opened = code_in(line_of(notebook, f"Path('{CSV}').read_text()"))[-2:]
    assert notebook.good(f"{imported}\n{opened}.read()").result == "a\n1\n"
    line = line_of(notebook, "pd.read_csv('s3:/my-first-bucket/sales.csv')")
    assert line == "An S3 path begins with `s3://`, in lower case and with two slashes."


@pytest.mark.parametrize(
    ("code", "content"),
    [(f"open('{CSV}')", "a\n1\n"), (f"open('{CSV}', 'rb')", b"a\n1\n")],
)
def test_the_open_of_python(notebook: Shell, code: str, content: str | bytes) -> None:
    """An S3 path that Python's `open` gets is opened with s3fs, in the same mode."""
    imported, opened = code_in(line_of(notebook, code))[-2:]
    assert notebook.good(f"{imported}\n{opened}.read()").result == content
    line = line_of(notebook, f"import os\nopen(os.devnull)\nos.listdir('{CSV}')")
    assert line.startswith(f"The code used `{CSV}` as the path of a local file.")


def test_the_address_of_an_object(notebook: Shell, aws: EmbeddedAws) -> None:
    """An object's web address that pandas reads gets the path for which requests are signed."""
    address = f"{aws.endpoint_url}/my-first-bucket/sales.csv"
    scheme, path = code_in(line_of(notebook, f"pd.read_csv('{address}')"))
    assert scheme == "http://"
    assert len(notebook.good(f"pd.read_csv('{path}')").result) == 1
    line = line_of(notebook, f"pd.read_csv('{address}?X-Amz-Signature=0')")
    assert "doesn't sign" not in line


@needs("duckdb", "duckdb_extensions")
def test_a_connection_without_a_secret(notebook: Shell, aws: EmbeddedAws) -> None:
    """If DuckDB has no credentials for a connection, the line gives the secret to it."""
    notebook.good(
        "import duckdb\nfrom ipy_awsprofile import libraries\ncon = duckdb.connect()\n"
        "from duckdb_extensions import import_extension\nimport_extension('httpfs', con=con)\n"
        f"con.sql(\"SET s3_endpoint='{aws.endpoint_url.removeprefix('http://')}'\")\n"
        "con.sql('SET s3_use_ssl=false')\ncon.sql(\"SET s3_url_style='path'\")\n"
        "libraries.duckdb_secret(session)"
    )
    query = f"con.sql(\"FROM '{CSV}'\").fetchall()"
    line = line_of(notebook, query)
    assert "sent the request without credentials" in line
    assert "signed as" not in line
    code = next(each for each in code_in(line) if "con)" in each)
    assert notebook.good(f"{code}\n{query}").result == [(1,)]


@needs("polars")
def test_requests_that_are_not_signed(notebook: Shell, aws: EmbeddedAws) -> None:
    """The line doesn't say who signed a request if the code can have turned signatures off."""
    aws.calls.clear()
    line = line_of(
        notebook,
        f"import polars as pl\npl.scan_csv('{CSV}', credential_provider=None, storage_options="
        "{'aws_skip_signature': 'true'}).collect()",
    )
    assert {call.arn for call in aws.calls if call.action.startswith("s3:")} == {None}
    assert line.startswith("Unless your code passed other credentials or none,")


# Results and functions --------------------------------------------------------------------------


def test_a_profile_in_a_result(notebook: Shell, aws: EmbeddedAws) -> None:
    """A profile's name as a column or index of a result gets its rows, or its error."""
    first, second = seed_organisation(aws, 2)
    notebook.good(f"found = across_profiles('{first}', lambda session: 1)")
    for code in (f"found['{first}']", f"found.loc['{first}']"):
        *_, rows = code_in(line_of(notebook, code))
        assert notebook.good(rows).result["profile"].tolist() == [first]
    assert line_of(notebook, "found['other']") == ""
    (errors,) = code_in(line_of(notebook, "found.errors"))
    assert notebook.good(errors).result == []
    function = f"lambda session: 1 / (session.profile_name != '{first}')"
    notebook.good(f"found = across_profiles('atlas-*', {function})")
    name, errors = code_in(line_of(notebook, f"found['{first}']"))
    assert name == first
    assert notebook.good(errors).result[0]["profile"] == first
    assert second in notebook.names["found"]["profile"].tolist()


@pytest.mark.parametrize("name", ["on_switch", "across_profiles"])
def test_functions_without_the_session(notebook: Shell, aws: EmbeddedAws, name: str) -> None:
    """A function that can't be called with the session alone gets the code that can."""
    first, _ = seed_organisation(aws, 2)
    call = f"{name}({{}})" if name == "on_switch" else f"{name}('{first}', {{}})"
    (code,) = code_in(notebook.refused(call.format("lambda: 1")).hint)
    notebook.good(call.format(code.replace("…", "1")))
    code = code_in(notebook.refused(f"def other(): return 1\n{call.format('other')}").hint)[0]
    notebook.good(f"{code} return 1\n{call.format('other')}")
    defined = "def add(session, number): return number\n"
    codes = code_in(notebook.refused(f"{defined}{call.format('add')}").hint)
    call_of_add = codes[-1] if name == "on_switch" else call.format(codes[0])
    notebook.good(call_of_add.replace("…", "2"))
    method = "class Tool:\n    def do(self): return 1\n"
    code = code_in(notebook.refused(f"{method}{call.format('Tool().do')}").hint)[0]
    notebook.good(f"class Tool:\n    {code} return 1\n{call.format('Tool().do')}")


def test_the_name_of_a_profile_in_a_function(notebook: Shell, aws: EmbeddedAws) -> None:
    """A function for many profiles that expects their names gets the attribute with the name."""
    names = seed_organisation(aws, 2)
    hint = notebook.refused("across_profiles('atlas-*', lambda profile, session: profile)").hint
    code, attribute = code_in(hint)
    call = f"across_profiles('atlas-*', {code.replace('…', attribute)})"
    assert notebook.good(call).result["value"].tolist() == list(names)


def test_values_of_registered_functions(notebook: Shell, aws: EmbeddedAws) -> None:
    """If a function of `on_switch` returns a client, a line says how to keep the client."""
    made = "@on_switch\ndef s3(session):\n    {}client = session.client('s3')\n    return client"
    line = notebook.good(made.format("")).text
    assert line.startswith("`on_switch` doesn't keep the value that `s3` returns.")
    assert line_of(notebook, "s3.list_buckets()") == line
    statement = code_in(line)[2].replace("NAME", "client")
    assert "on_switch" not in notebook.good(made.format(f"{statement}\n    ")).text
    notebook.good("%aws_profile RoleBeta --quiet")
    assert notebook.good("client.list_buckets()").result["Buckets"]


def test_policies_as_lists(notebook: Shell, aws: EmbeddedAws) -> None:
    """A list as the policy of a scoped session gets the dict that limits the session to it."""
    call = "with scoped(session, policy={}) as limited: limited.client('s3').list_buckets()"
    error = notebook.refused(call.format("['s3:ListAllMyBuckets']"))
    assert isinstance(error, InvalidOption)
    (code,) = code_in(error.hint)
    notebook.good(call.format(code.removeprefix("policy=")))
    put = "put_object(Bucket='my-first-bucket', Key='a', Body=b'')"
    assert notebook.run(call.format(code[7:]).replace("list_buckets()", put)).error
    assert "as a dict" in notebook.refused(call.format("7")).hint


def test_arguments_of_the_picker(notebook: Shell, aws: EmbeddedAws) -> None:
    """The picker's arguments are checked in the same way as the arguments of the functions."""
    hint = notebook.refused("ProfilePicker('RoleBeta', 'compact')").hint
    assert hint.startswith("Pass the other arguments by name.")
    assert "`profile`" in notebook.refused("ProfilePicker(profile_name='RoleBeta')").hint
    assert "must be a string" in str(notebook.refused("ProfilePicker(['RoleBeta'])"))
    assert notebook.good("ProfilePicker(profile='RoleBeta').value").result == "RoleBeta"


def test_the_aws_cli_in_a_cell_for_many_profiles(notebook: Shell, aws: EmbeddedAws) -> None:
    """The AWS CLI without a profile gets the profile's name, and nothing if it has one."""
    seed_organisation(aws, 2)
    cell = "%%aws_profiles atlas-*\n!{} >> /dev/null 2>&1"
    text = notebook.good(cell.format("aws s3 ls")).text
    command = next(each for each in code_in(text) if each.startswith("!aws "))
    assert command == "!aws --profile {profile} s3 ls >> /dev/null 2>&1"
    for right in (command[1:], "aws --version", "aws s3 ls --profile {profile}", "ls"):
        assert "the AWS CLI" not in notebook.good(cell.format(right)).text
    limited = cell.replace("atlas-*", "atlas-* --read-only")
    assert "--profile" not in notebook.good(limited.format("aws s3 ls")).text
    notebook.good("%aws_profile RoleBeta --read-only --quiet")
    assert "{profile}" not in notebook.good(cell.format(command[1:])).text


@pytest.mark.parametrize("name", ["cost-explorer", "Cost Explorer", "CostExplorer"])
def test_services_by_their_full_names(notebook: Shell, name: str) -> None:
    """A service's full name gets the name that boto3 uses."""
    text = notebook.run(f"session.client({name!r})").text
    (service,) = code_in(text[text.index("Did you mean") :])
    assert hasattr(notebook.good(f"session.client({service!r})").result, "get_cost_and_usage")


def test_classes_of_errors(notebook: Shell) -> None:
    """A class of errors gets the module that has it, and the class that boto3 raises."""
    text = notebook.run("from ipy_awsprofile import AccessDenied").text
    _, line, of_boto3 = code_in(text[text.index("To import") :])
    assert of_boto3 == "botocore.exceptions.ClientError"
    notebook.good(f"{line}\nimport botocore.exceptions")
    notebook.good("from ipy_awsprofile import list_buckets, open_session")
    for call, kind in (
        ("list_buckets(open_session('UserAlpha'))", "AccessDenied"),
        ("open_session('UserAlpha').client('s3').list_buckets()", of_boto3),
    ):
        code = f"caught = False\ntry: {call}\nexcept {kind}: caught = True\ncaught"
        assert notebook.good(code).result


def test_a_decorator_of_a_function_with_parameters(notebook: Shell, aws: EmbeddedAws) -> None:
    """A decorated function with a second parameter gets the definition that works."""
    decorated = "@on_switch\ndef note(session, profile):\n    pass"
    _, definition, *_ = code_in(notebook.refused(decorated).hint)
    notebook.good(f"@on_switch\n{definition}\n    global seen\n    seen = session.profile_name")
    notebook.good("%aws_profile UserAlpha")
    assert notebook.names["seen"] == "UserAlpha"
