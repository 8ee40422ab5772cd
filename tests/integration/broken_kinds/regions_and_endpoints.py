"""Profiles with a broken Region or endpoint."""

from __future__ import annotations

from ipy_awsprofile.errors import (
    EndpointUnreachable,
    InvalidOption,
    InvalidProfile,
    ServiceError,
)
from tests.integration.broken_kinds.breaks import answers, down, says_no, silent, variables
from tests.integration.broken_kinds.record import EXPLAIN, HERE, Broken

REGIONS_AND_ENDPOINTS: dict[str, Broken] = {
    "region missing": Broken(
        "role with source_profile",
        InvalidOption,
        "No AWS Region is set for `P`.",
        "`%aws_profile P --region …`",
        {HERE: "source_profile = Ann\nendpoint_url = {endpoint}"},
    ),
    "region malformed": Broken(
        "role with source_profile",
        InvalidOption,
        "`us west` isn't an AWS Region",
        "Did you mean `us-west-2`",
        {HERE: "source_profile = Ann\nregion = us west\nendpoint_url = {endpoint}"},
    ),
    "region disabled": Broken(
        "role with source_profile",
        ServiceError,
        "STS is not activated in this region",
        "Use another Region with `--region`, or enable this one",
        by=says_no("RegionDisabledException", "STS is not activated in this region for account:1"),
    ),
    "region malformed, of a user": Broken(
        "static keys",
        InvalidOption,
        "`us_west` isn't an AWS Region",
        "Did you mean `us-west-2`",
        {"{here}": "region = us_west\nendpoint_url = {endpoint}"},
    ),
    "endpoint down": Broken(
        "role with source_profile",
        EndpointUnreachable,
        "can't be reached for `P`.",
        "Check the network (VPN, proxy) and the profile's `endpoint_url`",
        by=down,
    ),
    "endpoint silent": Broken(
        "role with source_profile",
        EndpointUnreachable,
        "didn't respond in time for `P`.",
        "Check the network",
        by=silent,
    ),
    "endpoint answers HTML": Broken(
        "role with source_profile",
        ServiceError,
        "`P` got a response that isn't from AWS.",
        "check the profile's `endpoint_url`",
        by=answers((200, "<html>Sign in</html>")),
    ),
    "endpoint answers HTML and no": Broken(
        "role with source_profile",
        ServiceError,
        "AssumeRole failed for `P`: HTTP 403",
        "a proxy may have answered",
        by=answers((403, "<html>Proxy</html>")),
    ),
    "endpoint broken": Broken(
        "role with source_profile",
        ServiceError,
        "AssumeRole failed for `P`: ",
        "The service failed (HTTP 5",
        by=says_no("InternalFailure", "Oops", 500),
    ),
    "endpoint keeps throttling": Broken(
        "role with source_profile",
        ServiceError,
        "AssumeRole failed for `P`: Rate exceeded",
        "AWS limits how often this can be called.",
        by=says_no("Throttling", "Rate exceeded", 400),
    ),
    "clock wrong": Broken(
        "role with source_profile",
        ServiceError,
        "this machine's clock is wrong",
        "Set the clock",
        by=says_no("SignatureDoesNotMatch", "Signature expired: 1 is now earlier than 2"),
    ),
    "endpoint no URL": Broken(
        "role with source_profile",
        InvalidProfile,
        "A setting of `P` can't be used: Invalid endpoint: nowhere",
        EXPLAIN,
        {HERE: "source_profile = Ann\nregion = us-west-2\nendpoint_url = nowhere"},
    ),
    "services missing": Broken(
        "services",
        EndpointUnreachable,
        "can't be reached for `P`.",
        instead={"[services local]": "[services locale]"},
        by=variables(AWS_ENDPOINT_URL="http://127.0.0.1:9"),
    ),
    "services' endpoint down": Broken(
        "services",
        EndpointUnreachable,
        "http://127.0.0.1:9 can't be reached for `P`.",
        instead={"{endpoint}": "http://127.0.0.1:9"},
    ),
}
