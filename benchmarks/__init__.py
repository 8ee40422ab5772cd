"""Benchmarks against plain boto3 and the AWS CLI, side by side: ``make bench``.

stage       an embedded AWS whose config file has more and more profiles
timing      medians of many runs, in new processes or in one process by turns
table       the ratios as a Markdown table, also on the page of speed
cli         the AWS CLI to compare with
loading, listing, switching, memory, accounts, roles
            one topic each: ``measure(stage)`` yields its measurements
picker      needs a real JupyterLab, so it isn't in ``make bench``
"""
