"""The options of the magics, which help such as ``%aws_profile?`` shows."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from IPython.core.magic_arguments import argument, argument_group, magic_arguments

from ipy_awsprofile.notebook.option_values import (
    JoinedWords,
    duration,
    tag_option,
    variable_name,
    worker_count,
)


def _decorator(*arguments: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return a decorator that adds all arguments to a magic, in this order."""

    def decorate(magic: Any) -> Any:
        for one in reversed(arguments):
            magic = one(magic)
        return magic_arguments()(magic)

    return decorate


# The dest of each switch option is a field of SwitchRequest. `switch_request` relies on this.
aws_profile_arguments = _decorator(
    argument(
        "profile",
        metavar="NAME",
        nargs="*",
        action=JoinedWords,
        help="the profile to switch to; without NAME, the active identity is shown",
    ),
    argument_group("options of a switch"),
    argument("--region", metavar="R", help="use this AWS Region instead of the profile's"),
    argument(
        "--as",
        dest="variable",
        metavar="VAR",
        type=variable_name,
        help="store the session in this variable (default: session)",
    ),
    argument(
        "--duration",
        metavar="T",
        type=duration,
        help="how long the session lasts: 3600, 90m, 1h",
    ),
    argument(
        "--session-name", metavar="S", help="the name of the role session, which CloudTrail shows"
    ),
    argument(
        "--external-id", metavar="ID", help="the external ID that the role's trust policy requires"
    ),
    argument(
        "--source-identity",
        metavar="S",
        help="the source identity of the role session, which CloudTrail shows; role chaining "
        "can't change it",
    ),
    argument(
        "--tag",
        dest="tags",
        metavar="KEY=VALUE",
        type=tag_option,
        action="append",
        help="a session tag for the role session; can be repeated",
    ),
    argument(
        "--transitive-tag",
        dest="transitive_tags",
        metavar="KEY",
        action="append",
        help="pass this session tag on to roles that the session assumes; can be repeated",
    ),
    argument(
        "--policy",
        metavar="FILE",
        help="limit the session with the policy in a JSON file or, for a role, with a managed "
        "policy (its ARN)",
    ),
    argument(
        "--role-arn",
        metavar="ARN",
        help="a role without a profile, assumed with --source-profile or the default credentials",
    ),
    argument("--source-profile", metavar="NAME", help="the profile that assumes --role-arn"),
    argument(
        "--default",
        action="store_true",
        help="switch to the default credentials, from the environment, the default profile, a "
        "container or an instance",
    ),
    argument(
        "--account",
        metavar="ID",
        help="the ID or name of an account in IAM Identity Center; requires --role",
    ),
    argument("--role", metavar="NAME", help="a role in --account; the role doesn't need a profile"),
    argument(
        "--sso", metavar="NAME", help="the [sso-session] of --account, if there are several of them"
    ),
    argument(
        "--save",
        metavar="NAME",
        help="add the role to the config file as a profile with this name, and switch to it; "
        "existing lines don't change",
    ),
    argument(
        "--read-only",
        action="store_true",
        help="limit the session to reading: for a role, with AWS's managed policy "
        "ReadOnlyAccess; for any other identity, with a list of actions",
    ),
    argument(
        "--write",
        action="store_true",
        help="allow writing, even if the profile matches `%%config AwsProfileMagics.read_only`",
    ),
    argument(
        "--mfa",
        action="store_true",
        help="get an MFA session for access keys, with a code from the profile's mfa_serial; it "
        "lasts 12 hours, or --duration up to 36h",
    ),
    argument(
        "--expect-account",
        metavar="ID",
        help="fail without changing anything unless STS reports this account",
    ),
    argument(
        "--yes",
        dest="confirmed",
        action="store_true",
        help="switch even if the profile is protected",
    ),
    argument("--cell", action="store_true", help=argparse.SUPPRESS),  # see cell_magic_as_line
    argument_group("other actions"),
    argument("--refresh", action="store_true", help="get new credentials now"),
    argument(
        "--login", action="store_true", help="sign in again first (IAM Identity Center, aws login)"
    ),
    argument(
        "--logout",
        action="store_true",
        help="end the sign-in of NAME or --sso NAME, or all sign-ins, for all programs",
    ),
    argument(
        "--device-code",
        action="store_true",
        help="sign in with a code in any browser, even if the kernel's machine can open one",
    ),
    argument(
        "--off",
        action="store_true",
        help="undo all switches, and restore everything to how it was before the first one",
    ),
    argument(
        "--explain",
        action="store_true",
        help="show how NAME, or the active profile, resolves; doesn't use the network",
    ),
    argument(
        "--console",
        metavar="SERVICE",
        nargs="?",
        const="",
        help="open the AWS console as the active identity, in a browser on the kernel's machine",
    ),
    argument("--pick", action="store_true", help="show a searchable list of the profiles"),
)

aws_calls_arguments = _decorator(
    argument(
        "action",
        metavar="on|off|clear",
        nargs="?",
        choices=("on", "off", "clear"),
        help="start or stop recording, or delete the recorded calls; without this argument, the "
        "calls are returned",
    ),
    argument("--denied", action="store_true", help="return only the calls that AWS denied"),
    argument(
        "--policy",
        metavar="FILE",
        nargs="?",
        const="",
        help="show a draft policy for the calls of each identity, or write the active "
        "identity's draft to a file",
    ),
)

aws_profiles_arguments = _decorator(
    argument(
        "pattern",
        metavar="PATTERN",
        nargs="*",
        action=JoinedWords,
        help="words to search for in the name, account, role, Region and source; or a pattern such "
        "as *-prod",
    ),
    argument(
        "--sso",
        metavar="NAME",
        nargs="?",
        const="",
        help="list the accounts and roles of a sign-in to IAM Identity Center instead of the "
        "profiles",
    ),
    argument(
        "--refresh",
        action="store_true",
        help="with --sso: call AWS again instead of using the list that all kernels keep for a day",
    ),
    argument(
        "--save",
        metavar="NAMES",
        help="show how to save the roles of --sso as profiles with names such as "
        '"{account_name}-{role}", in a block of the config file; --yes writes the block, which '
        "then has only roles that are assigned to you",
    ),
    argument_group("options of a cell (%%aws_profiles)"),
    argument(
        "--into",
        metavar="VAR",
        type=variable_name,
        help="store the DataFrame in this variable instead of showing it",
    ),
    argument(
        "--regions",
        metavar="R,R",
        help="run the cell in each of these AWS Regions, separated by commas, instead of each "
        "profile's own",
    ),
    argument(
        "--workers",
        metavar="N",
        type=worker_count,
        help="the maximum number of profiles to process at the same time (default: 32)",
    ),
    argument("--no-progress", action="store_true", help="show no progress bar"),
    argument("--read-only", action="store_true", help="limit every session to reading"),
    argument("--policy", metavar="FILE", help="limit every session with the policy in a JSON file"),
    argument(
        "--write",
        action="store_true",
        help="allow writing, even if profiles match `%%config AwsProfileMagics.read_only`",
    ),
    argument(
        "--yes", action="store_true", help="include protected profiles; with --save, write them"
    ),
)
