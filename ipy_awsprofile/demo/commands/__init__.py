"""The commands of ``python -m ipy_awsprofile``: each starts an embedded AWS and ends with it."""
