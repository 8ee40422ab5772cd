"""Replace parts of moto while an embedded AWS runs, and restore them afterwards."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import moto.core.responses
import moto.iam.access_control
import moto.s3.responses
import moto.sts.urls
from moto.core.authorization import enable_iam_authentication
from moto.core.responses import BaseResponse
from moto.iam.models import get_account_id_from

from ipy_awsprofile.demo.iam.signed_requests import SignedRequest, SignedS3Request
from ipy_awsprofile.demo.services import s3
from ipy_awsprofile.demo.services.sts.responses import StsResponse
from ipy_awsprofile.demo.services.sts.scoped_credentials import model_with_scoped_credentials

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ipy_awsprofile.demo.state import State


@contextmanager
def enforcing(state: State) -> Iterator[None]:
    """Replace the parts of moto that differ from AWS until the context ends.

    moto looks up each of these names at every request, so replacing them is enough.
    """
    access_control: Any = moto.iam.access_control
    with ExitStack() as swaps:
        swaps.enter_context(enable_iam_authentication())
        for name, ours in {"IAMRequest": SignedRequest, "S3IAMRequest": SignedS3Request}.items():
            swaps.enter_context(_swapped(access_control, name, _bound(ours, state)))
        for name, function in {
            "_authenticate_and_authorize_s3_action": s3.authorize,
            "_bucket_response_delete_keys": s3.delete_objects,
            "all_buckets": s3.all_buckets,
        }.items():
            swaps.enter_context(_swapped(moto.s3.responses.S3Response, name, function))
        models, in_full = moto.core.responses, model_with_scoped_credentials
        swaps.enter_context(_swapped(models, "get_service_model", in_full))
        swaps.enter_context(_swapped(BaseResponse, "get_current_account", _account_of_caller))
        swaps.enter_context(_routed(moto.sts.urls.url_paths, _bound(StsResponse, state).dispatch))
        yield


def _bound(cls: Any, state: State) -> Any:
    """Return a subclass that has the state, because moto creates its objects."""
    return type(cls.__name__, (cls,), {"state": state})


def _account_of_caller(response: Any) -> str:
    """Return the account of the access key; moto would also accept a header.

    moto doesn't find the key in a presigned URL or form with Signature Version 4.
    """
    parameters = {**response.normalized_request.args, **response.form_data}
    presigned = parameters.get("X-Amz-Credential") or parameters.get("x-amz-credential") or ""
    in_header = "Authorization" in response.headers
    key = response.get_access_key() if in_header or not presigned else presigned.partition("/")[0]
    account: str = get_account_id_from(key)
    return account


@contextmanager
def _swapped(owner: Any, name: str, ours: Any) -> Iterator[None]:
    theirs = getattr(owner, name)
    setattr(owner, name, ours)
    try:
        yield
    finally:
        setattr(owner, name, theirs)


@contextmanager
def _routed(paths: dict[str, Any], handler: Any) -> Iterator[None]:
    before = dict(paths)
    paths.update(dict.fromkeys(before, handler))
    try:
        yield
    finally:
        paths.update(before)
