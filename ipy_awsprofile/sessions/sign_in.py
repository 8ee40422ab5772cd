"""Start a sign-in with the method that suits the profile and the machine.

If the kernel and the browser are on the same machine, open the browser, which redirects to the
kernel. Otherwise, or on request, the user opens a page in any browser and compares a code, or for a
profile of ``aws login``, enters a code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipy_awsprofile.config.profiles import ProfileKind
from ipy_awsprofile.credentials.sign_in_files import SignInFile
from ipy_awsprofile.sessions.aws_login import begin_entered_login, begin_login
from ipy_awsprofile.sessions.browser_sign_in import begin_browser_sign_in
from ipy_awsprofile.sessions.local_browser import local_browser, open_in
from ipy_awsprofile.sessions.sso_sign_in import begin_device_sign_in, sso_settings

if TYPE_CHECKING:
    from ipy_awsprofile.config.target import Target
    from ipy_awsprofile.sessions.sign_in_attempt import SignInAttempt


def has_sign_in(target: Target) -> bool:
    """Return whether the target's role chain starts with a sign-in."""
    return _is_login(target) or target.chain[-1].kind is ProfileKind.SSO


def sign_in_file(target: Target) -> SignInFile:
    """Return the AWS CLI's file for the sign-in at the start of the target's role chain.

    Raises InvalidOption if the chain doesn't start with a sign-in, and the exceptions of
    `sso_settings`.
    """
    if _is_login(target):
        return SignInFile.of_login(str(target.chain[-1].settings["login_session"]))
    return sso_settings(target).file


def require_sign_in(target: Target) -> None:
    """Raise InvalidOption if the target's role chain doesn't start with a sign-in."""
    sign_in_file(target)


def begin_sign_in(target: Target, *, device_code: bool = False) -> SignInAttempt:
    """Start a sign-in for a target. Raises AwsProfileError.

    As in the AWS CLI, an IAM Identity Center profile needs an [sso-session] to use the browser on
    this machine.
    """
    is_login = _is_login(target)
    browser = None if device_code else local_browser()
    if browser and (is_login or sso_settings(target).session):
        begin = begin_login if is_login else begin_browser_sign_in
        attempt = begin(target)
        if open_in(browser, attempt.url):
            return attempt
        attempt.close()
    return begin_entered_login(target) if is_login else begin_device_sign_in(target)


def _is_login(target: Target) -> bool:
    return target.chain[-1].kind is ProfileKind.LOGIN_SESSION
