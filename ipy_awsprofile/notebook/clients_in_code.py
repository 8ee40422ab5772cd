"""Find the line about a method or service that a client or resource of boto3 doesn't have."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from boto3.resources.base import ServiceResource
from botocore import xform_name
from botocore.client import BaseClient
from botocore.exceptions import UnknownServiceError
from botocore.session import Session
from botocore.utils import CLIENT_NAME_TO_HYPHENIZED_SERVICE_ID_OVERRIDES

from ipy_awsprofile.kernel.watch import subclasses_of
from ipy_awsprofile.text import letters_of, misspelled, variable_of

#: The error for a client in a `with` statement, with the client's class.
_WITH = re.compile(r"'(\w+)' object does not support the (asynchronous )?context manager protocol")

#: Services whose methods people expect of a service with another name.
_RELATED = {
    "athena": ("glue",),
    "cloudwatch": ("logs", "events"),
    "ec2": ("autoscaling", "elbv2", "ssm"),
    "glue": ("athena",),
    "iam": ("organizations", "sts"),
    "sts": ("iam", "organizations"),
}


def line_about_client(error: Exception, namespace: Mapping[str, object]) -> str:
    """Return a line about a mistake in code that uses a client or resource, or "".

    ``namespace`` contains the notebook's variables.
    """
    if isinstance(error, UnknownServiceError):
        return _about_service(error)
    if isinstance(error, AttributeError):
        owner = getattr(error, "obj", None)
        name = str(getattr(error, "name", ""))
        if isinstance(owner, BaseClient):
            return _about_method(owner, name)
        if isinstance(owner, ServiceResource):
            return _about_resource(owner, name, namespace)
    if isinstance(error, TypeError):
        return _about_with(str(error))
    return ""


def _about_with(text: str) -> str:
    """Return a line about a client in a `with` statement, or an empty string."""
    written = _WITH.match(text)
    if written is None or written[1] not in {kind.__name__ for kind in subclasses_of(BaseClient)}:
        return ""
    if written[2]:
        return (
            "A client of boto3 can't be used in `async with`. Create the client before it, and "
            "call its methods without `await`."
        )
    return "A client of boto3 can't be used in a `with` statement. Create the client before it."


def _about_service(error: UnknownServiceError) -> str:
    """Return a line about a service that botocore writes differently, or an empty string."""
    typed = str(error.kwargs.get("service_name"))
    services = Session().get_available_services()
    ids = CLIENT_NAME_TO_HYPHENIZED_SERVICE_ID_OVERRIDES  # AWS's names, such as `cost-explorer`
    near = [each for each in services if letters_of(each) == letters_of(typed)]
    near = near or [name for name, known in ids.items() if letters_of(known) == letters_of(typed)]
    near = near or misspelled(typed, services)
    return f"Did you mean `{near[0]}`?" if near else ""


def _about_method(client: BaseClient, name: str) -> str:
    """Return a line about a method of another service with a similar name, or an empty string."""
    service = client.meta.service_model.service_name
    services = list(_services_with(name, service))
    if not services:
        return ""
    codes = [f'`.client("{each}")`' for each in services]
    return (
        f"`{service}` doesn't have the method `{name}`. Write {' or '.join(codes)} instead of "
        f'`.client("{service}")`.'
    )


def _services_with(method: str, service: str) -> Iterator[str]:
    """Yield related services that have a method: those with a similar name, and `_RELATED`."""
    session = Session()
    family = (service.partition("-")[0], *_RELATED.get(service, ()))
    for other in session.get_available_services():
        if other == service or not other.startswith(family):
            continue
        operations = session.get_service_model(other).operation_names
        if method in map(xform_name, operations):
            yield other


def _about_resource(resource: ServiceResource, name: str, namespace: Mapping[str, object]) -> str:
    """Return a line about a method that only a resource's client has, or an empty string."""
    meta = resource.meta
    if name.startswith("_") or not callable(getattr(meta.client, name, None)):
        return ""
    says = f"A resource doesn't have the methods of a client, such as `{name}`."
    variable = variable_of(resource, namespace, "")
    if variable:
        return f"{says} Write `{variable}.meta.client.{name}`."
    return f"{says} Write `.meta.client.{name}` instead of `.{name}`."
