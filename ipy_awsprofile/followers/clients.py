"""Describe how a switch updates libraries that keep a boto3 client or resource."""

# libraries have no public API for what they keep

from __future__ import annotations

from types import ModuleType

from ipy_awsprofile.follower import Cache, Follower
from ipy_awsprofile.kernel.caches import reset


def _reset_cloudpathlib(module: ModuleType) -> None:
    reset(module.S3Client, "_default_client")


def _reset_s3path(module: ModuleType) -> None:
    configuration = module.configuration_map
    # Resources that the user has set stay.
    if configuration.is_setup and len(configuration.resources) == 1:
        configuration.is_setup = False
        configuration.get_configuration.cache_clear()


FOLLOWERS = (
    Follower(
        package="mlflow",
        why="mlflow keeps a client for an hour.",
        tried="mlflow 3.17",
        caches=(
            Cache("mlflow.store.artifact.s3_artifact_repo", "_cached_get_s3_client.cache_clear"),
        ),
    ),
    Follower(
        package="cloudpathlib",
        why="cloudpathlib keeps a default client for paths that don't name a client.",
        tried="cloudpathlib 0.26",
        caches=(Cache("cloudpathlib.s3.s3client", _reset_cloudpathlib),),
    ),
    Follower(
        package="aws_lambda_powertools",
        why="Powertools keeps a client for each kind of parameter.",
        tried="aws-lambda-powertools 3.37",
        caches=(Cache("aws_lambda_powertools.utilities.parameters", "clear_caches"),),
    ),
    Follower(
        package="prefect_aws",
        why="prefect_aws keeps a client for all credentials blocks that are equal.",
        tried="prefect-aws 0.7",
        caches=(Cache("prefect_aws.credentials", "_get_client_cached.cache_clear"),),
    ),
    Follower(
        package="sagemaker",
        why="sagemaker keeps one client for all resources.",
        tried="sagemaker-core 2.27",
        caches=(Cache("sagemaker.core.utils.utils", "SageMakerClient.reset"),),
    ),
    Follower(
        package="sagemaker_core",
        why="sagemaker_core keeps one client for all resources.",
        tried="sagemaker-core 1.0",
        caches=(Cache("sagemaker_core.main.utils", "SingletonMeta._instances.clear"),),
    ),
    Follower(
        package="s3path",
        why="s3path keeps a default boto3 resource for paths that don't have one.",
        tried="s3path 0.6",
        caches=(Cache("s3path", _reset_s3path),),
    ),
)
