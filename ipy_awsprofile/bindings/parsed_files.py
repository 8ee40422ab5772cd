"""Let botocore sessions of other libraries reuse the config files that a switch has parsed.

botocore parses both files for each session, and s3fs opens each filesystem with a new session. With
20,000 profiles, the first ``s3://`` path after a switch would take seconds.

https://botocore.amazonaws.com/v1/documentation/api/latest/reference/config.html
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from ipy_awsprofile.bindings.gate import replace_attribute
from ipy_awsprofile.bindings.shared import SharedBinding
from ipy_awsprofile.config.files import SharedFiles, read_config
from ipy_awsprofile.errors import ConfigFileError


@contextmanager
def _parsed_files() -> Iterator[None]:
    from botocore.session import Session

    by_botocore: Any = Session.full_config

    def full_config(session: Any) -> Any:
        if session._config is None:  # noqa: SLF001  # botocore's cache of the parsed files
            with suppress(ConfigFileError):  # botocore raises its own error
                config, name = read_config(_files_of(session)), session.profile
                own = {name: config.profiles[name]} if name in config.profiles else {}
                session._config = config.full_config(own)  # noqa: SLF001
        return by_botocore.fget(session)

    restore = replace_attribute(Session, "full_config", property(full_config))
    try:
        yield
    finally:
        restore()


def _files_of(session: Any) -> SharedFiles:
    """Return the files that a botocore session reads."""
    return SharedFiles.from_environment(
        {
            "AWS_CONFIG_FILE": session.get_config_variable("config_file"),
            "AWS_SHARED_CREDENTIALS_FILE": session.get_config_variable("credentials_file"),
        }
    )


#: Lets botocore and aiobotocore sessions reuse the parsed files in a ``with`` block.
parsed_files = SharedBinding(_parsed_files)
