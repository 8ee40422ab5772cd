"""Run the embedded AWS, a local server on a loopback port that enforces IAM in front of moto.

- `commands` runs ``ipy-awsprofile demo`` and ``ipy-awsprofile lab``.

- `stages` creates the accounts, roles and profiles of the demo and the tutorials.

- `aws` starts and stops the server, creates buckets, and writes profiles.

- `identity_center` emulates IAM Identity Center.

- `front` authenticates each HTTP request, and either answers the request or passes it to moto.

- `sts` and `s3` emulate STS and the parts of S3 that moto doesn't have.

- `iam` stores users, roles, sessions and MFA devices.

- `policies` evaluates IAM policies.

- `refusals` formats errors for each AWS protocol.
"""
