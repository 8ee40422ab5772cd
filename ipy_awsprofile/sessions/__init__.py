"""Open boto3 sessions for profiles, sign in, and determine a session's identity."""
