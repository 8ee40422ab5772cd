"""Describe how a switch updates database drivers that keep credentials or connections."""

from __future__ import annotations

from types import ModuleType

from ipy_awsprofile.follower import Cache, Follower
from ipy_awsprofile.kernel.caches import reset
from ipy_awsprofile.kernel.watch import subclasses_of


class _NothingKept(dict[str, object]):
    """A dict that ignores new items, so a cache that uses this dict stays empty."""

    def __setitem__(self, key: str, value: object) -> None:
        """Do nothing."""


def _forget_users_of_clusters(module: ModuleType) -> None:
    reset(module.IamHelper, "credentials_cache", _NothingKept())


def _forget_credentials(module: ModuleType) -> None:
    module.set_cached_credentials(None)


def _disconnect_models(module: ModuleType) -> None:
    for model in subclasses_of(module.Model):
        reset(model, "_connection")


FOLLOWERS = (
    Follower(
        package="redshift_connector",
        why=(
            "redshift_connector keeps a cluster's user, even for another identity in the same run "
            "over many profiles."
        ),
        tried="redshift_connector 2.2",
        caches=(Cache("redshift_connector.iam_helper", _forget_users_of_clusters),),
    ),
    Follower(
        package="pymongo_auth_aws",
        why="pymongo_auth_aws keeps credentials for all connections.",
        tried="pymongo-auth-aws 1.3",
        caches=(Cache("pymongo_auth_aws.auth", _forget_credentials),),
    ),
    Follower(
        package="pynamodb",
        why="Each pynamodb model keeps a connection.",
        tried="pynamodb 6.1",
        caches=(Cache("pynamodb.models", _disconnect_models),),
    ),
)
