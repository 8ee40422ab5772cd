"""Benchmarks against plain boto3 and the AWS CLI; run them with ``make bench``.

stage       an embedded AWS with a growing config file, and new processes that use it
scenarios   the cells to compare
table       the times as a Markdown table, for `docs/performance.md`
picker      isn't part of ``make bench``, because it needs a real JupyterLab
"""
