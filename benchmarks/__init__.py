"""Benchmarks against plain boto3 and the AWS CLI; run them with ``make bench``.

stage       an embedded AWS with a growing config file
timing      medians of alternating runs, in new processes or in one process
table       the ratios as a Markdown table, for `docs/performance.md`
cli         the AWS CLI to compare with
loading, listing, switching, memory, accounts, roles
            one topic each; ``measure(stage)`` yields its measurements
picker      isn't part of ``make bench``, because it needs a real JupyterLab
"""
