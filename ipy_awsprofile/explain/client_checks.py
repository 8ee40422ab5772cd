"""Check client settings: the Region, endpoints, and any setting that botocore refuses."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from ipy_awsprofile.config.problem import Problem, place
from ipy_awsprofile.config.profiles import ProfileKind, did_you_mean
from ipy_awsprofile.config.regions import (
    REGION_NAME,
    can_call_sts,
    is_known_region,
    similar_region,
)
from ipy_awsprofile.config.settings import About, settings_about
from ipy_awsprofile.config.shared_files import Section
from ipy_awsprofile.config.target import Target
from ipy_awsprofile.explain.records import Finding, Link, is_file, one_line
from ipy_awsprofile.explain.settings_table import ignores_endpoints
from ipy_awsprofile.text import redacted_urls


def check_region(link: Link) -> Iterator[Finding]:
    """Yield a problem if the profile has no valid Region. It doesn't use its source's Region."""
    if not link.is_target:
        return
    inputs = link.inputs
    variable = inputs.environ.get("AWS_DEFAULT_REGION")
    if region := inputs.region or variable or link.section.text("region"):
        option = "--region" if inputs.region else "AWS_DEFAULT_REGION"
        where = f"See `{option}`." if inputs.region or variable else link.at("region")
        yield from _check_known(link, region, where)
        return
    source = inputs.config.profiles.get(link.profile.source_profile or "")
    found = source.text("region") if source is not None else None
    inherits = f" It doesn't inherit `{one_line(found)}` from its source profile." if found else ""
    add = f"Add `region = {one_line(found or 'us-east-1')}` to it, or switch with `--region`."
    yield Problem(
        says=f"`{link.target}` has no Region.{inherits}",
        fix=add if link.target in inputs.config.profiles else "Switch with `--region us-east-1`.",
        fatal=_needs_region(link),
    )


def _check_known(link: Link, region: str, where: str) -> Iterator[Finding]:
    """Yield a problem if STS can't be called in the Region, or if it may be misspelled."""
    similar, foreign_sts = similar_region(region), link.foreign_sts
    if not can_call_sts(region, foreign_sts):
        yield _not_a_region(region, where, similar)
    elif similar or not (is_known_region(region) or foreign_sts):
        yield _unknown(region, f"{similar} {where}")


def _not_a_region(region: str, where: str, similar: str = "") -> Problem:
    return Problem(
        says=f"`{one_line(region)}` isn't an AWS Region.",
        fix=f"{similar or 'Example: us-east-1.'} {where}",
    )


def check_sso_region(section: Section) -> Iterator[Finding]:
    """Yield a problem if botocore doesn't know the Region of a sign-in."""
    region = section.text("sso_region")
    if not region or is_known_region(region):
        return
    where = f"See {place(*section.origins['sso_region'])}."
    if not REGION_NAME.fullmatch(region):
        yield _not_a_region(region, where)
    else:
        example = "Write the Region of your IAM Identity Center, for example us-east-1."
        yield _unknown(region, f"{similar_region(region) or example} {where}")


def _unknown(region: str, fix: str) -> Problem:
    """Return the problem of a Region that botocore doesn't know. It may be a new Region."""
    return Problem(
        says=f"botocore doesn't know the Region `{one_line(region)}`.",
        fix=fix.strip(),
        fatal=False,
    )


def _needs_region(link: Link) -> bool:
    """Return whether STS can't be called without a Region.

    botocore has a default Region for AWS's STS endpoint, but not for other endpoints. A request
    with a web identity isn't signed, and doesn't need a Region.

    https://docs.aws.amazon.com/sdkref/latest/guide/feature-sts-regionalized-endpoints.html
    """
    return link.kind is not ProfileKind.WEB_IDENTITY and bool(link.configured_sts)


_IN_ENVIRONMENT = "See the environment variable."


def check_ca_bundle(link: Link) -> Iterator[Finding]:
    """Yield a problem if the file with CA certificates for botocore doesn't exist.

    https://docs.aws.amazon.com/sdkref/latest/guide/feature-gen-config.html
    """
    if not link.is_target:
        return
    environ, setting = link.inputs.environ, link.section.get("ca_bundle")
    for name, path, where in (
        ("AWS_CA_BUNDLE", environ.get("AWS_CA_BUNDLE"), _IN_ENVIRONMENT),
        ("ca_bundle", setting, link.at("ca_bundle")),
        ("REQUESTS_CA_BUNDLE", environ.get("REQUESTS_CA_BUNDLE") or None, _IN_ENVIRONMENT),
    ):
        if isinstance(path, str):
            if not (path.strip() and is_file(path)):
                what = (
                    f"doesn't name an existing file: {one_line(path)}"
                    if path.strip()
                    else "is empty"
                )
                yield Problem(
                    says=f"`{name}` {what}.",
                    fix=f"Write the path of a file with CA certificates. {where}",
                    fatal=not path.strip() or not link.foreign_sts.startswith("http://"),
                )
            return


def check_services(link: Link) -> Iterator[Finding]:
    """Yield a problem if the profile's [services] section doesn't exist."""
    name = link.section.text("services")
    if link.is_target and name and not link.inputs.config.services.get(name):
        is_read = not (link.inputs.environ.get("AWS_ENDPOINT_URL") or ignores_endpoints(link))
        yield Problem(
            says=f"There is no [services {one_line(name)}].",
            fix=did_you_mean(name, link.inputs.config.services) or link.at("services"),
            fatal=is_read,
        )


def check_client(link: Link) -> Iterator[Problem]:
    """Yield the problem that prevents botocore from creating a client, with the setting's name.

    This creates clients with fake keys, and doesn't call AWS.

    https://docs.aws.amazon.com/sdkref/latest/guide/settings-reference.html
    """
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
        says=f"botocore can't create a client for `{one_line(link.target)}`{reason}",
        fix="Correct the profile's client settings, or the environment variables that begin with "
        "AWS_.",
    )


def _reason(error: Exception) -> str:
    """Return botocore's reason after a colon. Other exceptions have no text for users."""
    from botocore.exceptions import BotoCoreError

    if isinstance(error, BotoCoreError | ValueError):
        return f": {one_line(redacted_urls(str(error))).rstrip('.')}."
    return "."


def _refusal(link: Link, without: str = "") -> Exception | None:
    """Return the exception if botocore can't create clients, optionally without one setting."""
    from botocore.credentials import create_credential_resolver

    from ipy_awsprofile.credentials.botocore_session import ProfileBotocoreSession

    region = "us-east-1"  # `check_region` checks the profile's Region
    target = Target(steps=link.steps, region=region, config=link.inputs.config)
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
    except Exception as error:  # noqa: BLE001  # malformed values can raise any exception
        return error
    return None
