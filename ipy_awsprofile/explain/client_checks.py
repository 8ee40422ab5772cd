"""Checks of what clients need: the Region, and the [services] section with endpoints."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ipy_awsprofile.config.profiles import ProfileKind, did_you_mean
from ipy_awsprofile.config.regions import is_known_region, similar_region
from ipy_awsprofile.config.shared_files import Section
from ipy_awsprofile.explain.records import Finding, Link, Problem, is_file, one_line, place
from ipy_awsprofile.explain.settings_table import ignores_endpoints

#: The names that botocore accepts, since a Region becomes part of a host name.
_REGION = re.compile(r"(?![0-9]+$)(?!-)[a-zA-Z0-9-]{,63}(?<!-)")


def check_region(link: Link) -> Iterator[Finding]:
    """Yield a problem if the profile has no valid Region; its source's Region isn't used."""
    if not link.is_target:
        return
    inputs = link.inputs
    if region := inputs.region or inputs.environ.get("AWS_DEFAULT_REGION"):
        where = "--region" if inputs.region else "AWS_DEFAULT_REGION"
        if not _REGION.fullmatch(region):
            yield Problem(
                says=f"`{one_line(region)}` isn't an AWS Region.",
                fix=f"Example: us-east-1. See `{where}`.",
            )
        elif _may_be_misspelt(region, link):
            yield _unknown(region, f"{similar_region(region)} See `{where}`.")
        return
    yield from check_region_name(link.section, "region")
    if region := link.section.text("region"):
        if _REGION.fullmatch(region) and _may_be_misspelt(region, link):
            yield _unknown(region, f"{similar_region(region)} {link.at('region')}")
        return
    source = inputs.config.profiles.get(link.profile.source_profile or "")
    found = source.text("region") if source is not None else None
    inherits = f" It doesn't inherit `{one_line(found)}` from its source profile." if found else ""
    yield Problem(
        says=f"`{link.target}` has no Region.{inherits}",
        fix=f"Add `region = {one_line(found or 'us-east-1')}` to it, or switch with `--region`.",
        fatal=_needs_region(link),
    )


def check_region_name(section: Section, name: str) -> Iterator[Finding]:
    """Yield a problem if the setting isn't a possible name of a Region."""
    region = section.text(name)
    if region and not _REGION.fullmatch(region):
        yield Problem(
            says=f"`{one_line(region)}` isn't an AWS Region.",
            fix=f"Example: us-east-1. See {place(*section.origins[name])}.",
        )


def _may_be_misspelt(region: str, link: Link) -> bool:
    """Return whether botocore doesn't know a Region; other servers can have any Region."""
    return bool(similar_region(region)) or not (is_known_region(region) or has_endpoint(link))


def _unknown(region: str, fix: str) -> Problem:
    """Return the problem of a Region that botocore doesn't know, which may be a new one."""
    return Problem(
        says=f"botocore doesn't know the Region `{one_line(region)}`.",
        fix=fix.strip(),
        fatal=False,
    )


def _needs_region(link: Link) -> bool:
    """Return whether a role can't be assumed without a Region.

    botocore has a default Region for AWS's STS endpoint, but not for other endpoints; a request
    with a web identity isn't signed, and needs none.

    https://docs.aws.amazon.com/sdkref/latest/guide/feature-sts-regionalized-endpoints.html
    """
    signs = (ProfileKind.ASSUME_ROLE, ProfileKind.CREDENTIAL_SOURCE)
    return link.kind in signs and has_endpoint(link)


def has_endpoint(link: Link) -> bool:
    """Return whether STS has an endpoint that isn't AWS's."""
    variables = ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_STS")
    other = "endpoint_url" in link.section or any(map(link.inputs.environ.get, variables))
    return other and not ignores_endpoints(link)


def check_ca_bundle(link: Link) -> Iterator[Finding]:
    """Yield a problem if there is no file with certificates where botocore looks for it.

    https://docs.aws.amazon.com/sdkref/latest/guide/feature-gen-config.html
    """
    if not link.is_target:
        return
    environ, setting = link.inputs.environ, link.section.get("ca_bundle")
    for name, path, where in (
        ("AWS_CA_BUNDLE", environ.get("AWS_CA_BUNDLE"), "See the variable."),
        ("ca_bundle", setting, link.at("ca_bundle")),
        ("REQUESTS_CA_BUNDLE", environ.get("REQUESTS_CA_BUNDLE") or None, "See the variable."),
    ):
        if isinstance(path, str):
            if not (path.strip() and is_file(path)):
                what = f"names no file: {one_line(path)}" if path.strip() else "is empty"
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
