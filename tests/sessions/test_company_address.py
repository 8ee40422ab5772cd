"""Users of a company sign in at its own address, which redirects to the AWS access portal."""

from __future__ import annotations

import json
import os
import re
import socket
from functools import partial
from hashlib import sha1
from typing import TYPE_CHECKING, Any

import pytest

from ipy_awsprofile import open_session
from ipy_awsprofile.config.request import SessionRequest
from ipy_awsprofile.config.sign_ins import region_of_portal
from ipy_awsprofile.config.target import target_of
from ipy_awsprofile.errors import EndpointUnreachable, InvalidProfile, SignInRequired
from ipy_awsprofile.sessions.sign_in import begin_sign_in
from tests.identity_center import PROD, organisation
from tests.local_browser import Browser, browser
from tests.servers import CompanyServer, company_server
from tests.sessions.test_sign_in import BrowserUser, begun, seconds, token_files

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from werkzeug.wrappers import Request, Response

    from tests.aws import EmbeddedAws
    from tests.shells import Shell

__all__ = ["browser"]

#: The address of an access portal.
WEST = "https://ssoins-1234.portal.us-west-2.app.aws"


@pytest.fixture
def company(
    aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[CompanyServer]:
    """Run a company's server, which two profiles without an sso_region name for signing in."""
    organisation(aws)
    aws.sso.start_url = WEST
    with company_server(tmp_path) as company:
        company.location = f"{WEST}:443/"  # as AWS's load balancers redirect
        monkeypatch.setenv("AWS_CA_BUNDLE", str(company.bundle))
        monkeypatch.setattr("getpass.getpass", lambda _question: "")  # a user sees the output
        configure(aws, f"{company.url}/aws")
        yield company


def configure(aws: EmbeddedAws, start_url: str, region: str = "") -> None:
    """Write profiles with and without an [sso-session] that have this start URL and Region."""
    where = f"sso_start_url = {start_url}\n" + (f"sso_region = {region}\n" if region else "")
    role = f"sso_account_id = {PROD}\nsso_role_name = Reader\nregion = us-west-2\n"
    role += f"endpoint_url = {aws.endpoint_url}\n"
    aws.config_file.write_text(
        f"[sso-session corp]\n{where}[profile Corp]\nsso_session = corp\n{role}"
        f"[profile Legacy]\n{where}{role}"
    )


@pytest.mark.parametrize("profile", ["Corp", "Legacy"])
def test_sign_in_at_a_cell(
    aws: EmbeddedAws, shell: Shell, company: CompanyServer, profile: str
) -> None:
    """A sign-in asks the company's server once, and finds the Region; the AWS CLI has its token."""
    with pytest.raises(SignInRequired) as caught:
        open_session(profile)
    # The AWS CLI requires an sso_region, so the hint doesn't have its command.
    assert caught.value.hint == f"Run `%aws_profile {profile} --login` interactively."
    with BrowserUser(aws, aws.sso.approve):
        assert "/ann" in shell.good(f"%aws_profile {profile}").text
    (file,) = token_files(aws)
    key = "corp" if profile == "Corp" else f"{company.url}/aws"
    assert file.stem == sha1(key.encode(), usedforsecurity=False).hexdigest()
    token = json.loads(file.read_text())
    assert (token["startUrl"], token["region"]) == (f"{company.url}/aws", "us-west-2")
    assert "(no problems found)" in shell.good(f"%aws_profile --explain {profile}").text
    # Other programs can't use a profile without an sso_region, so they borrow the session.
    assert shell.good("import os\nos.environ['AWS_PROFILE']").result == f"{profile}-in-kernel"
    assert "4 roles in 3 accounts" in shell.good(f"%aws_profiles --sso {profile}").text
    assert company.requests == ["HEAD /aws"]
    shell.good(f"%aws_profile --logout {profile}")
    assert aws.actions.count("sso:Logout") == 1
    assert token_files(aws) == []


def test_browser(aws: EmbeddedAws, company: CompanyServer, browser: Browser) -> None:
    """In the browser on the kernel's machine, AWS's address is the issuer, not the company's."""
    registered: list[Any] = []
    register = aws.unsigned["POST /client/register"][1]

    def answer(request: Request) -> Response:
        registered.append(request.get_json(force=True))
        return register(request)

    with aws.answering("POST /client/register", answer):
        attempt = begin_sign_in(target_of(SessionRequest(profile="Corp")))
        assert seconds(attempt, browser.wait) == 0
    assert [body["issuerUrl"] for body in registered] == [WEST]
    assert company.requests == ["HEAD /aws"]


def test_sso_region_of_the_file(aws: EmbeddedAws, company: CompanyServer) -> None:
    """An sso_region counts if the portal's address has no Region, and is required then."""
    company.location = aws.sso.start_url = "https://d-0000000000.awsapps.com/start"
    with pytest.raises(InvalidProfile, match="start, which doesn't name its Region"):
        begun("Corp")
    configure(aws, f"{company.url}/aws", "eu-central-1")
    attempt = begun("Corp")
    assert seconds(attempt, partial(aws.sso.approve, str(attempt.code))) == 0
    assert json.loads(token_files(aws)[0].read_text())["region"] == "eu-central-1"


#: Redirects that are refused.
REDIRECTS = {
    "http": "http://ssoins-1234.portal.us-west-2.app.aws",
    "other domain": "https://portal.example.com/start",
    "password": "https://user:hunter2@d-1.awsapps.com/start",
    "relative": "/start",
    "two hops": "{url}/second",
}


def test_redirects_that_are_refused(
    aws: EmbeddedAws, company: CompanyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A redirect elsewhere is an error that names the address, which isn't called."""
    hosts, look_up = set(), socket.getaddrinfo

    def getaddrinfo(host: Any, *args: Any, **options: Any) -> Any:
        hosts.add(host)
        return look_up(host, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    for name, location in REDIRECTS.items():
        company.requests.clear()
        company.location = location.format(url=company.url).encode().decode("latin-1")
        with pytest.raises(InvalidProfile) as caught:
            begun("Corp")
        assert company.requests == ["HEAD /aws"], name
        says = (
            r"redirects to \S.*, which isn't an AWS access portal|or its redirect isn't a valid URL"
        )
        assert re.fullmatch(f"The sso_start_url of `Corp` ({says}).", str(caught.value)), name
        assert "hunter2" not in str(caught.value)
    assert (hosts, aws.calls, token_files(aws)) == ({"127.0.0.1"}, [], [])


@pytest.mark.parametrize(
    ("status", "location"), [(200, ""), (200, WEST), (302, ""), (304, WEST), (404, ""), (405, "")]
)
def test_no_redirect(aws: EmbeddedAws, company: CompanyServer, status: int, location: str) -> None:
    """Without a redirect, the error has the server's status; AWS's own address works instead."""
    company.status, company.location = status, location
    with pytest.raises(InvalidProfile, match=f"returned HTTP status {status} instead") as caught:
        begun("Legacy")
    assert "Use the address of your AWS access portal" in caught.value.hint
    assert (company.requests, aws.calls) == (["HEAD /aws"], [])
    configure(aws, WEST, "us-west-2")
    begun("Legacy").close()
    assert company.requests == ["HEAD /aws"]


@pytest.mark.parametrize(
    "start_url",
    [
        "http://aws.example.com",
        "https://user:hunter2@aws.example.com",
        "aws.example.com",
    ],
)
def test_start_urls_that_are_refused(aws: EmbeddedAws, start_url: str) -> None:
    """An address that isn't https, or has a user name, is refused before any request."""
    configure(aws, start_url)
    with pytest.raises(InvalidProfile, match="isn't an https address without a user name") as error:
        begun("Corp")
    assert "hunter2" not in f"{error.value} {error.value.hint}"


def test_certificate_of_a_stranger(aws: EmbeddedAws, company: CompanyServer) -> None:
    """A server's certificate must be signed by an authority that the profile trusts."""
    del os.environ["AWS_CA_BUNDLE"]
    with pytest.raises(EndpointUnreachable, match="certificate verify failed") as caught:
        begun("Corp")
    assert company.requests == []
    assert "`ca_bundle`" in caught.value.hint
    config = aws.config_file.read_text().replace(
        "[profile Corp]", f"[profile Corp]\nca_bundle = {company.bundle}"
    )
    aws.config_file.write_text(config)
    begun("Corp").close()
    assert company.requests == ["HEAD /aws"]


def test_aws_regions_and_domains() -> None:
    """The AWS CLI's domains for signing in, in all partitions, are AWS's; some have the Region."""
    assert {host: region_of_portal(f"https://{host}/start") for host in HOSTS} == HOSTS


#: https://github.com/aws/aws-cli/blob/v2/tests/unit/customizations/sso/test_resolve.py
HOSTS = {
    "ssoins-1.portal.us-west-2.app.aws": "us-west-2",
    "ssoins-1.us-east-1.portal.amazonaws.com": "us-east-1",
    "ssoins-1.us-gov-west-1.portal.amazonaws.com": "us-gov-west-1",
    "ssoins-1.cn-north-1.portal.amazonaws.com.cn": "cn-north-1",
    "ssoins-1.portal.cn-northwest-1.app.amazonwebservices.com.cn": "cn-northwest-1",
    "ssoins-1.eusc-de-east-1.portal.amazonaws.eu": "eusc-de-east-1",
    "ssoins-1.portal.eusc-de-east-1.api.amazonwebservices.eu": "eusc-de-east-1",
    "d-1.awsapps.com": "",
    "start.us-gov-home.awsapps.com": "",
    "start.home.awsapps.cn": "",
    "identitycenter.amazonaws.com": "",
    "identitycenter.amazonaws.com.cn": "",
    "identitycenter.amazonaws.eu": "",
    "identitycenter.us-gov.amazonaws.com": "",
    "aws.example.com": None,
    "notidentitycenter.amazonaws.com": None,
    "evil-awsapps.com": None,
}
