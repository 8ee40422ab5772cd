"""The JSON messages between Python and the view.

Profiles, identities and errors are sent as messages and never as synced traits, which would be
saved with the notebook. The view has the same types in ``view/messages.js``; a test compares the
two.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NotRequired, TypedDict


class ProfilesMessage(TypedDict):
    """The order of the profiles; the profiles themselves are in the message's buffer.

    A view that already has this version gets neither the buffer nor the Regions.
    """

    type: Literal["profiles"]
    version: int
    pins: Sequence[str]
    recent: Sequence[str]
    #: The sign-ins with roles to list: names of [sso-session] sections.
    sign_ins: Sequence[str]
    #: When the roles of the other sign-ins were listed, in ISO 8601.
    listed_at: Mapping[str, str]
    regions: NotRequired[Sequence[str]]
    #: A card with the next step if the files have no profile. All text in it is escaped.
    html: NotRequired[str]


class ActiveIdentity(TypedDict):
    """The identity's fields that the view needs in addition to the card."""

    profile: str | None
    #: The card's title.
    name: str
    #: The remaining seconds. The view counts down, because the browser's clock may differ.
    left: float | None
    #: Whether the credentials renew without an MFA code from the user.
    renews: bool
    #: The Region in the request, or None for the profile's Region.
    chosen_region: str | None
    #: When the credentials expire, in ISO 8601; the view shows it in the user's local time.
    expires: str | None
    #: Empty if the server doesn't report it.
    arn: str
    #: The account's alias if one is known, otherwise its ID.
    account: str
    protected: bool
    #: Whether the session is limited to reading.
    read_only: bool
    #: The number of notes on the card, such as objects that don't follow the switch.
    notes: int
    #: A suggested name for a new profile if the role doesn't have a profile, otherwise empty.
    save_as: str


class IdentityMessage(TypedDict):
    """The notebook's identity, or None if no profile is active."""

    type: Literal["identity"]
    identity: ActiveIdentity | None
    #: The identity's card. All text in it is escaped.
    html: str
    #: Whether the notebook has just switched.
    switched: bool


class WaitingMessage(TypedDict):
    """The command will run after the running cell ends."""

    type: Literal["waiting"]


class DoneMessage(TypedDict):
    """The command is complete."""

    type: Literal["done"]


class DroppedMessage(TypedDict):
    """The waiting command was dropped, because another command or `--off` came first."""

    type: Literal["dropped"]


class ConfirmMessage(TypedDict):
    """The profile is protected, and the user has to confirm the switch."""

    type: Literal["confirm"]


class CodeMessage(TypedDict):
    """An MFA code is needed."""

    type: Literal["code"]
    #: The device's serial number or ARN.
    device: str
    #: An error card if a code was refused, otherwise empty.
    html: str


class SignInMessage(TypedDict):
    """A sign-in is needed. The message has the page to open, and the code that the page must show.

    The code is empty if the browser of this machine has opened the page, and None if the page shows
    a code for the user to enter.
    """

    type: Literal["sign_in"]
    url: str
    code: str | None


class ConsoleMessage(TypedDict):
    """A link to the AWS console. It contains a token, and is only for a new tab."""

    type: Literal["console"]
    url: str


class SignedInMessage(TypedDict):
    """The user has signed in, and the view repeats its command."""

    type: Literal["signed_in"]


class ProgressMessage(TypedDict):
    """The number of accounts that are listed so far, and of all accounts."""

    type: Literal["progress"]
    listed: int
    accounts: int


class ListedMessage(TypedDict):
    """The roles of a sign-in are listed; they are in the next list of profiles."""

    type: Literal["listed"]
    sso: str


class ErrorMessage(TypedDict):
    """The command or a callback of ``on_switch`` failed."""

    type: Literal["error"]
    #: An error card. All text in it is escaped.
    html: str


#: Messages from Python to the view.
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
    """The view is ready, and requests the identity."""

    type: Literal["ready"]


class StatusCommand(TypedDict):
    """A button requests the known identity, without a call to AWS."""

    type: Literal["status"]


class ListCommand(TypedDict):
    """The view requests the profiles."""

    type: Literal["list"]
    #: The version of the profiles that the view has, or 0.
    have: int


class SwitchCommand(TypedDict):
    """Switch to a profile. The view repeats the command with a requested confirmation or code."""

    type: Literal["switch"]
    profile: str
    #: None means the profile's Region.
    region: str | None
    #: The version of the list in which the user saw the profile.
    list: int
    #: Whether to limit the session to reading.
    read_only: NotRequired[bool]
    confirmed: NotRequired[bool]
    #: An MFA code.
    code: NotRequired[str]
    #: Whether to sign in with a code in any browser.
    device_code: NotRequired[bool]
    #: The code from the sign-in page.
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
    """Save the active role as a profile with this name, and switch to the profile."""

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
    #: Whether to call AWS even if the roles were listed before.
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


#: Commands from the view that switch, and may need a confirmation, a code or a sign-in.
Switching = SwitchCommand | RegionCommand | RefreshCommand | SaveCommand
