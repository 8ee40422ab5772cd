"""Measurements side by side with plain boto3 and the AWS CLI: ``make bench``.

stage       the embedded AWS, with more and more profiles
timing      medians: in fresh processes, in one process by turns
table       ratios as a Markdown table, and into the README
loading, listing, switching, memory
            a topic each: ``measure(stage)`` yields what was measured at this size
picker      a real JupyterLab, which is why it isn't among them
"""
