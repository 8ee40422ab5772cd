"""What a session is opened for: a profile or a role's ARN, and what differs from the files.

Options stand in for settings of the profile, so that botocore resolves the result as if the files
said it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256

from ipy_awsprofile.errors import InvalidOption, InvalidProfile
from ipy_awsprofile.profiles import Profile, ProfileKind, role_chain
from ipy_awsprofile.shared_files import SharedFiles, read_shared_files
from ipy_awsprofile.user_environment import user_environment

_ASSUMES = {ProfileKind.ASSUME_ROLE, ProfileKind.CREDENTIAL_SOURCE}

#: What a role given by ARN takes over from its source profile: it has no section of its own.
_TAKEN_OVER = ("region", "endpoint_url", "services", "s3", "sts_regional_endpoints")

#: What a profile says about its clients, and not about its credentials or about this machine.
#: https://docs.aws.amazon.com/sdkref/latest/guide/settings-reference.html
_OF_CLIENTS = (
    "account_id_endpoint_mode",
    "auth_scheme_preference",
    "defaults_mode",
    "disable_request_compression",
    "endpoint_discovery_enabled",
    "endpoint_url",
    "ignore_configured_endpoint_urls",
    "inject_host_prefix",
    "max_attempts",
    "parameter_validation",
    "request_checksum_calculation",
    "request_min_compression_size_bytes",
    "response_checksum_validation",
    "retry_mode",
    "s3",
    "s3_disable_multiregion_access_points",
    "s3_use_arn_region",
    "s3control",
    "sdk_ua_app_id",
    "services",
    "sigv4a_signing_region_set",
    "sts_regional_endpoints",
    "tcp_keepalive",
    "use_dualstack_endpoint",
    "use_fips_endpoint",
)


@dataclass(frozen=True, slots=True, repr=False)
class Target:
    """A profile, what is to be replaced in it, and where it was read.

    ``chain`` goes from the profile to the one whose credentials start it. ``policy_arns`` are
    session policies: what they don't allow, the session can't do.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies.html#policies_session
    """

    chain: tuple[Profile, ...]
    settings: dict[str, str | dict[str, str]]
    region: str | None
    files: SharedFiles
    policy_arns: tuple[str, ...] = ()
    #: Commands that print a code, by the MFA device they stand for; see `mfa.code_from`.
    mfa_processes: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Name of the profile, or ARN of the role."""
        return self.chain[0].name

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the chain's profiles."""
        return tuple(profile.name for profile in self.chain)

    @property
    def role_arn(self) -> str | None:
        """ARN of the role that is assumed last, if one is."""
        return self.chain[0].role_arn

    @property
    def cache_variant(self) -> str:
        """What keeps a role with session policies apart from the full one; empty without any.

        The narrowed role is part of it: the roles on the way to it are assumed in full, and must
        not be found by a session that is to be read-only itself.
        """
        if not self.policy_arns:
            return ""
        narrowed = " ".join([str(self.role_arn), *self.policy_arns])
        return f"narrowed-{sha256(narrowed.encode()).hexdigest()[:16]}"

    def client_settings(self) -> dict[str, str | dict[str, str]]:
        """Read what the profile says about its clients; no credential and no path is in it."""
        section = read_shared_files(self.files).profiles.get(self.name)
        said = {**(section or {}), **self.settings}
        return {name: said[name] for name in _OF_CLIENTS if name in said}


def target_of(
    name: str | None,
    *,
    region: str | None = None,
    role_arn: str | None = None,
    source_profile: str | None = None,
    duration: int | None = None,
    session_name: str | None = None,
    external_id: str | None = None,
    read_only: bool = False,
) -> Target:
    """Find the profile (or take the role's ARN), and check that it can take the options.

    Raises InvalidOption, InvalidProfile, and what `role_chain` raises.
    """
    environ = user_environment()
    files = SharedFiles.from_environment(environ)
    settings: dict[str, str | dict[str, str]] = {}
    if role_arn is None and name is not None and source_profile is None:
        chain = role_chain(name, files=files)
    elif role_arn is not None and name is None and source_profile is not None:
        chain, settings = _role_by_arn(role_arn, source_profile, files)
    else:
        raise InvalidOption(
            "A switch takes a profile's name, or a role's ARN together with a source profile.",
            "`%aws_profile NAME`, or `%aws_profile --role-arn ARN --source-profile NAME`.",
        )
    if duration is not None:
        _require_kind(chain[0], _ASSUMES, "a duration")
        settings["duration_seconds"] = str(duration)
    if external_id is not None:
        _require_kind(chain[0], _ASSUMES, "an external ID")
        settings["external_id"] = external_id
    if session_name is not None:
        _require_kind(chain[0], _ASSUMES | {ProfileKind.WEB_IDENTITY}, "a session name")
        settings["role_session_name"] = session_name
    policies: tuple[str, ...] = ()
    if read_only:
        _require_kind(chain[0], _ASSUMES, "a session policy, which is what makes it read-only")
        policies = (f"arn:{_partition(chain[0])}:iam::aws:policy/ReadOnlyAccess",)
    sections = read_shared_files(files).profiles
    section = sections.get(chain[0].name)
    own_region = section.text("region") if section else settings.get("region")
    known = region or environ.get("AWS_DEFAULT_REGION") or own_region
    return Target(
        chain,
        settings,
        str(known) if known else None,
        files,
        policies,
        {
            profile.mfa_serial: command
            for profile in chain
            if profile.mfa_serial and (command := sections[profile.name].text("mfa_process"))
        },
    )


def _role_by_arn(
    role_arn: str, source_profile: str, files: SharedFiles
) -> tuple[tuple[Profile, ...], dict[str, str | dict[str, str]]]:
    if role_arn.count(":") < 5 or ":role/" not in role_arn:  # noqa: PLR2004
        raise InvalidOption(
            f"`{role_arn}` is no ARN of a role.", "One looks like arn:aws:iam::123456789012:role/X."
        )
    sources = role_chain(source_profile, files=files)
    section = read_shared_files(files).profiles[source_profile]
    settings = {name: section[name] for name in _TAKEN_OVER if name in section}
    settings |= {"role_arn": role_arn, "source_profile": source_profile}
    role = Profile(
        name=role_arn,
        kind=ProfileKind.ASSUME_ROLE,
        role_arn=role_arn,
        account=role_arn.split(":")[4],
        source_profile=source_profile,
        region=sources[0].region,
        endpoint=sources[0].endpoint,
        file=sources[0].file,
        line=sources[0].line,
    )
    return (role, *sources), settings


def _partition(profile: Profile) -> str:
    arn = profile.role_arn or ""
    if arn.count(":") < 5:  # noqa: PLR2004
        raise InvalidProfile(
            f"`{arn}`, the role_arn of `{profile.name}`, is no ARN.",
            f"See {profile.file}, line {profile.line}.",
        )
    return arn.split(":")[1]


def _require_kind(profile: Profile, kinds: set[ProfileKind], what: str) -> None:
    if profile.kind not in kinds:
        raise InvalidOption(
            f"`{profile.name}` assumes no role, so it can't take {what}.",
            f"It is of the kind: {profile.kind}.",
        )
