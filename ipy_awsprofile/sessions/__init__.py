"""A profile as a boto3 session, and a session's identity."""
