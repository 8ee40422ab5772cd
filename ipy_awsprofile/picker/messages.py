"""The messages between Python and the view, which are JSON.

Profiles, identities and errors travel as messages and never as synced traits: those would be saved
with the notebook. The view has the same types in ``view/messages.js``; a test compares the two.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NotRequired, TypedDict


class ProfilesMessage(TypedDict):
    """The order of the profiles; the profiles themselves are in the message's buffer.

    A view that has this version of them already gets neither the buffer nor the Regions.
    """

    type: Literal["profiles"]
    version: int
    pins: Sequence[str]
    recent: Sequence[str]
    #: The sign-ins whose roles can be listed: names of [sso-session] sections.
    sign_ins: Sequence[str]
    #: When the roles of the other sign-ins were listed, as ISO 8601.
    listed_at: Mapping[str, str]
    regions: NotRequired[Sequence[str]]
    #: If there are no profiles: a card that says what to do, in which every text is escaped.
    html: NotRequired[str]


class ActiveIdentity(TypedDict):
    """What the view needs to know of the identity, beside its card."""

    profile: str | None
    #: The card's title.
    name: str
    #: Seconds. The view counts down from it, since the browser's clock may differ.
    left: float | None
    #: Whether no MFA code from a person is needed when they end.
    renews: bool
    #: The Region of the request, if it isn't the profile's.
    chosen_region: str | None
    #: When the credentials end, as ISO 8601; the view shows it as the person's clock has it.
    expires: str | None
    #: Empty if the server doesn't tell it.
    arn: str
    #: The account's alias if one is known, otherwise its ID.
    account: str
    protected: bool
    #: Whether the session is limited to reading.
    read_only: bool
    #: The number of the card's notes, such as what doesn't follow.
    notes: int
    #: If it is a role that no profile names: a name for such a profile, otherwise empty.
    save_as: str


class IdentityMessage(TypedDict):
    """The identity that the notebook works as, or None if no profile is active."""

    type: Literal["identity"]
    identity: ActiveIdentity | None
    #: The identity's card, in which every text is escaped.
    html: str
    #: Whether the notebook has just been switched.
    switched: bool


class WaitingMessage(TypedDict):
    """The command is carried out when the running cell has ended."""

    type: Literal["waiting"]


class DoneMessage(TypedDict):
    """The request is carried out."""

    type: Literal["done"]


class DroppedMessage(TypedDict):
    """The command that waited is not carried out: another one, or `--off`, came first."""

    type: Literal["dropped"]


class ConfirmMessage(TypedDict):
    """The profile is protected: the person has to confirm the switch."""

    type: Literal["confirm"]


class CodeMessage(TypedDict):
    """An MFA code is needed."""

    type: Literal["code"]
    #: The device's serial number or ARN.
    device: str
    #: An error card if a code was refused, otherwise empty.
    html: str


class SignInMessage(TypedDict):
    """A sign-in is needed: the page to open, and the code that it has to show.

    The code is empty if the browser of this machine has opened the page, and None if the page shows
    a code that the person enters.
    """

    type: Literal["sign_in"]
    url: str
    code: str | None


class ConsoleMessage(TypedDict):
    """A link to the AWS console, for a new tab alone: it has a token."""

    type: Literal["console"]
    url: str


class SignedInMessage(TypedDict):
    """The person has signed in: the view repeats its command."""

    type: Literal["signed_in"]


class ProgressMessage(TypedDict):
    """The accounts whose roles are listed, the number of all accounts, and whether AWS slows it."""

    type: Literal["progress"]
    listed: int
    accounts: int
    is_slowed: bool


class ListedMessage(TypedDict):
    """The roles of a sign-in are listed; they are in the next list of profiles."""

    type: Literal["listed"]
    sso: str


class ErrorMessage(TypedDict):
    """The command failed, or a callback of ``on_switch``."""

    type: Literal["error"]
    #: An error card, in which every text is escaped.
    html: str


#: From Python to the view.
Message = (
    ProfilesMessage
    | IdentityMessage
    | WaitingMessage
    | DoneMessage
    | DroppedMessage
    | ConfirmMessage
    | CodeMessage
    | SignInMessage
    | ConsoleMessage
    | SignedInMessage
    | ProgressMessage
    | ListedMessage
    | ErrorMessage
)


class ReadyCommand(TypedDict):
    """The view is there, and asks for the identity."""

    type: Literal["ready"]


class StatusCommand(TypedDict):
    """A button asks for the identity as it is known, without a question to AWS."""

    type: Literal["status"]


class ListCommand(TypedDict):
    """The view asks for the profiles."""

    type: Literal["list"]
    #: The version of them that it has; 0 if it has none.
    have: int


class SwitchCommand(TypedDict):
    """Switch to a profile; the view repeats it with what it was asked for."""

    type: Literal["switch"]
    profile: str
    #: None is the profile's Region.
    region: str | None
    #: The version of the list in which the person saw the profile.
    list: int
    #: Whether to limit the session to reading.
    read_only: NotRequired[bool]
    confirmed: NotRequired[bool]
    #: An MFA code.
    code: NotRequired[str]
    #: Whether to sign in with another browser, by a code.
    device_code: NotRequired[bool]
    #: The code that the sign-in's page has shown.
    entered: NotRequired[str]


class RegionCommand(TypedDict):
    """Change the Region, and keep everything else of the active request."""

    type: Literal["region"]
    region: str | None
    confirmed: NotRequired[bool]
    code: NotRequired[str]
    device_code: NotRequired[bool]
    entered: NotRequired[str]


class RefreshCommand(TypedDict):
    """Get new credentials."""

    type: Literal["refresh"]
    confirmed: NotRequired[bool]
    code: NotRequired[str]
    device_code: NotRequired[bool]
    entered: NotRequired[str]


class SaveCommand(TypedDict):
    """Keep the active role as a profile with this name, and switch to the profile."""

    type: Literal["save"]
    name: str
    confirmed: NotRequired[bool]
    code: NotRequired[str]
    device_code: NotRequired[bool]
    entered: NotRequired[str]


class RolesCommand(TypedDict):
    """List the roles of a sign-in, with or without profiles."""

    type: Literal["roles"]
    #: The name of an [sso-session].
    sso: str
    #: Whether AWS is asked even if the roles were listed before.
    fresh: NotRequired[bool]
    device_code: NotRequired[bool]


class OffCommand(TypedDict):
    """Undo the switch."""

    type: Literal["off"]


class ConsoleCommand(TypedDict):
    """Open the AWS console as the active identity."""

    type: Literal["console"]


class PinCommand(TypedDict):
    """Pin or unpin a profile."""

    type: Literal["pin"]
    profile: str
    pinned: bool


#: From the view to Python: what switches, and may need a confirmation, a code or a sign-in.
Switching = SwitchCommand | RegionCommand | RefreshCommand | SaveCommand
