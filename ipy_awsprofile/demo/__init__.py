"""The embedded AWS: IAM enforced in front of moto's server, on a loopback port of this process.

commands          ``ipy-awsprofile demo`` and ``… lab``
stages            the accounts, roles and profiles of the demo and the tutorials
aws               EmbeddedAws: starts, stops, creates buckets, and writes profiles
identity_center   IAM Identity Center
front             HTTP: the signer of a request, and who answers it
sts, s3           STS, and what S3 has in front of moto
iam               users, roles, sessions and MFA devices
policies          what policies allow
refusals          errors in the form of each AWS protocol
"""
