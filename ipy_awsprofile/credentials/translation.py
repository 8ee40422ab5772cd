"""Translate errors from AWS, botocore and Python into this package's exceptions.

Use `translated` around calls to AWS. Inside a `translated` block, use `reading` where botocore
reads files or responses. `error_table` contains the messages and hints.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from typing import TYPE_CHECKING

from botocore import exceptions as botocore

from ipy_awsprofile.config.mistakes import mistakes_of, texts_about
from ipy_awsprofile.config.profiles import NOT_PROFILES, ProfileKind
from ipy_awsprofile.config.regions import must_be_enabled
from ipy_awsprofile.config.request import SessionRequest, arguments, python_arguments
from ipy_awsprofile.credentials import error_table as table
from ipy_awsprofile.errors import (
    AwsProfileError,
    ProfileNotFound,
    SignInRequired,
    UnexpectedError,
    is_raised_here,
    log_stack,
    module_of,
    speaking_cause,
    without_stack,
)
from ipy_awsprofile.text import in_terminal, listed, one_line, quoted, redacted_urls

if TYPE_CHECKING:
    from ipy_awsprofile.config.target import Target

#: Whether an error in this thread or task is raised as one of this package's.
_is_translating: ContextVar[bool] = ContextVar("is_translating", default=False)


@contextmanager
def translated(target: Target | None, name: str = "") -> Iterator[None]:
    """Convert a ``with`` block's errors to this package's exceptions, without botocore's stack.

    The message names the profile of ``target`` or, if ``target`` is None, the profile ``name``. If
    neither ``target`` nor ``name`` is given, the message is about a session that another library
    created. Commands in the hint repeat the target's options. The original exception becomes the
    cause of the new exception, unless the original exception can contain a secret. An exception for
    which `error_table` doesn't have a rule becomes an UnexpectedError.
    """
    before = _is_translating.get()
    try:
        _is_translating.set(True)
        yield
    except AwsProfileError:
        raise
    except Exception as error:  # noqa: BLE001  # what isn't refused is a fault of ours
        ours = from_error(error, target, name)
        log_stack(error, f"{type(ours).__name__}: {ours}")
        raise ours from _cause(error)
    finally:
        _is_translating.set(before)


@contextmanager
def reading(method: str) -> Iterator[None]:
    """In a ``with`` block, replace errors from reading credentials with botocore's exceptions.

    For damaged files and unexpected responses, botocore raises built-in exceptions such as
    KeyError, which this function replaces. ``method`` is botocore's name for the credential
    provider. If the token file of a sign-in is damaged, raise UnauthorizedSSOTokenError.
    """
    try:
        yield
    except (LookupError, OverflowError, TypeError, ValueError) as error:
        if is_raised_here(error) or _rule_of(error):
            raise
        if method in {"sso", "login"}:
            raise botocore.UnauthorizedSSOTokenError from None
        raise botocore.CredentialRetrievalError(
            provider=method, error_msg=f"unreadable ({type(error).__name__})"
        ) from None


def _cause(error: Exception) -> Exception | None:
    """Return an error without traceback and causes, or None if the error can contain a secret."""
    rule = _rule_of(error)
    if rule is None:
        return speaking_cause(error)
    is_quoted = "{message}" in rule.says and not _is_page(error)
    if not is_quoted or not isinstance(error, botocore.ClientError | botocore.BotoCoreError):
        return None
    text = str(error)
    if redacted_urls(text) != text or "\n" in text:
        return None
    return without_stack(error)


def _is_logged(record: logging.LogRecord) -> bool:
    """Return False for the log record of a failure that this package raises as an exception."""
    error = record.exc_info[1] if record.exc_info else None
    if error is None:
        return True
    return not _is_translating.get() and not isinstance(error, AwsProfileError)


for _name in ("botocore.credentials", "botocore.tokens"):
    logging.getLogger(_name).addFilter(_is_logged)


def code_of(error: botocore.ClientError) -> str:
    """Return an error response's code or, if the response doesn't have a code, its HTTP status."""
    code = _details_of(error).get("Code")
    if code:
        return str(code)
    metadata: Mapping[str, object] = error.response.get("ResponseMetadata") or {}
    return str(metadata.get("HTTPStatusCode", ""))


def _details_of(error: botocore.ClientError) -> Mapping[str, object]:
    """Return the details of an error response, which Ceph puts at the response's top level."""
    return error.response.get("Error") or error.response


def _is_page(error: Exception) -> bool:
    """Return whether an error response is a web page instead of AWS's error document.

    botocore uses the whole body of a web page as the error message.
    """
    return isinstance(error, botocore.ClientError) and code_of(error).isdigit()


def _message_of(error: Exception) -> str:
    """Return the one-line message from AWS or botocore, or else the error code."""
    if not isinstance(error, botocore.ClientError):
        # If the line below a setting is indented, botocore quotes it. It can be a secret.
        return redacted_urls(one_line(str(error).partition("\n")[0]))
    message = _details_of(error).get("Message")
    if _is_page(error) or not message:
        return code_of(error) or "no reason"
    return redacted_urls(one_line(message))


def _code_after(message: str, code: str) -> str:
    """Return an error code in parentheses, or an empty string if the message contains the code."""
    return f" ({one_line(code)})" if code and code not in message else ""


def _rule_of(error: Exception) -> table.Rule | None:
    """Return the first rule in the table that applies to an error, or None."""
    if isinstance(error, botocore.ClientError):
        answer = code_of(error), str(error.operation_name)
        rules = [rule for rule in table.RESPONSES if rule.is_for_response(*answer)]
    else:
        rules = [rule for rule in table.EXCEPTIONS if isinstance(error, rule.when)]
    for rule in rules:
        if rule.module and module_of(error) != rule.module:
            continue
        if re.search(rule.text, str(error)):
            return rule
    return None


def from_error(error: Exception, target: Target | None, name: str = "") -> AwsProfileError:
    """Return this package's exception for an error from AWS, botocore or Python.

    The parameters ``target`` and ``name`` have the same meaning as in `translated`.
    """
    details = getattr(error, "kwargs", {})
    if isinstance(error, botocore.ProfileNotFound):
        return ProfileNotFound(details["profile"])  # it has the sentence, because we raise it, too
    rule = _rule_of(error)
    if rule is None:
        return UnexpectedError(error)
    chain = target.names if target else tuple(filter(None, (name,)))
    names = [f"`{each}`" for each in chain] or ["this session"]
    problem = re.sub(r", value: .*, type: .*", "", one_line(details.get("report", "")))
    request = _request_in_hints(target) if target else SessionRequest(name or "NAME")
    typed = arguments(request)
    fields = {
        "name": names[0],
        "start": names[-1],
        "signer": names[0],
        "message": _message_of(error).rstrip("."),
        "source": details.get("provider", "Ec2InstanceMetadata"),
        "problem": problem,
        "sso": _sign_in_of(target),
        "actions": listed(_actions_of_assuming(target)),
        "typed": typed,
        "unlimited": _scoped_without_limits(target),
        "disabled": "",
        "explain": f"`%aws_profile --explain {typed}` shows where each setting comes from.",
    }
    if request.source and not request.source_profile:  # a line can't name the role's source
        fields["explain"] = ""
    if isinstance(error, botocore.ClientError):
        fields |= {"call": error.operation_name, "code": code_of(error)}
        fields["with_code"] = _code_after(fields["message"], code_of(error))
        if error.operation_name == "AssumeRole":
            fields["signer"] = names[-1]
    if target and must_be_enabled(target.region) and not target.foreign_sts:
        fields["disabled"] = f"The Region `{target.region}` might not be enabled in your account. "
    if rule.kind is SignInRequired:
        fields |= {"login": f"{typed} --login", "aws_login": _sign_in_command(target)}
    says = rule.says.format_map(fields)
    hint = " ".join(_mistakes_about(rule, target)) or rule.hint.format_map(fields)
    return rule.kind(f"{says[0].upper()}{says[1:]}.", hint)


def _request_in_hints(target: Target) -> SessionRequest:
    """Return a target's request, with the source profile if an open session assumes the role.

    The source profile is missing if the session doesn't have a profile in the shared files.
    """
    request = target.request
    if request.source is None:
        return request
    profile = request.source.chain[0]
    if profile.kind is ProfileKind.AMBIENT or profile not in target.config.profiles:
        return request
    return replace(request, source_profile=profile.name)


def _scoped_without_limits(target: Target | None) -> str:
    """Return a hint to open a scoped session from a session without a target's limits."""
    request = target.request if target else SessionRequest("NAME")
    own = SessionRequest(**request.session_options())
    unlimited = replace(own, read_only=False, policy=None)
    code = f"open_session({python_arguments(unlimited)})"
    if unlimited == SessionRequest(unlimited.profile):
        code = repr(unlimited.profile)
    statement = f"with scoped({code}, …) as scoped_session:"
    return f"Start from a session without these limits, and add your own limits: `{statement}`."


def _sign_in_of(target: Target | None) -> str:
    """Return a space and a target's sign-in to append to ``--sso``, or an empty string."""
    sign_in = target.sign_in if target else None
    return f" {quoted(sign_in.name)}" if sign_in else ""


def _actions_of_assuming(target: Target | None) -> Iterator[str]:
    """Yield the IAM actions that the caller needs to assume the roles of a target."""
    yield "sts:AssumeRole"
    parameters = target.parameters.values() if target else ()
    for name, action in (("Tags", "sts:TagSession"), ("SourceIdentity", "sts:SetSourceIdentity")):
        if any(name in given for given in parameters):
            yield action


def _mistakes_about(rule: table.Rule, target: Target | None) -> list[str]:
    """Return the mistakes in a target's settings that can be the cause of an error."""
    if target is None or not rule.about:
        return []
    return texts_about(rule.about, mistakes_of(target))


def no_credentials(name: str = "", target: Target | None = None) -> AwsProfileError:
    """Return the exception for a profile or an unnamed session that doesn't have credentials."""
    error: botocore.BotoCoreError = botocore.NoCredentialsError()
    if name in NOT_PROFILES:
        error = botocore.CredentialRetrievalError(provider=name, error_msg="no default credentials")
    return from_error(error, target, name)


def no_sign_in(target: Target) -> AwsProfileError:
    """Return the exception for a missing or expired sign-in at the start of a role chain."""
    return from_error(botocore.UnauthorizedSSOTokenError(), target)


def _sign_in_command(target: Target | None) -> str:
    """Return the AWS CLI's command to sign in again."""
    command = "aws sso login --profile"
    name = "NAME"
    if target:
        start = target.start
        name = start.name
        sign_in = target.sign_in
        if start.kind is ProfileKind.LOGIN_SESSION:
            command = "aws login --profile"
        elif sign_in and start not in target.config.profiles:
            name = sign_in.name
            if sign_in.session:
                command = "aws sso login --sso-session"
    return f"{command} {in_terminal(name)}"
