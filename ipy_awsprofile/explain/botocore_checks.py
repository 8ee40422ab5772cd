"""What botocore refuses when it creates a client of the profile: it is asked.

It makes no call, and nothing is sent: the client has keys that aren't anybody's.

https://docs.aws.amazon.com/sdkref/latest/guide/settings-reference.html
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from ipy_awsprofile.config.settings import About, settings_about
from ipy_awsprofile.config.target import Target
from ipy_awsprofile.explain.records import Link, Problem, one_line
from ipy_awsprofile.text import redacted_urls


def check_client(link: Link) -> Iterator[Problem]:
    """Yield the problem for which there can't be a client, with the setting that is to blame."""
    error = _refusal(link)
    if error is None:
        return
    reason = _reason(error)
    for name in settings_about(About.CLIENTS, About.MACHINE):
        if name in link.section and _refusal(link, without=name) is None:
            yield Problem(
                says=f"botocore can't use `{name}`{reason}", fix=f"Correct it. {link.at(name)}"
            )
            return
    yield Problem(
        says=f"botocore can't create a client of `{one_line(link.target)}`{reason}",
        fix="Correct the profile's settings about clients, or the variables that begin with AWS_.",
    )


def _reason(error: Exception) -> str:
    """Return botocore's reason after a colon; other exceptions aren't meant to be read."""
    from botocore.exceptions import BotoCoreError

    if isinstance(error, BotoCoreError | ValueError):
        return f": {one_line(redacted_urls(str(error))).rstrip('.')}."
    return "."


def _refusal(link: Link, without: str = "") -> Exception | None:
    """Return the exception if there can't be a client; a setting can be left out."""
    from botocore.credentials import create_credential_resolver

    from ipy_awsprofile.credentials.botocore_session import ProfileBotocoreSession

    inputs = link.inputs
    target = Target(
        profiles=(link.profile,),
        settings=dict(inputs.options),
        region="us-east-1",  # that of the profile has a check of its own
        config=inputs.config,
    )
    try:
        session = ProfileBotocoreSession(target)
        session.full_config["profiles"][link.target].pop(without, None)
        create_credential_resolver(session)
        for service in ("sts", "s3"):
            client = session.create_client(
                service,
                aws_access_key_id="none",
                aws_secret_access_key="none",  # noqa: S106
            )
            urlsplit(client.meta.endpoint_url).port  # noqa: B018  # botocore signs with it
    except Exception as error:  # noqa: BLE001  # values of another form raise any exception
        return error
    return None
