"""Create the cards about identities, sign-ins, MFA codes and errors."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ipy_awsprofile.cards.card import Card, Tone
from ipy_awsprofile.config.files import read_config
from ipy_awsprofile.config.mistakes import faults_of_clients, ignored_limits
from ipy_awsprofile.config.organization import read_policy
from ipy_awsprofile.config.policies import READS
from ipy_awsprofile.config.shared import AGENT, NOTEBOOK, python_of
from ipy_awsprofile.credentials.person import SignInStep
from ipy_awsprofile.credentials.sts import aws_now
from ipy_awsprofile.errors import AwsProfileError
from ipy_awsprofile.kernel.sharing import SeenByPrograms
from ipy_awsprofile.sessions.assigned_roles import known_account_name
from ipy_awsprofile.sessions.session import label_for
from ipy_awsprofile.switch.opening import is_protected
from ipy_awsprofile.text import chain_line, listed, number_of, one_line

if TYPE_CHECKING:
    from ipy_awsprofile.config.files import Section, SharedFiles
    from ipy_awsprofile.config.target import Target
    from ipy_awsprofile.follower import Leftover
    from ipy_awsprofile.kernel.sharing import Window
    from ipy_awsprofile.sessions.session import Identity, ProfileSession
    from ipy_awsprofile.switch.stack import OpenProfile
    from ipy_awsprofile.switch.switcher import Switcher

#: The badge of expired credentials.
_EXPIRED = "expired"

#: The badge of a session that renews its expired credentials automatically.
_RENEWS = "renews at the next call"

#: The value of a row for information that a server other than AWS doesn't report.
NOT_TOLD = "unknown: the server doesn't report it"


#: How the credentials of most sessions renew.
_AUTOMATICALLY = "renews automatically"

#: How the credentials of a session with a sign-in renew.
_WITH_SIGN_IN = "renews until your sign-in ends"


def active_identity_card(
    switcher: Switcher,
    active: OpenProfile,
    identity: Identity,
    *,
    variable: str,
    problem: str,
    notes: Iterable[Leftover] = (),
) -> Card:
    """Return a card about the active profile.

    ``identity`` is the profile's current identity. ``variable`` is the name of the variable that
    contains the session, or an empty string. ``problem`` says why the credentials couldn't be
    renewed and what to do, or is an empty string. The card shows ``notes`` before its notes about
    objects that still use another identity.
    """
    session = active.session
    target = session.target
    renewal = _AUTOMATICALLY
    if problem:
        renewal = ""
    elif not target.renews_unattended:
        renewal = "renews with an MFA code"
    elif target.signs_in:
        renewal = _WITH_SIGN_IN
    leftovers = [*notes]
    with suppress(AwsProfileError):  # a run over many profiles has begun in another thread
        leftovers += switcher.leftovers()
    lasts = ""
    if switcher.cell.is_block:
        lasts = "for this cell"
    elif switcher.is_in_block:
        lasts = "for this block"
    return identity_card(
        identity,
        variable=variable,
        rows=[
            *session_rows(target),
            *sharing_rows(switcher, session),
            *worker_rows(switcher, session),
            *policy_rows(),
        ],
        account_name=known_account_name(identity.account),
        region_variable=target.region_variable,
        renewal=renewal,
        notes=(
            *(_window_note(switcher.recipients.window), problem, target.unknown_region),
            *ignored_limits(target),
            *faults_of_clients(target),
            *map(str, leftovers),
        ),
        is_protected=is_protected(switcher.active, switcher.protection),
        lasts=lasts,
    )


def inactive_card(note: str) -> Card:
    """Return the card that is shown while no profile is active."""
    return Card("No profile is active", notes=(note,))


def identity_card(
    identity: Identity,
    *,
    now: datetime | None = None,
    variable: str = "",
    rows: Iterable[tuple[str, str]] = (),
    account_name: str | None = None,
    region_variable: str = "",
    renewal: str = _AUTOMATICALLY,
    notes: Iterable[str | None] = (),
    is_protected: bool = False,
    lasts: str = "",
) -> Card:
    """Return a card about an identity, with the time left at ``now`` until the credentials expire.

    ``rows`` contains additional rows about the session. ``region_variable`` is the environment
    variable that sets the Region, or an empty string. ``renewal`` says how the credentials are
    renewed, or is an empty string if they couldn't be renewed. ``notes`` are warnings. Empty notes
    are ignored. ``lasts`` says how long the identity is used, for example ``for this cell``.
    """
    now = now or datetime.now(UTC)
    badge = time_left(identity.expiry, now, temporary=identity.temporary)
    since = ""
    if badge.endswith("left"):
        since = f"(as of {now:%H:%M} UTC)"
    warnings = list(filter(None, notes))
    tone = Tone.GOOD
    if warnings:
        tone = Tone.WARNING
    mark = ""
    if is_protected:
        mark = "protected"
        tone = Tone.ERROR
    if badge == _EXPIRED:
        if renewal in (_AUTOMATICALLY, _WITH_SIGN_IN):
            badge = _RENEWS
        else:
            tone = Tone.ERROR
    if identity.cached and identity.expiry:  # cached credentials weren't checked with AWS
        badge += ", cached"
    if lasts:
        badge = f"{lasts}, {badge}"
    return Card(
        chain_line(identity.chain),
        badge=badge,
        since=since,
        rows=[
            *_identity_rows(identity, account_name, region_variable),
            *rows,
            ("expires", _expiry_line(identity, renewal)),
            ("variable", variable),
        ],
        notes=warnings,
        tone=tone,
        mark=mark,
    )


def _identity_rows(
    identity: Identity, account_name: str | None, region_variable: str
) -> list[tuple[str, str]]:
    """Return the card's rows with the account, ARN and Region of an identity."""
    account = identity.account or NOT_TOLD
    if account_name:
        account += f" ({account_name})"
    region = identity.region or "none"
    if region_variable:
        region += f", from {region_variable}"
    return [("account", account), ("ARN", identity.arn or NOT_TOLD), ("region", region)]


def _expiry_line(identity: Identity, renewal: str) -> str:
    """Return a line that says when the credentials expire and how they are renewed.

    The result is an empty string for credentials that don't expire.
    """
    if identity.expiry is None and identity.temporary:
        return "unknown"
    if identity.expiry is None:
        return ""
    expiry = f"{identity.expiry:%Y-%m-%d %H:%M:%S} UTC"
    here = identity.expiry.astimezone()
    if here.utcoffset():
        expiry += f" ({here:%H:%M %Z})"
    if renewal:
        expiry += f", {renewal}"
    return expiry


def session_rows(target: Target) -> list[tuple[str, str]]:
    """Return the card's rows with the limits, server, source identity and tags of a session."""
    request = target.request
    parameters = target.parameters.get(target.profile.role_arn or "", {})
    rows = []
    if target.foreign_sts:
        server = f"{target.foreign_sts}, not AWS"
        if request.read_only or request.policy:
            server += ". It may ignore the session policy"
        rows.append(("server", server))
    if target.store:
        rows.append(("credentials", f"keys of {target.store}"))
    if request.read_only:
        # A role has AWS's own policy, and other identities have this package's.
        access = "read-only, limited by the session policy ReadOnlyAccess"
        if target.scope:
            access = f"read-only in {len(READS)} services; all others are denied"
        rows.append(("access", access))
    if request.policy:
        rows.append(("policy", f"limited by the session policy {request.policy}"))
    if "SourceIdentity" in parameters:
        rows.append(("source identity", parameters["SourceIdentity"]))
    if "Tags" in parameters:
        tags = [f"{tag['Key']}={tag['Value']}" for tag in parameters["Tags"]]
        rows.append(("tags", ", ".join(tags)))
    return rows


def sharing_rows(switcher: Switcher, session: ProfileSession) -> list[tuple[str, str]]:
    """Return the card's row about the programs that use a session's identity.

    The result is empty if the notebook doesn't share its identity or shares a different session.
    """
    sharing = switcher.recipients.sharing
    if sharing is None or sharing.get_session() is not session:  # it is a block's
        return []
    settings: Section = {}
    with suppress(AwsProfileError):  # a file that can't be read just now
        settings = read_config().profiles.get(NOTEBOOK, {})
    agent = f"`{AGENT}` to only read"
    if switcher.recipients.window:
        agent = f"`{AGENT}`, which can write for now"
    shared = f"programs with the profile `{NOTEBOOK}`, or {agent}"
    programs_region = settings.get("region")
    seen = sharing.seen_by_programs
    if seen is SeenByPrograms.ANOTHER:
        shared = (
            "no: another notebook shares its identity now. To share this notebook's identity, run "
            "`%aws_profile --share`"
        )
    elif seen is SeenByPrograms.NONE:
        shared = (
            "no: programs don't find this notebook anymore. To share its identity again, run "
            "`%aws_profile --share`"
        )
    elif not python_of(settings):
        shared = (
            "not yet: to add profiles for programs to the config file, run `%aws_profile --share`"
        )
    elif programs_region != session.region_name:
        shared += f"; their Region is {programs_region or 'not set'}"
    if seen is SeenByPrograms.THIS:
        shared += _keys_of_programs(sharing.grant.lends_own_keys)
    dropped = switcher.recipients.receipts.dropped
    if dropped:
        shared += f"; {number_of(dropped, 'row')} about the oldest keys were deleted"
    return [("shared", shared)]


def _keys_of_programs(lends_own_keys: bool | None) -> str:
    """Return a clause that says how long the programs' keys are valid.

    The result is an empty string if the keys are short-lived.
    """
    if lends_own_keys is None:
        return "; to see how long their keys last, run `%aws_profile` again"
    if lends_own_keys:
        return "; their keys last as long as the notebook's, because AWS can't issue shorter ones"
    return ""


def _window_note(window: Window | None) -> str:
    """Return the note about programs that can write during a write window, or an empty string."""
    if window is None:
        return ""
    limit = f", as far as {window.policy} allows" if window.policy else ""
    until = f"{window.ends:%H:%M:%S} UTC ({time_left(window.ends, aws_now())})"
    return (
        f"`{AGENT}` can write until {until}{limit}. {other_roles(window)} "
        "To stop giving keys to programs, run `%aws_profile --share off`. Keys that programs "
        "already have stay valid until the write window ends."
    )


def other_roles(window: Window) -> str:
    """Return a sentence that says whether programs can assume other roles in a write window.

    The keys of another role can remain valid after the write window ends.
    """
    if not window.limits.denies_other_roles:
        return "Programs can also assume other roles, whose keys can outlast the window."
    if window.policy:
        return "Programs can't assume other roles unless the policy names `sts:AssumeRole`."
    return "Programs can't assume other roles."


def policy_rows() -> list[tuple[str, str]]:
    """Return a row for each policy file of the organization, with the keys that the file sets."""
    rows: list[tuple[str, str]] = []
    with suppress(AwsProfileError):  # a wrong file, which every switch raises
        for file in read_policy().files:
            keys = ", ".join(name for name, _ in file.rows()) or "nothing"
            rows.append(("organization", f"{one_line(file.path)} sets {keys}"))
    return rows


def worker_rows(switcher: Switcher, session: ProfileSession) -> list[tuple[str, str]]:
    """Return a row for each cluster with workers that use a session's identity."""
    rows = []
    for workers in switcher.recipients.workers.values():
        if workers.label == label_for(session):
            uses = "use this identity"
            if workers.read_only:
                uses = "can only read as this identity"
            keys = time_left(workers.keys_end, temporary=True)
            text = f"of {workers.address} {uses} (their keys: {keys})"
            if workers.problem:
                text += f". {workers.problem}"
            rows.append(("workers", text))
    return rows


#: An example of a credentials file for a user who has access keys.
_FIRST_PROFILE = """\
[default]
aws_access_key_id = …
aws_secret_access_key = …
region = us-east-1"""


def no_profiles_card(files: SharedFiles) -> Card:
    """Return a card about files without profiles that says what to do next."""
    rows = (("config", one_line(files.config)), ("credentials", one_line(files.credentials)))
    notes = (
        "If you have access keys, write these lines, with your keys and Region, to "
        f"`{one_line(files.credentials)}`, and run `%aws_profile default`.",
        "If you sign in at an AWS access portal, run `aws configure sso` in a terminal. This "
        "command requires the AWS CLI.",
        "To use the role of this machine, run `%aws_profile --default`.",
        "To try ipy_awsprofile without an AWS account, run `ipy-awsprofile lab` in a terminal.",
    )
    title = "There are no AWS profiles yet"
    return Card(title, rows=rows, notes=notes, code=_FIRST_PROFILE)


def off_card(
    kept: Sequence[str] | None, leftovers: Iterable[Leftover] = (), *, was_shared: bool = False
) -> Card:
    """Return a card that says that a switch was undone, or that no profile was active.

    ``kept`` contains the names of the variables and settings that the user has changed since the
    switch, or is None if no profile was active. ``was_shared`` is true if programs outside the
    kernel used the identity.
    """
    if kept is None:
        return inactive_card("There is no switch to undo.")
    exceptions = list(map(str, leftovers))
    tone = Tone.QUIET
    what = "Everything"
    if exceptions:
        tone = Tone.WARNING
        what = "Everything that you create now"
    undone = f"{what} is as it was before the first switch"
    if kept:
        undone += f", except for what you have changed since: {listed(kept)}"
    notes = [f"{undone}.", *exceptions]
    if was_shared:
        notes.append(
            "Programs no longer get credentials. Credentials that programs already have stay valid "
            "until they expire."
        )
    return Card("The switch is undone", notes=notes, tone=tone)


def error_card(error: AwsProfileError) -> Card:
    """Return a card that shows an error's message, AWS's own message, and the hint."""
    title, _, theirs = str(error).partition(": ")
    if theirs:
        title += ":"
    notes = list(filter(None, (theirs, error.hint)))
    return Card(title, notes=notes, tone=Tone.ERROR)


def mfa_card(device: str, profile: str = "", refused: str = "", where: str = "") -> Card:
    """Return a card that asks for an MFA code and names the device and the profile.

    ``refused`` says why the previous code was refused and what to enter now, or is an empty string.
    ``where`` says where the front end shows its prompt, if the prompt is hard to find.
    """
    rows = (("profile", profile), ("device", device))
    notes = tuple(filter(None, (refused, where)))
    if not refused:
        return Card("An MFA code is needed", rows=rows, notes=notes)
    return Card("Another MFA code is needed", rows=rows, notes=notes)


def time_left(
    expiry: datetime | None, now: datetime | None = None, *, temporary: bool = False
) -> str:
    """Return the remaining time of credentials in words, such as ``59 minutes left``.

    If ``expiry`` is None, the result says that the expiry isn't known (for ``temporary``
    credentials) or that the credentials don't expire.
    """
    if expiry is None and temporary:
        return "expires: unknown"
    if expiry is None:
        return "no expiry"
    seconds = (expiry - (now or datetime.now(UTC))).total_seconds()
    if seconds <= 0:
        return _EXPIRED
    if seconds < 60:  # noqa: PLR2004
        return "less than a minute left"
    hours, minutes = divmod(round(seconds / 60), 60)  # 59.9 minutes are 1 hour
    words = []
    if hours:
        words.append(number_of(hours, "hour"))
    if minutes:
        words.append(number_of(minutes, "minute"))
    return f"{' '.join(words)} left"


def signed_out_card(
    names: Sequence[str], problems: Sequence[str], inactive: Sequence[str], active: str
) -> Card:
    """Return a card that lists the sign-ins that have ended and the problems that occurred.

    ``inactive`` contains the profiles that are no longer active because they needed these sign-ins.
    ``active`` is the name of the profile that is still active, or an empty string.
    """
    title = "You aren't signed in"
    tone = Tone.QUIET
    notes = [*problems]
    for profile in inactive:
        notes.append(f"{profile} is no longer active.")
    if active:
        notes.append(f"`{active}` is still active. To undo the switch, run `%aws_profile --off`.")
    if names:
        title = f"Signed out of {', '.join(names)}"
        tone = Tone.GOOD
        notes.append(
            "The sessions of running programs, and role sessions that programs created with "
            "them, stay valid until they expire."
        )
    if problems:
        tone = Tone.WARNING
    return Card(title, notes=notes, tone=tone)


#: The instructions for the page of a sign-in.
_STEPS = {
    SignInStep.ALLOW: "Allow the sign-in in the browser that opens.",
    SignInStep.COMPARE_CODE: "Allow the sign-in if the page shows this code.",
    SignInStep.ENTER_CODE: "Open the page in any browser, sign in, and enter the code that the "
    "page shows. If another program has already signed in, press Enter.",
}


def sign_in_card(
    profile: str, url: str, step: SignInStep, code: str, about: Sequence[tuple[str, str]]
) -> Card:
    """Return a card with a button that opens a sign-in page, and instructions for this page.

    ``code`` is the code that the page must show, or an empty string. ``about`` contains additional
    rows about the sign-in.
    """
    return Card(
        f"Sign in for {profile}",
        rows=(("code", code), *about),
        notes=(f"{_STEPS[step]} Interrupt the cell to stop waiting.",),
        tone=Tone.WARNING,
        link=("Open the sign-in page", url),
    )
