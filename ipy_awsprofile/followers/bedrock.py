"""Describe how a switch updates Amazon Bedrock libraries that keep sessions or credentials."""

from __future__ import annotations

from ipy_awsprofile.follower import Cache, Follower

FOLLOWERS = (
    Follower(
        package="anthropic",
        why="anthropic keeps a boto3 session for each combination of arguments.",
        tried="anthropic 0.79 and 2.14",
        caches=(
            Cache("anthropic.lib.aws._auth", "_get_session.cache_clear"),
            Cache("anthropic.lib.bedrock._auth", "_get_session.cache_clear"),  # before 2.0
        ),
        region="aws_region",
    ),
    Follower(
        package="litellm",
        why="litellm keeps the default credentials for ten minutes.",
        tried="litellm 1.110",
        caches=(
            Cache("litellm.llms.bedrock.base_aws_llm", "BaseAWSLLM._shared_iam_cache.flush_cache"),
        ),
    ),
)
