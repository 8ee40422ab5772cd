"""The commands of ``python -m ipy_awsprofile``. Each runs an embedded AWS until it ends."""
